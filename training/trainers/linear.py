"""Linear models: logistic regression for classes, ridge regression for values."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from registry.signature import Task
from training.catalog import LinearRegressionSettings, LogisticRegressionSettings
from training.onnx_graph import OnnxGraph
from training.trainers.family import Family


def build_logistic(settings: LogisticRegressionSettings, task: Task, seed: int) -> Any:
    """Build a classifier; the solver is deterministic and needs no seed."""
    assert task is Task.CLASSIFICATION
    del seed
    return LogisticRegression(
        C=1 / settings.regularization,
        max_iter=settings.max_iterations,
        class_weight=None if settings.class_weight == "none" else settings.class_weight,
    )


def build_linear(settings: LinearRegressionSettings, task: Task, seed: int) -> Any:
    """Build a regressor; the solver is deterministic and needs no seed."""
    assert task is Task.REGRESSION
    del seed
    return Ridge(alpha=settings.regularization)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the linear function; return the name of its FP64 tensor [rows, classes or 1]."""
    weights = np.atleast_2d(estimator.coef_).T
    bias = np.atleast_1d(estimator.intercept_)
    if hasattr(estimator, "classes_") and len(bias) == 1:
        # Of two classes scikit-learn scores the second; softmax over (0, score) is its sigmoid.
        weights = np.hstack([np.zeros_like(weights), weights])
        bias = np.hstack([0.0, bias])
    return graph.add("Gemm", matrix, graph.add_constant(weights), graph.add_constant(bias))


LOGISTIC = Family(build_logistic, add_scores, scale=True, softmax=True)
LINEAR = Family(build_linear, add_scores, scale=True, softmax=False)

"""Neural networks of dense layers."""

from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from registry.signature import Task
from training.catalog.settings import PerceptronSettings
from training.onnx_graph import OnnxGraph
from training.trainers.coded_classes import CodedClassifier
from training.trainers.family import Family
from training.trainers.scaled_target import add_unscaled, scale_target

_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def build(settings: PerceptronSettings, task: Task, seed: int) -> Any:
    """Build a network."""
    options = {
        "hidden_layer_sizes": settings.hidden_layers,
        "activation": settings.activation,
        "alpha": settings.regularization,
        "learning_rate_init": settings.learning_rate,
        "max_iter": settings.max_iterations,
        "random_state": seed,
    }
    if task is Task.REGRESSION:
        return scale_target(MLPRegressor(**options))
    return CodedClassifier(MLPClassifier(**options), settings.class_weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the layers; return the name of the last one's FP64 sums [rows, classes or 1]."""
    if isinstance(estimator, TransformedTargetRegressor):
        return add_unscaled(graph, estimator, add_scores(graph, estimator.regressor_, matrix))
    if isinstance(estimator, CodedClassifier):
        estimator = estimator.model_
    *hidden, (weights, bias) = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    for layer in hidden:
        sums = graph.add("Gemm", matrix, *map(graph.add_constant, layer))
        matrix = graph.add(_OPERATORS[estimator.activation], sums)
    if hasattr(estimator, "classes_") and len(bias) == 1:
        # Of two classes the network scores the second; softmax over (0, score) is its sigmoid.
        weights = np.hstack([np.zeros_like(weights), weights])
        bias = np.hstack([0.0, bias])
    return graph.add("Gemm", matrix, graph.add_constant(weights), graph.add_constant(bias))


PERCEPTRON = Family(build, add_scores, scale=True, softmax=True)

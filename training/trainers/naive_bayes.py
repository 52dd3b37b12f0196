"""Naive Bayes: a Gaussian per class and column."""

from typing import Any

import numpy as np
from sklearn.naive_bayes import GaussianNB

from registry.signature import Task
from training.catalog.settings import NaiveBayesSettings
from training.onnx_graph import Array, OnnxGraph
from training.trainers.coded_classes import CodedClassifier, compute_softmax
from training.trainers.distances import add_squared_distances
from training.trainers.family import Family


class SteadyBayes(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """Gives probabilities that add up to 1 however unlikely a row is in every class.

    scikit-learn subtracts logarithms, which far from all training rows are so large that
    their differences are lost: it answers with a probability of 1 for several classes.
    """

    def predict_proba(self, X: Array) -> Array:  # noqa: N803  scikit-learn's names
        """Return the probabilities, FP64 [rows, classes]."""
        return compute_softmax(self.predict_joint_log_proba(X))


def build(settings: NaiveBayesSettings, task: Task, seed: int) -> Any:
    """Build the classifier, in which nothing is random."""
    assert task is Task.CLASSIFICATION
    del seed
    return CodedClassifier(SteadyBayes(var_smoothing=settings.smoothing), settings.class_weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the logarithms of prior and likelihood, FP64 [rows, classes]."""
    bayes = estimator.model_
    squares = add_squared_distances(graph, matrix, bayes.theta_, bayes.var_)
    base = np.log(bayes.class_prior_) - 0.5 * np.log(2 * np.pi * bayes.var_).sum(axis=1)
    halves = graph.add("Mul", squares, graph.add_constant(np.array(0.5)))
    return graph.add("Sub", graph.add_constant(base), halves)


# Scaled, since what is added to variances is a part of the largest.
NAIVE_BAYES = Family(build, add_scores, scale=True, softmax=True)

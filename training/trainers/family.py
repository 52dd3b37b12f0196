"""What the rest of training knows of an algorithm family."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from registry.signature import Task
from training.onnx_graph import OnnxGraph


@dataclass(frozen=True, slots=True)
class Family:
    """One algorithm family.

    Attributes:
        build: Settings, task and seed to an unfitted estimator.
        add_scores: Adds a fitted estimator to a graph: takes the name of an FP64 matrix
            [rows, columns], returns that of a float tensor [rows, classes], or [rows, 1] for
            regression. The largest score is the class that is predicted.
        scale: Whether numbers are standardized before.
        softmax: Whether probabilities are the softmax of the scores; else they are the scores.
    """

    build: Callable[[Any, Task, int], Any]
    add_scores: Callable[[OnnxGraph, Any, str], str]
    scale: bool
    softmax: bool

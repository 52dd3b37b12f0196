"""What a version must beat: the same answer to every row, told from the rows learned from."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from registry.signature import Task
from training.evaluation.answers import Sample
from training.evaluation.intervals import Figure
from training.features import Array

# Of these one must be clearly better. A baseline's accuracy is high where one class is
# frequent; these two it can't be good at.
_DECISIVE = {
    Task.CLASSIFICATION: ("log_loss", "balanced_accuracy"),
    Task.MULTILABEL_CLASSIFICATION: ("log_loss", "roc_auc"),
    Task.REGRESSION: ("rmse", "mae"),
}
_SMALLER_IS_BETTER = frozenset({"log_loss", "rmse", "mae"})


class Baseline:
    """Answers every row alike: the shares of the classes and the most frequent one, or the mean.

    Args:
        task: For classes or for values.
        sample: What is learned from.
    """

    def __init__(self, task: Task, sample: Sample) -> None:
        self._task = task
        model = DummyRegressor() if task is Task.REGRESSION else DummyClassifier(strategy="prior")
        nothing = np.zeros((len(sample), 1))
        self._model = model.fit(nothing, sample.target, sample.weights)
        if task is Task.CLASSIFICATION:
            self.classes_ = self._model.classes_

    def predict(self, frame: Any) -> Array:
        """Answer every row of a frame alike."""
        answers: Array = self._model.predict(np.zeros((len(frame), 1)))
        return answers

    def predict_proba(self, frame: Any) -> Any:
        """Give every row of a frame the shares of the classes; of labels a list of such."""
        return self._model.predict_proba(np.zeros((len(frame), 1)))

    def describe(self) -> str:
        """Say what it answers."""
        answer = self.predict([0])[0]
        if self._task is Task.CLASSIFICATION:
            return f"always answers {str(answer)[:100]!r}, the most frequent class"
        if self._task is Task.MULTILABEL_CLASSIFICATION:
            return "always answers of each label what holds in most rows"
        if np.ndim(answer):
            return "always answers the mean of each target"
        return f"always answers {float(answer):.6g}, the mean"


def describe_failure(
    task: Task, found: tuple[Figure, ...], baseline: tuple[Figure, ...]
) -> str | None:
    """Say so if a version is not clearly better than its baseline.

    It is if the intervals of one decisive figure do not overlap.

    Returns:
        A sentence, or None.
    """
    others = {figure.name: figure for figure in baseline if not figure.class_name}
    pairs = [
        (figure, others[figure.name])
        for figure in found
        if figure.name in _DECISIVE[task] and figure.name in others and not figure.class_name
    ]
    if any(_is_better(figure, other) for figure, other in pairs):
        return None
    words = (f"{figure.name} {_words(figure)} against {_words(other)}" for figure, other in pairs)
    return f"not clearly better than the baseline: {', '.join(words)}"


def _is_better(figure: Figure, other: Figure) -> bool:
    lower, upper = _interval(figure)
    other_lower, other_upper = _interval(other)
    return upper < other_lower if figure.name in _SMALLER_IS_BETTER else lower > other_upper


def _interval(figure: Figure) -> tuple[float, float]:
    if figure.lower is None or figure.upper is None:
        return figure.value, figure.value
    return figure.lower, figure.upper


def _words(figure: Figure) -> str:
    if figure.lower is None:
        return f"{figure.value:.4g}"
    return f"{figure.value:.4g} ({figure.lower:.4g} to {figure.upper:.4g})"

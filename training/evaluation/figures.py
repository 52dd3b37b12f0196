"""Figures of merit, each for many weightings of the same rows at once.

A weighting says how often each row counts: once for the figure itself, and as often as it was
drawn for a resample of the bootstrap. One implementation serves both, so that a figure and its
interval can't disagree. NaN stands where the rows can't give a figure.
"""

import numpy as np

from training.evaluation.answers import ClassAnswers, ValueAnswers
from training.features import Array

Figures = dict[tuple[str, str], Array]
"""[weightings] By the names of the figure and, if it is one class's, of the class."""

MOST_NAMED_CLASSES = 20
"""Up to so many classes get figures of their own, and all are in rankings."""


def measure_labels(answers: ClassAnswers, weights: Array) -> Figures:
    """Measure which classes were predicted, and the probability that the true one got.

    Args:
        answers: The predictions.
        weights: FP64 [weightings, rows].
    """
    count = len(answers.classes) + 1  # the last one: not among the rows learned from
    hits = (answers.truths == answers.labels).astype(float)
    true = _sum_by(answers.truths, weights, count)
    predicted = _sum_by(answers.labels, weights, count)
    right = _sum_by(answers.truths, weights * hits, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = right / predicted, right / true
        f1 = 2 * right / (true + predicted)
    figures: Figures = {
        ("accuracy", ""): _average(weights, hits),
        ("balanced_accuracy", ""): average_known(recall),
        ("f1_macro", ""): average_known(f1),
        ("log_loss", ""): _average(weights, log_losses(answers)),
        ("brier_score", ""): _average(weights, _square_errors(answers)),
    }
    if count - 1 <= MOST_NAMED_CLASSES:
        for place, name in enumerate(answers.classes.tolist()):
            figures["precision", str(name)] = precision[:, place]
            figures["recall", str(name)] = recall[:, place]
    return figures


def measure_ranking(answers: ClassAnswers, weights: Array) -> Figures:
    """Measure how well probabilities put rows of a class before others, averaged over classes.

    Of two classes the second is looked at. NaN where a class has no row at all.

    Args:
        answers: The predictions.
        weights: FP64 [weightings, rows].
    """
    places = ranked_places(answers)
    pairs = [
        _rank(answers.truths == place, answers.probabilities[:, place], weights) for place in places
    ]
    if set(range(len(answers.classes))) - set(answers.truths.tolist()):
        nothing = np.full(len(weights), np.nan)
        return {("roc_auc", ""): nothing, ("average_precision", ""): nothing}
    areas, precisions = (np.stack(parts, axis=1) for parts in zip(*pairs, strict=True))
    return {
        ("roc_auc", ""): average_known(areas),
        ("average_precision", ""): average_known(precisions),
    }


def measure_values(answers: ValueAnswers, weights: Array) -> Figures:
    """Measure how far predicted values are from the true ones.

    Args:
        answers: The predictions.
        weights: FP64 [weightings, rows].
    """
    errors = answers.values - answers.truths
    squares = _average(weights, errors**2)
    figures: Figures = {
        ("rmse", ""): np.sqrt(squares),
        ("mae", ""): _average(weights, np.abs(errors)),
        ("r2", ""): 1 - squares / _variances(answers.truths, weights),
        ("median_absolute_error", ""): _medians(np.abs(errors), weights),
    }
    # A relative error of zero means nothing, and one near zero nothing good.
    if (answers.truths != 0).all():
        relative = np.abs(errors / answers.truths)
        figures["mape", ""] = _average(weights, relative)
    return figures


def ranked_places(answers: ClassAnswers) -> range:
    """Return the places of the classes that are ranked: of two the second, else all."""
    count = len(answers.classes)
    return range(1, 2) if count == 2 else range(count)  # noqa: PLR2004  two classes


def log_losses(answers: ClassAnswers) -> Array:
    """Return how surprising each row's class was, in nats, [rows]; bounded as in scikit-learn."""
    least = np.finfo(np.float64).eps
    losses: Array = -np.log(np.clip(_probabilities_of_truth(answers), least, 1 - least))
    return losses


def _square_errors(answers: ClassAnswers) -> Array:
    """Return Brier's squared distances [rows]: of two classes half of it, as is the custom."""
    count = len(answers.classes)
    wanted = answers.truths[:, np.newaxis] == np.arange(count)
    distances: Array = ((answers.probabilities - wanted) ** 2).sum(axis=1)
    return distances / 2 if count == 2 else distances  # noqa: PLR2004  two classes


def _probabilities_of_truth(answers: ClassAnswers) -> Array:
    padded = np.hstack([answers.probabilities, np.zeros((len(answers.truths), 1))])
    return padded[np.arange(len(padded)), answers.truths]


def _rank(positive: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Measure the area under the ROC curve and the average precision, [weightings] each."""
    order = np.argsort(-scores, kind="stable")
    # Rows of one score are passed together.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    sorted_weights = weights[:, order]
    hits = np.cumsum(sorted_weights * positive[order], axis=1)[:, ends]
    misses = np.cumsum(sorted_weights * ~positive[order], axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0)
    before = np.diff(misses, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = ((hits - gained / 2) * before).sum(axis=1) / (hits[:, -1] * misses[:, -1])
        # Nothing is gained where nothing was passed yet.
        precision = hits / np.maximum(hits + misses, np.finfo(np.float64).tiny)
        return area, (gained * precision).sum(axis=1) / hits[:, -1]


def _sum_by(places: Array, weights: Array, count: int) -> Array:
    """Add up the weights of each place, [weightings, count]."""
    order = np.argsort(places, kind="stable")
    present, starts = np.unique(places[order], return_index=True)
    sums = np.zeros((len(weights), count))
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _average(weights: Array, values: Array) -> Array:
    averages: Array = weights @ values / weights.sum(axis=1)
    return averages


def average_known(values: Array) -> Array:
    """Average over the columns that are not NaN; NaN where there is none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        averages: Array = np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)
    return averages


def _variances(truths: Array, weights: Array) -> Array:
    """Return the variances of the truths; NaN without two different values to explain."""
    centred = truths - truths.mean()
    variances = _average(weights, centred**2) - _average(weights, centred) ** 2
    return np.where(variances > 0, variances, np.nan)


def _medians(values: Array, weights: Array) -> Array:
    """Return the weighted medians; of an even count the middle between the two."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[:, order], axis=1)
    half = passed[:, -1:] / 2
    lower = (passed < half).sum(axis=1)
    upper = (passed <= half).sum(axis=1)
    sorted_values = values[order]
    middles: Array = (sorted_values[lower] + sorted_values[np.minimum(upper, len(order) - 1)]) / 2
    return middles

"""The plots of an evaluation, drawn from nothing but its numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from training.evaluation.drawing import (
    BLUE,
    DASHES,
    GREY,
    ORANGE,
    PALE,
    PALETTE,
    draw,
    shorten,
)
from training.evaluation.report import (
    Calibration,
    ClassCurves,
    Confusion,
    Evaluation,
    Importances,
    Residuals,
)

_Place = Literal["lower left", "lower right"]

_MOST_BARS = 15
_MOST_TEXTS = 12


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of a version.

    Attributes:
        name: Its artifact id.
        title: What it shows.
        words: The same for those who can't see it.
        png: The file.
    """

    name: str
    title: str
    words: str
    png: bytes


def draw_plots(evaluation: Evaluation) -> Iterator[Plot]:
    """Draw what the evaluation has numbers for."""
    if evaluation.confusion:
        yield _plot_confusion(evaluation.confusion)
    if evaluation.curves:
        yield _plot_roc(evaluation.curves)
        yield _plot_precision_recall(evaluation.curves)
    if evaluation.calibration:
        yield _plot_calibration(evaluation.calibration)
    if evaluation.residuals:
        yield _plot_predictions(evaluation.residuals)
        yield _plot_residuals(evaluation.residuals)
    if evaluation.importances.columns:
        yield _plot_importances(evaluation.importances)


def _plot_confusion(confusion: Confusion) -> Plot:
    counts = np.array(confusion.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def paint(axes: Axes) -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        names = [shorten(name) for name in confusion.predicted_names]
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 3 else 0, ha="center")  # noqa: PLR2004  more would overlap
        axes.set_yticks(range(len(counts)), [shorten(name) for name in confusion.true_names])
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if max(counts.shape) <= _MOST_TEXTS:
            for (row, column), count in np.ndenumerate(counts):
                dark = shares[row, column] > 0.5  # noqa: PLR2004  half of the scale
                colour = "white" if dark else "#262626"
                axes.text(column, row, str(count), ha="center", va="center", color=colour)

    title = "Confusion: rows by true and predicted class"
    right = sum(
        count
        for name, row in zip(confusion.true_names, counts.tolist(), strict=True)
        for predicted, count in zip(confusion.predicted_names, row, strict=True)
        if name == predicted
    )
    words = f"{right} of {counts.sum()} rows were given their own class."
    height = 4.2 if max(counts.shape) <= _MOST_TEXTS else 6.0
    return Plot("confusion-matrix.png", title, words, draw(title, paint, height))


def _plot_roc(curves: tuple[ClassCurves, ...]) -> Plot:
    def paint(axes: Axes) -> None:
        _paint_curves(axes, [(curve.class_name, curve.roc) for curve in curves], "lower right")
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
        axes.set_xlabel("false positive rate")
        axes.set_ylabel("true positive rate")

    title = "ROC: each class against the rest"
    words = "The further a curve is above the diagonal, the better rows of the class are found."
    return Plot("roc-curve.png", title, words, draw(title, paint))


def _plot_precision_recall(curves: tuple[ClassCurves, ...]) -> Plot:
    def paint(axes: Axes) -> None:
        lines = [(curve.class_name, curve.precision_recall) for curve in curves]
        _paint_curves(axes, lines, "lower left")
        axes.set_xlabel("recall")
        axes.set_ylabel("precision")

    title = "Precision and recall: each class against the rest"
    words = "How many of the rows that are called a class are of it, for how many of its rows."
    return Plot("precision-recall-curve.png", title, words, draw(title, paint))


def _paint_curves(
    axes: Axes, curves: list[tuple[str, tuple[tuple[float, float], ...]]], place: _Place
) -> None:
    lines = []
    for number, (_, points) in enumerate(curves):
        style = DASHES[number % len(DASHES)]
        colour = PALETTE[number % len(PALETTE)]
        (line,) = axes.plot(*zip(*points, strict=True), color=colour, linestyle=style)
        lines.append(line)
    axes.legend(lines, [shorten(name) for name, _ in curves], loc=place)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.05)


def _plot_calibration(calibration: Calibration) -> Plot:
    chances = [part.mean_probability for part in calibration.bins]
    shares = [part.share_true for part in calibration.bins]
    total = sum(part.row_count for part in calibration.bins)

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
        axes.plot(chances, shares, color=BLUE, linewidth=1)
        sizes = [20 + 180 * part.row_count / total for part in calibration.bins]
        axes.scatter(chances, shares, s=sizes, color=BLUE, zorder=3)
        axes.set_xlabel(f"probability of {shorten(calibration.of)}")
        axes.set_ylabel("how often it was so")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.05)

    title = "Calibration: do probabilities come true?"
    words = "Points on the diagonal are right; a larger point stands for more rows."
    return Plot("calibration-curve.png", title, words, draw(title, paint))


def _plot_predictions(residuals: Residuals) -> Plot:
    predicted, true = zip(*residuals.points, strict=True)

    def paint(axes: Axes) -> None:
        ends = [min(*predicted, *true), max(*predicted, *true)]
        axes.plot(ends, ends, color=GREY, linewidth=1, linestyle=":")
        axes.scatter(predicted, true, s=14, color=BLUE, alpha=0.6, linewidths=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")

    title = "Predicted and true values"
    words = "Points on the diagonal are right."
    return Plot("predicted-vs-actual.png", title, words, draw(title, paint))


def _plot_residuals(residuals: Residuals) -> Plot:
    def paint(axes: Axes) -> None:
        axes.stairs(residuals.counts, residuals.edges, fill=True, color=BLUE)
        axes.axvline(0, color=ORANGE, linewidth=1, linestyle="--")
        axes.set_xlabel("predicted minus true")
        axes.set_ylabel("rows")

    title = "Residuals: how far values are off"
    words = "How many rows are off by how much; the dashed line is no error."
    return Plot("residuals.png", title, words, draw(title, paint))


def _plot_importances(importances: Importances) -> Plot:
    shown = importances.columns[:_MOST_BARS]

    def paint(axes: Axes) -> None:
        places = range(len(shown))
        axes.barh(
            places,
            [it.mean for it in shown],
            xerr=[it.standard_deviation for it in shown],
            color=BLUE,
            ecolor=GREY,
            height=0.6,
        )
        axes.set_yticks(places, [shorten(it.column) for it in shown])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.axvline(0, color=PALE, linewidth=1)
        axes.set_xlabel(f"more {importances.figure} when the column is shuffled")

    title = "Importance of the columns"
    first = shown[0].column if shown else ""
    words = f"The version hangs most on the column {shorten(first)}."
    height = 1.6 + 0.32 * max(len(shown), 3)
    return Plot("feature-importance.png", title, words, draw(title, paint, height))

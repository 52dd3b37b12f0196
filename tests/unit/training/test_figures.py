from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from registry.signature import Task
from training.evaluation.answers import ClassAnswers, Outcomes, Sample, ValueAnswers, ask
from training.evaluation.intervals import Figure, measure


def _classes(rows: int, classes: int, seed: int = 0, skill: float = 1.5) -> ClassAnswers:
    random = np.random.default_rng(seed)
    truths = random.integers(0, classes, rows)
    scores = random.normal(size=(rows, classes))
    scores[np.arange(rows), truths] += skill
    # Coarse, so that there are ties.
    scores = np.exp(np.round(scores, 1))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    names = np.array([f"c{place}" for place in range(classes)], dtype=object)
    labels = probabilities.argmax(axis=1)
    return ClassAnswers(names, truths, labels, probabilities, np.ones(rows))


def _values(rows: int, seed: int = 0) -> ValueAnswers:
    random = np.random.default_rng(seed)
    truths = random.normal(10, 2, rows)
    return ValueAnswers(truths, truths + random.normal(size=rows), np.ones(rows))


def _figures(*parts: Any, seed: int = 0) -> dict[str, Figure]:
    found = measure(parts, seed)
    return {f"{it.name} {it.class_name}".strip(): it for it in found}


@pytest.mark.parametrize("classes", [2, 4])
def test_figures_of_classes_are_those_of_scikit_learn(classes: int) -> None:
    answers = _classes(300, classes)
    truths, labels, chances = answers.truths, answers.labels, answers.probabilities
    scores = chances[:, 1] if classes == 2 else chances
    wanted = {
        "accuracy": metrics.accuracy_score(truths, labels),
        "balanced_accuracy": metrics.balanced_accuracy_score(truths, labels),
        "f1_macro": metrics.f1_score(truths, labels, average="macro"),
        "log_loss": metrics.log_loss(truths, chances),
        "brier_score": metrics.brier_score_loss(truths, scores),
        "roc_auc": metrics.roc_auc_score(truths, scores, multi_class="ovr"),
        "average_precision": metrics.average_precision_score(truths, scores),
    }
    for average in ("precision", "recall"):
        each = getattr(metrics, f"{average}_score")(truths, labels, average=None)
        wanted |= {f"{average} c{place}": value for place, value in enumerate(each)}
    found = _figures(answers)
    assert {name: figure.value for name, figure in found.items()} == pytest.approx(wanted)


def test_figures_of_values_are_those_of_scikit_learn() -> None:
    for rows in (20, 21):
        answers = _values(rows)
        pair = (answers.truths, answers.values)
        wanted = {
            "rmse": metrics.root_mean_squared_error(*pair),
            "mae": metrics.mean_absolute_error(*pair),
            "r2": metrics.r2_score(*pair),
            "median_absolute_error": metrics.median_absolute_error(*pair),
            "mape": metrics.mean_absolute_percentage_error(*pair),
        }
        found = {name: figure.value for name, figure in _figures(answers).items()}
        assert found == pytest.approx(wanted)


def test_figures_that_the_rows_can_not_give_are_left_out() -> None:
    names = np.array(["a", "b", "c"], dtype=object)
    chances = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    alike = np.ones(2)
    found = _figures(ClassAnswers(names, np.array([0, 1]), np.array([0, 2]), chances, alike))
    assert set(found).isdisjoint({"roc_auc", "average_precision", "recall c", "precision b"})
    assert found["balanced_accuracy"].value == 0.5
    zeros = _figures(ValueAnswers(np.array([2.0, 2.0]), np.array([1.0, 1.0]), alike))
    assert "r2" not in zeros
    assert "mape" not in _figures(ValueAnswers(np.array([0.0, 2.0]), np.array([1.0, 1.0]), alike))


def test_a_row_that_counts_thrice_is_three_rows() -> None:
    counts = np.random.default_rng(3).integers(1, 4, 100)
    often = np.repeat(np.arange(100), counts)
    for answers in (_classes(100, 3), _values(100)):
        weighed = replace(answers, weights=counts.astype(float))
        found, wanted = _figures(weighed), _figures(answers.select(often))
        assert {name: figure.value for name, figure in found.items()} == pytest.approx(
            {name: figure.value for name, figure in wanted.items()}
        )


class Fixed:
    """A pipeline that knows two classes and always says the first."""

    classes_ = np.array(["a", "b"], dtype=object)

    def predict(self, frame: Any) -> Any:
        return np.repeat(self.classes_[:1], len(frame))

    def predict_proba(self, frame: Any) -> Any:
        return np.tile([0.75, 0.25], (len(frame), 1))


def test_a_class_that_was_not_learned_counts_as_wrong() -> None:
    sample = Sample({"x": np.zeros(4)}, np.array(["a", "a", "a", "new"], dtype=object))
    answers = ask(Fixed(), sample, Outcomes(Task.CLASSIFICATION, Fixed.classes_))
    found = _figures(answers)
    assert found["accuracy"].value == 0.75
    assert found["balanced_accuracy"].value == 0.5
    assert found["log_loss"].value > 5
    classes = np.array(["a", "ab", "b"], dtype=object)
    more = ask(Fixed(), sample, Outcomes(Task.CLASSIFICATION, classes))
    assert isinstance(more, ClassAnswers)
    assert more.probabilities[0].tolist() == [0.75, 0, 0.25]


def _interval(figure: Figure) -> tuple[float, float]:
    assert figure.lower is not None
    assert figure.upper is not None
    assert figure.lower <= figure.value <= figure.upper, figure
    return figure.lower, figure.upper


def test_intervals_hold_the_value_and_shrink_with_the_rows() -> None:
    for make in (lambda rows: _classes(rows, 3, skill=0.5), _values):
        widths = []
        for rows in (40, 400, 4000):
            found = _figures(make(rows))
            intervals = {name: _interval(figure) for name, figure in found.items()}
            widths.append({name: upper - lower for name, (lower, upper) in intervals.items()})
        # A class of few rows may be found each time, and then has an interval without width.
        for name in {"accuracy", "f1_macro", "log_loss", "rmse", "mae"} & set(widths[0]):
            # A hundred times the rows: about a tenth of the width.
            assert widths[2][name] < widths[0][name] / 5, name


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """The accuracy of a coin is a half, whatever rows were drawn."""
    held = 0
    for seed in range(60):
        figure = _figures(_classes(150, 2, seed, skill=0.0), seed=seed)["accuracy"]
        lower, upper = _interval(figure)
        held += lower <= 0.5 <= upper
    assert 51 <= held <= 60


def test_intervals_are_those_of_a_bootstrap_by_hand() -> None:
    answers = _values(120)
    random = np.random.default_rng(99)
    errors = np.abs(answers.values - answers.truths)
    means = [errors[random.integers(0, 120, 120)].mean() for _ in range(4000)]
    lower, upper = np.percentile(means, [2.5, 97.5])
    figure = _figures(answers)["mae"]
    assert figure.lower == pytest.approx(lower, abs=0.03)
    assert figure.upper == pytest.approx(upper, abs=0.03)


def test_the_seed_decides_and_the_work_is_bounded() -> None:
    answers = _classes(200, 3)
    assert measure([answers], 1) == measure([answers], 1) != measure([answers], 2)
    # Too few rows to draw from, or too many for fifty resamples: figures without intervals.
    assert _figures(_values(9))["rmse"].lower is None
    many = _figures(_values(450_000))
    assert many["rmse"].lower is None
    assert many["rmse"].value == pytest.approx(1, abs=0.01)


def test_figures_of_folds_are_their_means() -> None:
    parts = [_classes(rows, 3, seed=rows) for rows in (50, 60, 70)]
    whole, each = _figures(*parts), [_figures(part) for part in parts]
    for name, figure in whole.items():
        assert figure.value == pytest.approx(np.mean([one[name].value for one in each]))
        _interval(figure)

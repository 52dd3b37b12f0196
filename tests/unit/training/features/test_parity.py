"""Every step behind a linear and a tree trainer, by whole fits: parity passes.

The named tests are the conversions that general converters get wrong without a word.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_diabetes, load_wine

from registry import admission_check
from registry.admission_files import CheckRequest
from registry.errors import FieldInvalid
from registry.signature import Role, Task
from training.errors import StepNotExportable
from training.feature_checks import check_features
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    TextSteps,
    TimeSteps,
)
from training.fitting import FitOutcome
from training.trainers import FAMILIES

Fit = Callable[..., FitOutcome]
FEW: dict[str, dict[str, Any]] = {
    "gradient-boosting": {"iterations": 8, "min_samples_leaf": 5},
    "random-forest": {"trees": 8},
}
WAYS = [
    ("logistic-regression", Task.CLASSIFICATION),
    ("linear-regression", Task.REGRESSION),
    ("gradient-boosting", Task.CLASSIFICATION),
    ("random-forest", Task.REGRESSION),
]
TARGETS = {Task.CLASSIFICATION: "species", Task.REGRESSION: "body_mass_g"}
NUMBER, LENGTH = "bill_depth_mm", "bill_length_mm"
SENTENCES = {
    "Adelie": ("A small, loud bird I saw", "Größe: klein - I think", "ein kleiner Vogel 測試"),
    "Chinstrap": ("Looks like a 測試 bird", "I saw a stripe, a chin", "Größe mittel; a I a"),
    "Gentoo": ("The GRÖSSTE of all I saw", "très grand, très calme", "Größe: GROSS a b"),
}  # fmt: skip


def _numeric(**steps: Any) -> tuple[FeatureColumn, ...]:
    return tuple(FeatureColumn(name, numeric=NumericSteps(**steps)) for name in (NUMBER, LENGTH))


def _island(**steps: Any) -> tuple[FeatureColumn, ...]:
    return (FeatureColumn("island", categorical=CategoricalSteps(**steps)), FeatureColumn(LENGTH))


DECLARED: dict[str, tuple[FeatureColumn, ...]] = {
    "indicator": _numeric(missing_indicator=True, impute="mean"),
    "log, robust": _numeric(log=True, scale="robust", clip_minimum=1.0),
    "bins": _numeric(bins=4),
    "ordinal bins": _numeric(bins=4, bin_encoding="ordinal", impute="most_frequent"),
    "products": _numeric(polynomial_degree=2),
    "min-max": _numeric(scale="min_max", impute="constant", constant=40.0),
    "rare": _island(min_count=60),
    "ordinal": _island(encoding="ordinal"),
    "target": _island(encoding="target"),
    "times": (FeatureColumn("seen"), FeatureColumn(LENGTH)),
    "words": (FeatureColumn("note", text=TextSteps(max_words=2)), FeatureColumn(LENGTH)),
}


@pytest.fixture(scope="module")
def table(penguins_path: Path) -> pl.DataFrame:
    """Penguins, with the day of a sighting and what was said of it."""
    penguins = pl.read_csv(penguins_path, null_values="NA").drop_nulls("body_mass_g")
    random = np.random.default_rng(3)
    day = pl.date("year", 11, 1) + pl.duration(days=pl.lit(pl.Series(random.integers(0, 99, 342))))
    notes = [" / ".join(random.choice(SENTENCES[species], 2)) for species in penguins["species"]]
    seen = pl.when(pl.Series(random.random(342) > 0.1)).then(day)
    return penguins.with_columns(seen.alias("seen"), pl.Series("note", notes))


@pytest.mark.parametrize(("trainer", "task"), WAYS)
@pytest.mark.parametrize("name", DECLARED)
def test_steps(run_fit: Fit, table: pl.DataFrame, name: str, trainer: str, task: Task) -> None:
    outcome = _fit(run_fit, table, TARGETS[task], trainer, features=DECLARED[name])
    kinds = {check.rows for check in outcome.parity.checks}  # type: ignore[union-attr]  # seen
    assert ("unusual times" in kinds) == (name == "times")
    assert ("unusual texts" in kinds) == (name == "words")


def _fit(
    run_fit: Fit, table: pl.DataFrame, target: str, trainer: str, **options: Any
) -> FitOutcome:
    outcome = run_fit(table, target, trainer=trainer, settings=FEW.get(trainer, {}), **options)
    assert outcome.fault is None, outcome.fault
    assert outcome.parity
    assert max(check.max_difference for check in outcome.parity.checks) < 5e-7
    assert sum(check.label_mismatch_count for check in outcome.parity.checks) == 0
    return outcome


@pytest.mark.parametrize("trainer", ["logistic-regression", "random-forest"])
@pytest.mark.parametrize("method", ["variance", "univariate", "importance"])
def test_selections(run_fit: Fit, table: pl.DataFrame, method: str, trainer: str) -> None:
    selection = FeatureSelection(method, 0 if method == "variance" else 5)
    _fit(run_fit, table, "species", trainer, feature_selection=selection)


@pytest.mark.parametrize("trainer", ["linear-regression", "gradient-boosting"])
def test_known_tables_with_steps(run_fit: Fit, trainer: str) -> None:
    for load, target in ((load_diabetes, None), (load_wine, Task.REGRESSION)):
        bunch = load()
        frame = pl.DataFrame(bunch.data, schema=bunch.feature_names)
        frame = frame.with_columns(pl.Series("the target", bunch.target))
        first, second, *_ = frame.columns
        declared = (
            FeatureColumn(first, numeric=NumericSteps(log=True, bins=6)),
            FeatureColumn(second, numeric=NumericSteps(scale="robust", polynomial_degree=3)),
            *(FeatureColumn(name) for name in frame.columns[2:-1]),
        )
        _fit(run_fit, frame, "the target", trainer, features=declared, task=target)


def test_without_declarations_times_and_texts_are_features(
    run_fit: Fit, table: pl.DataFrame, tmp_path: Path
) -> None:
    told = [f"{note} {number}" for number, note in enumerate(table["note"])]
    table = table.with_columns(pl.Series("note", told))
    outcome = _fit(run_fit, table, "species", "logistic-regression")
    assert outcome.signature
    inputs = {spec.name: spec for spec in outcome.signature.inputs}
    assert (inputs["seen"].role, inputs["seen"].datatype) == (Role.TIME, "BYTES")
    assert inputs["seen"].minimum == 1193875200.0  # 2007-11-01
    assert (inputs["note"].role, inputs["note"].categories) == (Role.TEXT, ())
    checked = admission_check._check(
        tmp_path, CheckRequest(outcome.signature, has_golden_rows=True)
    )
    assert checked.faults == ()


def test_equal_fits_with_chance_in_them_make_equal_bytes(
    run_fit: Fit, table: pl.DataFrame, tmp_path: Path
) -> None:
    made = []
    for _ in range(2):
        _fit(
            run_fit, table, "species", "logistic-regression", seed=9,
            features=DECLARED["target"], feature_selection=FeatureSelection("importance", 3),
        )  # fmt: skip
        made.append((tmp_path / "model.onnx").read_bytes())
    assert made[0] == made[1]


# Conversions that are wrong elsewhere without a word.


@pytest.mark.parametrize("trainer", ["logistic-regression", "random-forest"])
def test_missing_indicator_imputer(run_fit: Fit, table: pl.DataFrame, trainer: str) -> None:
    holes = table.with_columns(
        pl.when(pl.int_range(342) % 3 == 0).then(None).otherwise(NUMBER).alias(NUMBER)
    )
    _fit(run_fit, holes, "species", trainer, features=_numeric(missing_indicator=True))


@pytest.mark.parametrize("name", ["knn", "KNNImputer", "iterative", "none"])
def test_imputers_without_a_graph_are_refused(name: str) -> None:
    wanted = (FeatureColumn("x", numeric=NumericSteps(impute=name)),)
    with pytest.raises(StepNotExportable, match="impute 'median'") as caught:
        check_features(wanted, None, {})
    assert caught.value.field == "training_job.features[0].numeric.impute"
    assert caught.value.details["replacement"].startswith("impute 'median'")


@pytest.mark.parametrize("scale", ["standard", "min_max", "robust"])
@pytest.mark.parametrize("trainer", ["gradient-boosting", "random-forest"])
def test_scaler_before_trees(run_fit: Fit, table: pl.DataFrame, trainer: str, scale: str) -> None:
    assert not FAMILIES[trainer].scale, "by default there is none"
    _fit(run_fit, table, "species", trainer, features=_numeric(scale=scale))


@pytest.mark.parametrize("trainer", ["logistic-regression", "gradient-boosting"])
def test_non_ascii_texts(run_fit: Fit, table: pl.DataFrame, trainer: str) -> None:
    declared = (FeatureColumn("note", text=TextSteps(min_count=1)),)
    outcome = _fit(run_fit, table, "species", trainer, features=declared)
    assert _accuracy(outcome) > 0.95


@pytest.mark.parametrize("trainer", ["logistic-regression", "gradient-boosting"])
def test_pairs_of_one_letter_words(run_fit: Fit, table: pl.DataFrame, trainer: str) -> None:
    """The order of the words alone tells the species, so nothing does if they are dropped."""
    order = {"Adelie": "I saw a b c", "Chinstrap": "a I c saw b", "Gentoo": "b a saw I c"}
    notes = table.with_columns(pl.col("species").replace_strict(order).alias("note"))
    for most, least, largest in ((1, 0.0, 0.6), (2, 0.95, 1.0)):
        declared = (FeatureColumn("note", text=TextSteps(max_words=most)),)
        outcome = _fit(run_fit, notes, "species", trainer, features=declared)
        assert least <= _accuracy(outcome) <= largest


def _accuracy(outcome: FitOutcome) -> float:
    return next(metric.value for metric in outcome.metrics if metric.name == "accuracy")


@pytest.mark.parametrize("encoding", ["hashing", "HashingVectorizer", "char_wb"])
def test_texts_without_a_graph_are_refused(encoding: str) -> None:
    wanted = (FeatureColumn("x", text=TextSteps(encoding=encoding)),)
    with pytest.raises(StepNotExportable, match="tf_idf"):
        check_features(wanted, None, {})


def test_times_of_no_known_part_are_refused() -> None:
    with pytest.raises(FieldInvalid, match="weekday"):
        check_features((FeatureColumn("x", time=TimeSteps(("moon",))),), None, {})

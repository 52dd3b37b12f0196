"""Every declared step: the graph says what scikit-learn says, to the last bit."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from registry.signature import Role, Task
from tests.support.feature_graphs import FeatureGraph, make_input
from tests.support.penguins import penguin_csv
from training.columns import TableFormat
from training.edge_rows import make_edge_rows
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    Steps,
)
from training.features import Rows, take_rows, to_frame
from training.ingest import profile_table, read_table
from training.roles import choose_features

NUMERIC = {
    "mean": NumericSteps(impute="mean"),
    "most frequent": NumericSteps(impute="most_frequent"),
    "constant": NumericSteps(impute="constant", constant=-1.5),
    "missing indicator": NumericSteps(missing_indicator=True),
    "clip": NumericSteps(clip_minimum=35.0, clip_maximum=190.0),
    "clip below": NumericSteps(clip_minimum=40.0),
    "clip at whole numbers": NumericSteps(clip_minimum=40, clip_maximum=190),
    "log": NumericSteps(log=True),
    "quantile bins": NumericSteps(bins=5),
    "ordinal bins": NumericSteps(bins=7, bin_encoding="ordinal"),
    "uniform bins": NumericSteps(bins=3, bin_strategy="uniform"),
    "min-max": NumericSteps(scale="min_max"),
    "robust": NumericSteps(scale="robust"),
    "standard": NumericSteps(scale="standard"),
    "unscaled": NumericSteps(scale="none"),
    "squares": NumericSteps(polynomial_degree=2),
    "cubes": NumericSteps(polynomial_degree=3, scale="robust"),
    "all": NumericSteps(
        impute="mean",
        missing_indicator=True,
        clip_minimum=20.0,
        clip_maximum=9000.0,
        log=True,
        bins=4,
        bin_strategy="uniform",
        bin_encoding="ordinal",
        scale="min_max",
        polynomial_degree=2,
    ),
}
CATEGORICAL = {
    "one-hot": CategoricalSteps(encoding="one_hot"),
    "rare": CategoricalSteps(min_count=60),
    "few": CategoricalSteps(max_categories=2),
    "none rare": CategoricalSteps(max_categories=50, min_count=2),
    "ordinal": CategoricalSteps(encoding="ordinal"),
    "ordered": CategoricalSteps(encoding="ordinal", order=("Torgersen", "male", "Dream", "ß")),
    "target": CategoricalSteps(encoding="target"),
    "smoothed": CategoricalSteps(encoding="target", smoothing=20.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    path = tmp_path_factory.mktemp("table") / "penguins.csv"
    path.write_bytes(penguin_csv())
    return read_table(path, TableFormat.CSV).drop_nulls("body_mass_g")


@pytest.fixture(autouse=True)
def told() -> Iterator[None]:
    """Let pass what a fit reports as progress: columns with fewer bins than asked for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Bins whose width are too small|Feature .* is constant")
        yield


def _declare(name: str, steps: Steps) -> FeatureColumn:
    kind: Any = {"numeric" if isinstance(steps, NumericSteps) else "categorical": steps}
    return FeatureColumn(name, **kind)


def _fit(
    table: pl.DataFrame, target: str, declared: list[FeatureColumn], **options: Any
) -> tuple[FeatureGraph, Rows]:
    task = Task.REGRESSION if target == "body_mass_g" else Task.CLASSIFICATION
    inputs = choose_features(profile_table(table), target, tuple(declared), task).inputs
    rows = take_rows(table, inputs)
    values = table[target].to_numpy()
    values = values.astype(float) if task is Task.REGRESSION else values.astype(object)
    return FeatureGraph(inputs, rows, values, declared, **options), rows


def _check(graph: FeatureGraph, rows: Rows) -> None:
    graph.check(rows)
    base = {name: values[:2] for name, values in rows.items()}
    kinds = make_edge_rows(graph.inputs, rows, base)
    assert len(kinds) >= 2
    together = {name: np.concatenate([kind[name] for kind in kinds.values()]) for name in rows}
    assert np.isfinite(graph.check(together)).all()


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("steps", NUMERIC.values(), ids=NUMERIC)
def test_numbers(table: pl.DataFrame, steps: NumericSteps, scale: bool) -> None:  # noqa: FBT001  a parameter
    names = ("bill_length_mm", "flipper_length_mm", "year", "bill_depth_mm")
    graph, rows = _fit(table, "species", [_declare(name, steps) for name in names], scale=scale)
    _check(graph, rows)


@pytest.mark.parametrize("target", ["species", "sex", "body_mass_g"])
@pytest.mark.parametrize("steps", CATEGORICAL.values(), ids=CATEGORICAL)
def test_categories(table: pl.DataFrame, steps: CategoricalSteps, target: str) -> None:
    table = table.drop_nulls("sex") if target == "sex" else table
    names = [name for name in ("island", "sex", "year") if name != target]
    declared = [_declare(name, steps) for name in names]
    graph, rows = _fit(table, target, declared, scale=target != "species")
    _check(graph, rows)


SELECTIONS = {
    "variance": FeatureSelection("variance", min_variance=0.2),
    "no variance": FeatureSelection("variance", min_variance=1e9),
    "univariate": FeatureSelection("univariate", 4),
    "more than there are": FeatureSelection("univariate", 400),
    "importance": FeatureSelection("importance", 4),
    "all by importance": FeatureSelection("importance", 400),
}


@pytest.mark.filterwarnings("ignore:k=400 is greater")
@pytest.mark.parametrize("target", ["species", "body_mass_g"])
@pytest.mark.parametrize("name", SELECTIONS)
def test_selections(table: pl.DataFrame, name: str, target: str) -> None:
    graph, rows = _fit(table, target, [], selection=SELECTIONS[name])
    _check(graph, rows)
    whole = graph.pipeline["features"].transform(to_frame(rows))
    kept = {"variance": int((whole.var(axis=0) > 0.2).sum()), "no variance": 1}
    kept |= {"univariate": 4, "importance": 4}
    assert 1 < kept["variance"] < whole.shape[1]
    assert graph.fitted.shape[1] == kept.get(name, whole.shape[1])
    again, _ = _fit(table, target, [], selection=SELECTIONS[name])
    np.testing.assert_array_equal(again.fitted, graph.fitted)


def _fit_one(values: list[Any], steps: Steps, **options: Any) -> FeatureGraph:
    text = isinstance(steps, CategoricalSteps)
    spec = make_input("x", Role.CATEGORICAL if text else Role.NUMERIC, "BYTES" if text else "FP64")
    array = np.array(values, object if text else np.float64)
    target = options.pop("target", np.arange(float(len(values))))
    return FeatureGraph([spec], {"x": array}, target, [_declare("x", steps)], **options)


def _look(graph: FeatureGraph, *values: Any) -> list[list[float]]:
    dtype = object if graph.inputs[0].datatype == "BYTES" else np.float64
    found: list[list[float]] = graph.check({"x": np.array(values, dtype)}).tolist()
    return found


def test_log_has_negative_numbers() -> None:
    graph = _fit_one([0.0, 1.0, 3.0], NumericSteps(log=True))
    (up,), (down,), (zero,) = _look(graph, np.e - 1, 1 - np.e, -0.0)
    assert up == pytest.approx(1, rel=1e-7)
    assert (down, zero) == (-up, 0.0)


def test_missing_numbers_have_a_column_though_training_rows_miss_none() -> None:
    graph = _fit_one([1.0, 2.0, 4.0], NumericSteps(missing_indicator=True))
    assert _look(graph, np.nan, 7.0, np.inf) == [[2.0, 1.0], [7.0, 0.0], [2.0, 1.0]]


def test_numbers_on_the_edge_of_a_bin_belong_above_it() -> None:
    graph = _fit_one([0.0, 1.0, 2.0, 3.0], NumericSteps(bins=3, bin_strategy="uniform"))
    below, above = _look(graph, np.nextafter(1.0, 0.0), 1.0)
    assert below == [1.0, 0.0, 0.0]
    assert above == [0.0, 1.0, 0.0]
    assert _look(graph, -9.0, 9.0) == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_a_constant_column_has_one_bin() -> None:
    graph = _fit_one([5.0, 5.0, 5.0], NumericSteps(bins=3))
    assert _look(graph, 1.0, 5.0, np.nan) == [[1.0], [1.0], [1.0]]


def test_large_numbers_stay_within_what_trees_look_at() -> None:
    largest = float(np.finfo(np.float32).max)
    graph = _fit_one([0.0, 1e-3], NumericSteps(scale="min_max", polynomial_degree=3))
    assert _look(graph, largest, -largest) == [[largest] * 3, [-largest, largest, -largest]]


def test_rare_and_unseen_categories_share_a_column() -> None:
    graph = _fit_one(["a"] * 5 + ["b"] * 4 + ["c", "d"], CategoricalSteps(min_count=2))
    assert _look(graph, "a", "c", "new", "") == [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]


def test_unseen_categories_are_nothing_where_none_is_rare() -> None:
    graph = _fit_one(["a"] * 5 + ["b"] * 4, CategoricalSteps(min_count=2))
    assert _look(graph, "b", "new") == [[0, 1], [0, 0]]


def test_ordinal_is_by_frequency_or_as_ordered_and_unseen_before_all() -> None:
    values = ["low", "high", "high", "mid", "mid", "mid"]
    assert _look(_fit_one(values, CategoricalSteps("ordinal")), "mid", "high", "low", "?") == [
        [0], [1], [2], [-1]
    ]  # fmt: skip
    ordered = CategoricalSteps("ordinal", order=("low", "mid", "high"))
    assert _look(_fit_one(values, ordered), "mid", "high", "low", "?") == [[1], [2], [0], [-1]]


def test_target_means_are_of_other_rows_in_training_and_of_all_for_unseen() -> None:
    steps = CategoricalSteps("target", smoothing=2.0)
    target = np.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])
    graph = _fit_one(["a"] * 3 + ["b"] * 3, steps, target=target)
    assert _look(graph, "a", "b", "?") == [[(6 + 2 * 11) / 5], [(60 + 2 * 11) / 5], [11.0]]
    served = np.array([row[0] for row in _look(graph, *["a"] * 3 + ["b"] * 3)])
    assert (graph.fitted[:, 0] != served).all()


def test_target_means_of_whole_numbers_are_of_values_in_regression() -> None:
    graph = _fit_one(["a", "b"] * 6, CategoricalSteps("target"), target=np.arange(12.0) // 4)
    assert graph.fitted.shape == (12, 1)

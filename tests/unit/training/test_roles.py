import polars as pl
import pytest

from registry.signature import Role, Task
from training.columns import Column, ColumnType
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    NumericSteps,
    TextSteps,
    TimeSteps,
)
from training.ingest import profile_table
from training.refusal import FitRefused
from training.roles import Features, choose_features
from training.tasks import infer_task

ROWS = 40
TABLE = pl.DataFrame(
    {
        "target": ["a", "b"] * 20,
        "whole": [number % 7 for number in range(ROWS)],
        "decimal": [number / 8 for number in range(ROWS)],
        "holes": [None, *range(39)],
        "seconds": [None, *range(1_700_000_000, 1_700_000_039)],
        "degrees": [52.52 + number * 1e-6 for number in range(ROWS)],
        "vast": [1e300, *[1.5] * 39],
        "flag": [True, False] * 20,
        "flag with holes": [None, False, True, True] * 10,
        "kind": ["x", "y", None, "z"] * 10,
        "rare text": [None] * 38 + ["note"] * 2,
        "key": [f"key {number}" for number in range(ROWS)],
        "same": ["same"] * ROWS,
        "one": [1, None] * 20,
        "none": pl.Series([None] * ROWS, dtype=pl.Float64),
        "infinite": [float("inf")] * ROWS,
        "one day": pl.Series([19000] * ROWS, dtype=pl.Int32).cast(pl.Date),
        "day": pl.Series(range(19000, 19000 + ROWS), dtype=pl.Int32).cast(pl.Date),
    }
)


def _choose(*wanted: FeatureColumn, target: str = "target") -> Features:
    return choose_features(profile_table(TABLE), target, wanted, Task.CLASSIFICATION)


def test_usable_columns_are_taken_with_their_types() -> None:
    found = {spec.name: (spec.datatype, spec.role) for spec in _choose().inputs}
    assert found == {
        "whole": ("INT64", Role.NUMERIC),
        "decimal": ("FP32", Role.NUMERIC),
        "holes": ("FP32", Role.NUMERIC),
        "seconds": ("FP64", Role.NUMERIC),
        "degrees": ("FP64", Role.NUMERIC),
        "vast": ("FP64", Role.NUMERIC),
        "flag": ("BOOL", Role.BOOLEAN),
        "flag with holes": ("FP32", Role.BOOLEAN),
        "kind": ("BYTES", Role.CATEGORICAL),
        "rare text": ("BYTES", Role.CATEGORICAL),
        "day": ("BYTES", Role.TIME),
    }


def test_every_column_left_out_has_its_reason() -> None:
    reasons = dict(
        zip(("key", "same", "one", "none", "infinite", "one day"), _choose().left_out, strict=True)
    )
    for name, reason in reasons.items():
        assert repr(name) in reason
    assert "identifier" in reasons["key"]
    assert "one value" in reasons["same"]
    assert "one value" in reasons["one"]
    assert "no values" in reasons["none"]
    assert "no values" in reasons["infinite"]
    assert "one value" in reasons["one day"]


def test_columns_asked_for_are_taken_in_their_order() -> None:
    features = _choose(
        FeatureColumn("key"), FeatureColumn("whole", Role.CATEGORICAL), FeatureColumn("same")
    )
    assert [spec.name for spec in features.inputs] == ["key", "whole", "same"]
    assert features.inputs[1].datatype == "BYTES"
    assert features.left_out == ()


@pytest.mark.parametrize(
    "wanted",
    [
        [FeatureColumn("target")],
        [FeatureColumn("unknown")],
        [FeatureColumn("whole"), FeatureColumn("whole")],
        [FeatureColumn("day", Role.NUMERIC)],
        [FeatureColumn("kind", numeric=NumericSteps())],
        [FeatureColumn("kind", Role.CATEGORICAL, text=TextSteps())],
        [FeatureColumn("none")],
        [FeatureColumn("kind", Role.NUMERIC)],
        [FeatureColumn("decimal", Role.CATEGORICAL)],
        [FeatureColumn("whole", Role.BOOLEAN)],
    ],
)
def test_columns_asked_for_that_can_not_be_used_are_refused(wanted: list[FeatureColumn]) -> None:
    with pytest.raises(FitRefused) as caught:
        _choose(*wanted)
    assert caught.value.fault.reason == "FEATURE_INVALID"


def test_a_declaration_tells_the_role() -> None:
    features = _choose(
        FeatureColumn("whole", categorical=CategoricalSteps()),
        FeatureColumn("key", text=TextSteps()),
        FeatureColumn("kind", time=TimeSteps()),
        FeatureColumn("flag", numeric=NumericSteps()),
    )
    assert [spec.role for spec in features.inputs] == [
        Role.CATEGORICAL, Role.TEXT, Role.TIME, Role.BOOLEAN
    ]  # fmt: skip


def test_many_texts_of_several_words_are_texts_by_themselves() -> None:
    table = pl.DataFrame(
        {
            "note": [f"call number {number} again" for number in range(150)],
            "key": [f"key {number}" for number in range(150)],
            "few": [f"one of these {number % 90}" for number in range(150)],
        }
    )
    features = choose_features(profile_table(table), "y", (), Task.CLASSIFICATION)
    assert {spec.name: spec.role for spec in features.inputs} == {"note": Role.TEXT}
    assert [text.split("'")[1] for text in features.left_out] == ["key", "few"]


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("label", Task.CLASSIFICATION),
        ("probabilities", Task.CLASSIFICATION),
        ("value", Task.REGRESSION),
    ],
)
def test_names_of_outputs_are_refused_where_they_collide(name: str, task: Task) -> None:
    table = profile_table(pl.DataFrame({"y": [1, 2, 3], name: [0.5, 0.25, 4.0]}))
    with pytest.raises(FitRefused, match="rename it"):
        choose_features(table, "y", (), task)
    other = Task.REGRESSION if task is Task.CLASSIFICATION else Task.CLASSIFICATION
    assert choose_features(table, "y", (), other).inputs[0].name == name


def test_a_table_without_usable_columns_is_refused() -> None:
    with pytest.raises(FitRefused, match="one value only") as caught:
        choose_features(
            profile_table(pl.DataFrame({"y": [1, 2], "x": [3, 3]})), "y", (), Task.REGRESSION
        )
    assert caught.value.fault.reason == "NO_FEATURES"


@pytest.mark.parametrize(
    ("kind", "distinct", "rows", "task"),
    [
        (ColumnType.TEXT, 500, 600, Task.CLASSIFICATION),
        (ColumnType.BOOLEAN, 2, 10, Task.CLASSIFICATION),
        (ColumnType.INTEGER, 2, 12, Task.CLASSIFICATION),
        (ColumnType.INTEGER, 3, 150, Task.CLASSIFICATION),
        (ColumnType.INTEGER, 20, 200, Task.CLASSIFICATION),
        (ColumnType.INTEGER, 20, 199, Task.REGRESSION),
        (ColumnType.INTEGER, 21, 10_000, Task.REGRESSION),
        (ColumnType.FLOAT, 2, 10_000, Task.REGRESSION),
    ],
)
def test_the_task_is_told_from_the_target(
    kind: ColumnType, distinct: int, rows: int, task: Task
) -> None:
    assert infer_task(Column("y", kind, 0, distinct), rows) is task

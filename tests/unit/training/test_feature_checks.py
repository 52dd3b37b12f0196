import math
from typing import Any

import pytest

from registry.errors import FieldInvalid
from registry.signature import Role
from training.columns import Column, ColumnType
from training.errors import StepNotExportable
from training.feature_checks import TIME_PARTS, check_features
from training.feature_steps import (
    USUAL_TIME_PARTS,
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    TextSteps,
    TimeSteps,
)

COLUMNS = {
    column.name: column
    for column in (
        Column("number", ColumnType.FLOAT, 0, 9),
        Column("text", ColumnType.TEXT, 0, 9),
        Column("time", ColumnType.TIME, 0, 9),
    )
}


def _check(*features: FeatureColumn, **options: Any) -> None:
    check_features(features, options.pop("selection", None), COLUMNS, **options)


LEGAL = [
    FeatureColumn("number", numeric=NumericSteps("mean", clip_minimum=-1, clip_maximum=1)),
    FeatureColumn("number", numeric=NumericSteps(log=True, bins=5, bin_strategy="uniform")),
    FeatureColumn("number", numeric=NumericSteps("constant", 2.5, scale="robust")),
    FeatureColumn(
        "number", numeric=NumericSteps(bins=9, bin_encoding="ordinal", polynomial_degree=3)
    ),
    FeatureColumn("text", categorical=CategoricalSteps("ordinal", order=("a", "b"))),
    FeatureColumn("text", Role.CATEGORICAL, categorical=CategoricalSteps("target", smoothing=3)),
    FeatureColumn("text", text=TextSteps("tf_idf", 2000, 1, 2)),
    FeatureColumn("text", Role.TIME),
    FeatureColumn("time", time=TimeSteps(TIME_PARTS, missing_indicator=True)),
    FeatureColumn("unknown", numeric=NumericSteps()),
]  # fmt: skip


@pytest.mark.parametrize("feature", LEGAL)
def test_what_can_be_had_passes(feature: FeatureColumn) -> None:
    _check(feature)


ILLEGAL: list[tuple[Any, str]] = [
    (NumericSteps(impute="magic"), "numeric.impute"),
    (NumericSteps(constant=1), "numeric.constant"),
    (NumericSteps("constant", math.nan), "numeric.constant"),
    (NumericSteps("constant", 1e39), "numeric.constant"),
    (NumericSteps(clip_minimum=2, clip_maximum=1), "numeric.clip_minimum"),
    (NumericSteps(clip_maximum=math.inf), "numeric.clip_maximum"),
    (NumericSteps(bins=1), "numeric.bins"),
    (NumericSteps(bins=101), "numeric.bins"),
    (NumericSteps(bins=-1), "numeric.bins"),
    (NumericSteps(bin_strategy="round"), "numeric.bin_strategy"),
    (NumericSteps(bin_encoding="binary"), "numeric.bin_encoding"),
    (NumericSteps(bin_encoding="ordinal"), "numeric.bins"),
    (NumericSteps(bin_strategy="uniform"), "numeric.bins"),
    (NumericSteps(scale="huge"), "numeric.scale"),
    (NumericSteps(polynomial_degree=4), "numeric.polynomial_degree"),
    (NumericSteps(bins=3, polynomial_degree=2), "numeric.polynomial_degree"),
    (CategoricalSteps("letters"), "categorical.encoding"),
    (CategoricalSteps(max_categories=1001), "categorical.max_categories"),
    (CategoricalSteps(min_count=-1), "categorical.min_count"),
    (CategoricalSteps("target", min_count=2), "categorical.min_count"),
    (CategoricalSteps("ordinal", min_count=2), "categorical.min_count"),
    (CategoricalSteps("target", max_categories=2), "categorical.max_categories"),
    (CategoricalSteps(order=("a", "b")), "categorical.order"),
    (CategoricalSteps("ordinal", order=("a", "a")), "categorical.order"),
    (CategoricalSteps(smoothing=1), "categorical.smoothing"),
    (CategoricalSteps("target", smoothing=math.nan), "categorical.smoothing"),
    (TimeSteps(("year", "moon")), "time.parts[1]"),
    (TimeSteps(("",)), "time.parts[0]"),
    (TimeSteps(("year", "year")), "time.parts"),
    (TextSteps("letters"), "text.encoding"),
    (TextSteps(max_terms=2001), "text.max_terms"),
    (TextSteps(max_words=3), "text.max_words"),
    (TextSteps(min_count=-2), "text.min_count"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "field"), ILLEGAL)
def test_what_can_not_be_had_names_its_field(steps: Any, field: str) -> None:
    kind: Any = {field.split(".", maxsplit=1)[0]: steps}
    with pytest.raises(FieldInvalid) as caught:
        _check(FeatureColumn("other"), FeatureColumn("unknown", **kind))
    assert caught.value.field == f"training_job.features[1].{field}"


UNEXPORTABLE: list[tuple[Any, str, str]] = [
    (NumericSteps(impute="KNNImputer"), "numeric.impute", "median"),
    (NumericSteps(impute="iterative_imputer"), "numeric.impute", "median"),
    (NumericSteps(impute="none"), "numeric.impute", "median"),
    (NumericSteps(scale="yeo-johnson"), "numeric.scale", "log"),
    (NumericSteps(scale="spline"), "numeric.scale", "bins"),
    (NumericSteps(bins=3, bin_strategy="kmeans"), "numeric.bin_strategy", "quantile"),
    (CategoricalSteps("hashing"), "categorical.encoding", "target"),
    (TextSteps("HashingVectorizer"), "text.encoding", "tf_idf"),
    (TextSteps("char_wb"), "text.encoding", "tf_idf"),
]


@pytest.mark.parametrize(("steps", "field", "replacement"), UNEXPORTABLE)
def test_what_has_no_graph_is_answered_with_a_replacement(
    steps: Any, field: str, replacement: str
) -> None:
    kind: Any = {field.split(".", maxsplit=1)[0]: steps}
    with pytest.raises(StepNotExportable, match=replacement) as caught:
        _check(FeatureColumn("unknown", **kind))
    assert caught.value.field == f"training_job.features[0].{field}"
    assert caught.value.details["step"] in str(steps)
    assert replacement in caught.value.details["replacement"]


@pytest.mark.parametrize(
    ("feature", "field"),
    [
        (FeatureColumn("number", text=TextSteps()), ""),
        (FeatureColumn("text", numeric=NumericSteps()), ""),
        (FeatureColumn("text", Role.TEXT, categorical=CategoricalSteps()), ".role"),
        (FeatureColumn("number", Role.TIME), ".role"),
    ],
)
def test_a_declaration_must_fit_the_column(feature: FeatureColumn, field: str) -> None:
    with pytest.raises(FieldInvalid, match="it can be") as caught:
        _check(feature)
    assert caught.value.field == f"training_job.features[0]{field}"


def test_products_are_bounded() -> None:
    steps = NumericSteps(polynomial_degree=3)
    _check(*(FeatureColumn(f"c{number}", numeric=steps) for number in range(20)))
    with pytest.raises(FieldInvalid, match="at most 2000") as caught:
        _check(*(FeatureColumn(f"c{number}", numeric=steps) for number in range(22)))
    assert caught.value.field == "training_job.features[0].numeric.polynomial_degree"


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        (FeatureSelection(""), "method"),
        (FeatureSelection("magic", 3), "method"),
        (FeatureSelection("importance"), "max_columns"),
        (FeatureSelection("univariate", -3), "max_columns"),
        (FeatureSelection("variance", 3), "max_columns"),
        (FeatureSelection("univariate", 3, 0.5), "min_variance"),
        (FeatureSelection("variance", min_variance=math.nan), "min_variance"),
    ],
)
def test_selections_name_their_field(selection: FeatureSelection, field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        _check(selection=selection)
    assert caught.value.field == f"training_job.feature_selection.{field}"


@pytest.mark.parametrize("method", ["rfe", "sequential", "mutual_info"])
def test_selections_by_many_fits_have_a_replacement(method: str) -> None:
    with pytest.raises(StepNotExportable, match="use method"):
        _check(selection=FeatureSelection(method, 3))


def test_what_is_of_one_target_is_refused_for_several() -> None:
    target = FeatureColumn("text", categorical=CategoricalSteps("target"))
    _check(target, selection=FeatureSelection("importance", 3), several_targets=False)
    with pytest.raises(StepNotExportable, match="ordinal"):
        _check(target, several_targets=True)
    with pytest.raises(StepNotExportable, match="importance"):
        _check(selection=FeatureSelection("univariate", 3), several_targets=True)


def test_the_usual_parts_of_times_are_known() -> None:
    assert set(USUAL_TIME_PARTS) < set(TIME_PARTS)

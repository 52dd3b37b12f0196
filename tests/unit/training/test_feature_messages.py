from dataclasses import fields
from typing import Any

import pytest

from modelyard.training.v1 import training_pb2 as pb
from registry.signature import Role
from training.feature_messages import (
    feature_columns,
    feature_selection,
    to_feature,
    to_feature_selection,
)
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    TextSteps,
    TimeSteps,
)

FEATURES = [
    FeatureColumn("a"),
    FeatureColumn("a", Role.TIME),
    FeatureColumn("a", Role.NUMERIC, NumericSteps()),
    FeatureColumn(
        "a",
        numeric=NumericSteps(
            "constant", 2.5, True, -1.5, 0.0, True, 7, "uniform", "ordinal", "robust", 3  # noqa: FBT003  in order
        ),
    ),
    FeatureColumn("ß", categorical=CategoricalSteps("ordinal", 9, 2, ("low", "", "high"), 1.5)),
    FeatureColumn("a", Role.TIME, time=TimeSteps(("year", "hour"), missing_indicator=True)),
    FeatureColumn("a", Role.TEXT, text=TextSteps("tf_idf", 50, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize("feature", FEATURES)
def test_features_come_back_as_they_went(feature: FeatureColumn) -> None:
    sent = pb.TrainingJob(features=[to_feature(feature)]).SerializeToString()
    assert feature_columns(pb.TrainingJob.FromString(sent)) == (feature,)


def test_selections_come_back_as_they_went() -> None:
    for selection in (
        None,
        FeatureSelection("importance", 3),
        FeatureSelection("variance", 0, 0.5),
    ):
        sent = pb.TrainingJob(feature_selection=to_feature_selection(selection)).SerializeToString()
        assert feature_selection(pb.TrainingJob.FromString(sent)) == selection


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (NumericSteps, pb.NumericSteps),
        (CategoricalSteps, pb.CategoricalSteps),
        (TimeSteps, pb.TimeSteps),
        (TextSteps, pb.TextSteps),
        (FeatureSelection, pb.FeatureSelection),
    ],
)
def test_values_have_the_fields_of_their_messages(kind: Any, message: Any) -> None:
    names = [field.name for field in message.DESCRIPTOR.fields]
    assert names == [field.name for field in fields(kind)]

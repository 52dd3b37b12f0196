"""What is combined: trainers, feature steps and kinds of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from registry.signature import Role, Task
from training.catalog import TRAINERS
from training.feature_checks import TIME_PARTS
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    TextSteps,
    TimeSteps,
)
from training.learning import Calibration, Learning

_FEATURES = (
    FeatureColumn("weight"),
    FeatureColumn("east"),
    FeatureColumn("stops"),
    FeatureColumn("express"),
    FeatureColumn("insured"),
    FeatureColumn("city"),
    FeatureColumn("sent"),
    # So few rows have too few different texts to be taken for texts by themselves.
    FeatureColumn("note", role=Role.TEXT),
)

# So little work that hundreds of fits take seconds: what is looked at is agreement.
_TINY: Mapping[str, object] = {
    "iterations": 5,
    "trees": 5,
    "min_samples_leaf": 3,
    "hidden_layers": [4],
}
_FEW_PASSES = {"mlp": {"max_iterations": 20}}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is predicted, and how it is learned."""

    name: str
    task: Task
    learning: Learning
    target: str = ""

    @property
    def first_target(self) -> str:
        """The column to predict; of several the first."""
        return self.target or self.learning.targets[0]


@dataclass(frozen=True, slots=True)
class Step:
    """What is declared of the features; of columns that are not named, nothing.

    Attributes:
        name: What the page calls it.
        declared: The declarations.
        selection: Which columns of the matrix are kept.
    """

    name: str
    declared: tuple[FeatureColumn, ...] = ()
    selection: FeatureSelection | None = None
    features: tuple[FeatureColumn, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put the declarations among all features."""
        named = {feature.column: feature for feature in self.declared}
        features = tuple(named.get(feature.column, feature) for feature in _FEATURES)
        object.__setattr__(self, "features", features)


class Combination(NamedTuple):
    """One cell of the table."""

    kind: str
    step: str
    trainer: str


def _numbers(steps: NumericSteps) -> tuple[FeatureColumn, ...]:
    """Declare the same of the numbers, so that they go through it together."""
    return tuple(FeatureColumn(name, numeric=steps) for name in ("weight", "east", "stops"))


def _city(steps: CategoricalSteps) -> tuple[FeatureColumn, ...]:
    return (FeatureColumn("city", categorical=steps),)


_IMPUTED = (
    FeatureColumn("weight", numeric=NumericSteps(impute="mean")),
    FeatureColumn("east", numeric=NumericSteps(impute="most_frequent")),
    FeatureColumn("insured", numeric=NumericSteps(impute="constant", constant=0.5)),
)
_SCALED = (
    FeatureColumn("weight", numeric=NumericSteps(scale="min_max")),
    FeatureColumn("east", numeric=NumericSteps(scale="standard")),
    FeatureColumn("stops", numeric=NumericSteps(scale="robust")),
    FeatureColumn("express", numeric=NumericSteps(scale="none")),
)
_TOGETHER = (
    *_numbers(NumericSteps(missing_indicator=True, clip_maximum=4e6, log=True, scale="robust")),
    FeatureColumn("insured", numeric=NumericSteps(missing_indicator=True, polynomial_degree=2)),
    *_city(CategoricalSteps(min_count=4)),
    FeatureColumn("sent", time=TimeSteps(("year", "weekday_cycle"), missing_indicator=True)),
    FeatureColumn("note", text=TextSteps(max_words=2, max_terms=20)),
)
_BINS = NumericSteps(bins=4)
_ORDINAL_BINS = NumericSteps(bins=5, bin_strategy="uniform", bin_encoding="ordinal")

_STEPS = (
    Step("the usual of every role"),
    Step("impute `mean`, `most_frequent`, `constant`", _IMPUTED),
    Step("`missing_indicator` of numbers", _numbers(NumericSteps(missing_indicator=True))),
    Step("`clip_minimum`, `clip_maximum`", _numbers(NumericSteps(clip_minimum=2, clip_maximum=9))),
    Step("`log`", _numbers(NumericSteps(log=True))),
    Step("`bins`, quantile, one-hot", _numbers(_BINS)),
    Step("`bins`, uniform, ordinal", _numbers(_ORDINAL_BINS)),
    Step("`scale` `standard`, `min_max`, `robust`, `none`", _SCALED),
    Step("`polynomial_degree`", _numbers(NumericSteps(polynomial_degree=2))),
    Step("booleans as categories", (FeatureColumn("express", role=Role.CATEGORICAL),)),
    Step("rare categories together", _city(CategoricalSteps(min_count=6, max_categories=4))),
    Step("categories `ordinal`", _city(CategoricalSteps("ordinal", order=("Ål", "東京", "Köln")))),
    Step("categories by `target`", _city(CategoricalSteps("target"))),
    Step("every part of times, and whether they miss",
         (FeatureColumn("sent", time=TimeSteps(TIME_PARTS, missing_indicator=True)),)),
    Step("texts by one word and two", (FeatureColumn("note", text=TextSteps(max_words=2)),)),
    Step("selection by `variance`", selection=FeatureSelection("variance", min_variance=0.01)),
    Step("selection by `univariate`", selection=FeatureSelection("univariate", 9)),
    Step("selection by `importance`", selection=FeatureSelection("importance", 9)),
    Step("several steps together", _TOGETHER, FeatureSelection("importance", 25)),
)  # fmt: skip

_WEIGHTS = Learning(weight_column="parcels", class_weights={"Straßenbahn": 3.0, "road": 0.5})

_KINDS = (
    Kind("binary", Task.CLASSIFICATION, Learning(), "late"),
    Kind("multiclass", Task.CLASSIFICATION, Learning(), "carrier"),
    Kind("multilabel", Task.MULTILABEL_CLASSIFICATION, Learning(("late", "damaged"))),
    Kind("regression", Task.REGRESSION, Learning(), "days"),
    Kind("regression of two targets", Task.REGRESSION, Learning(("days", "cost"))),
    Kind("binary, calibrated", Task.CLASSIFICATION, Learning(calibration=Calibration.ISOTONIC),
         "late"),
    Kind("multiclass, weighted", Task.CLASSIFICATION, _WEIGHTS, "carrier"),
)  # fmt: skip

STEPS = {step.name: step for step in _STEPS}
KINDS = {kind.name: kind for kind in _KINDS}
ALL = [Combination(*names) for names in product(KINDS, STEPS, TRAINERS)]


def settings_of(trainer: str) -> dict[str, object]:
    """Take the settings by which a trainer is tiny."""
    names = TRAINERS[trainer].settings.model_fields
    tiny = {name: value for name, value in _TINY.items() if name in names}
    return tiny | _FEW_PASSES.get(trainer, {})

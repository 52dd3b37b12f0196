"""The parts of a ColumnTransformer: which steps which inputs go through.

Inputs with the same declaration go through one part, so that few nodes serve many columns.
A part's name is its kind, and a number where there are several; `training.features.graph`
finds by the kind who writes it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from registry.signature import TensorSpec
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    NumericSteps,
    Steps,
    TextSteps,
    TimeSteps,
    steps_of,
)
from training.features import categories, missing, numbers, texts, times


@dataclass(frozen=True, slots=True)
class Settings:
    """What the parts must know of the rest of a pipeline.

    Attributes:
        scale: Whether the trainer wants comparable numbers.
        target_type: What target encoding takes the target for, in scikit-learn's words.
        seed: Seeds everything random.
    """

    scale: bool
    target_type: str = "auto"
    seed: int = 0

    @property
    def scaler(self) -> str:
        """The scaler by default."""
        return "standard" if self.scale else "none"


@dataclass(frozen=True, slots=True)
class Part:
    """A kind, its steps, unfitted, and the inputs that they take, in order."""

    kind: str
    steps: Any
    inputs: list[TensorSpec]


def list_parts(
    inputs: tuple[TensorSpec, ...], declared: Iterable[FeatureColumn], settings: Settings
) -> Iterator[Part]:
    """List the parts, those of numbers first, then categories, times and texts."""
    by_name = {feature.column: feature for feature in declared}
    groups: dict[Steps, list[TensorSpec]] = {}
    for spec in inputs:
        assert spec.role, "a feature has a role"
        groups.setdefault(steps_of(spec.role, by_name.get(spec.name)), []).append(spec)
    for kind, list_of_kind in _LISTS:
        for steps, specs in groups.items():
            if isinstance(steps, kind):
                yield from list_of_kind(steps, specs, settings)


def _list_numbers(steps: NumericSteps, inputs: list[TensorSpec], settings: Settings) -> list[Part]:
    ordered = numbers.order_numbers(inputs)
    parts = [Part("numbers", numbers.build_numbers(steps, settings.scaler), ordered)]
    if steps.missing_indicator:
        indicator = missing.build_indicator(numbers.to_finite_matrix)
        parts.append(Part("missing-numbers", indicator, ordered))
    return parts


def _list_categories(
    steps: CategoricalSteps, inputs: list[TensorSpec], settings: Settings
) -> list[Part]:
    if steps.encoding == "ordinal":
        return [Part("ordinal", categories.build_ordinal(steps, inputs, settings.scaler), inputs)]
    if steps.encoding == "target":
        encoder = categories.build_target(
            steps, settings.scaler, settings.target_type, settings.seed
        )
        return [Part("target", encoder, inputs)]
    if steps.groups_rare:
        return [Part("grouped", categories.build_grouped(steps), inputs)]
    return [Part("categories", categories.build_one_hot(inputs), inputs)]


def _list_times(steps: TimeSteps, inputs: list[TensorSpec], settings: Settings) -> list[Part]:
    parts = [Part("times", times.build_times(steps, settings.scaler), inputs)]
    if steps.missing_indicator:
        indicator = missing.build_indicator(times.parse_frame)
        parts.append(Part("missing-times", indicator, inputs))
    return parts


def _list_texts(steps: TextSteps, inputs: list[TensorSpec], _: Settings) -> list[Part]:
    # Every text has terms of its own.
    return [Part("texts", texts.build_texts(steps), [spec]) for spec in inputs]


_LISTS: tuple[tuple[type, Any], ...] = (
    (NumericSteps, _list_numbers),
    (CategoricalSteps, _list_categories),
    (TimeSteps, _list_times),
    (TextSteps, _list_texts),
)

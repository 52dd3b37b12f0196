"""Messages of features to values and back; a value's fields have the names of its message's."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from google.protobuf.message import Message

from modelyard.training.v1 import training_pb2 as pb
from registry.messages import role_of, to_role
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
    Steps,
    TextSteps,
    TimeSteps,
    declared_steps,
)

_STEPS: dict[str, type[Steps]] = {
    "numeric": NumericSteps,
    "categorical": CategoricalSteps,
    "time": TimeSteps,
    "text": TextSteps,
}
_OPTIONAL = ("clip_minimum", "clip_maximum")

Value = TypeVar("Value")


def feature_columns(message: pb.TrainingJob) -> tuple[FeatureColumn, ...]:
    """Read what is declared of features.

    Raises:
        FieldInvalid: A role means nothing.
    """
    return tuple(
        _feature_column(feature, f"training_job.features[{position}]")
        for position, feature in enumerate(message.features)
    )


def _feature_column(message: pb.Feature, field: str) -> FeatureColumn:
    role = role_of(message.role, f"{field}.role")
    kind = message.WhichOneof("steps")
    if kind is None:
        return FeatureColumn(message.column, role)
    steps: Any = {kind: _read(_STEPS[kind], getattr(message, kind))}
    return FeatureColumn(message.column, role, **steps)


def feature_selection(message: pb.TrainingJob) -> FeatureSelection | None:
    """Read which columns are kept."""
    if not message.HasField("feature_selection"):
        return None
    return _read(FeatureSelection, message.feature_selection)


def _read(kind: type[Value], message: Message) -> Value:
    return kind(**{field.name: _read_field(message, field.name) for field in fields(kind)})  # type: ignore[arg-type]  # all are dataclasses


def _read_field(message: Message, name: str) -> Any:
    if name in _OPTIONAL and not message.HasField(name):
        return None
    value = getattr(message, name)
    # What is repeated is an iterable that is no text.
    return value if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)


def to_feature(feature: FeatureColumn) -> pb.Feature:
    """Write what is declared of a feature."""
    message = pb.Feature(column=feature.column, role=to_role(feature.role))
    if steps := declared_steps(feature):
        kind = next(name for name, kind in _STEPS.items() if isinstance(steps, kind))
        part = getattr(message, kind)
        # The usual of everything is a declaration too.
        part.SetInParent()
        _write(steps, part)
    return message


def to_feature_selection(selection: FeatureSelection | None) -> pb.FeatureSelection | None:
    """Write which columns are kept."""
    if selection is None:
        return None
    message = pb.FeatureSelection()
    _write(selection, message)
    return message


def _write(value: Any, message: Message) -> None:
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, tuple):
            getattr(message, field.name).extend(content)
        elif content is not None:
            setattr(message, field.name, content)

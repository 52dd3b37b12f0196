"""Which columns a model learns from, and how each goes in.

Numbers and booleans that never miss go in as INT64 and BOOL. Everything else that is a number
goes in as FP32, NaN being missing, or as FP64 where FP32 would blur the column: whole numbers
beyond 2**24, and columns whose values lie so close together, far from zero, that FP32 keeps
fewer than 65,536 steps between the smallest and the largest (times in seconds, coordinates).
Categories, texts and times go in as BYTES.

By itself a text column with several words and many different values is a text; one with many
values of a word or two looks like an identifier and is left out; others are categories.
"""

from dataclasses import dataclass

from registry.signature import Role, Task, TensorSpec
from training.columns import Column, ColumnType, Table
from training.feature_steps import USUAL_CATEGORIES, FeatureColumn, roles_of_steps
from training.refusal import FitRefused

OUTPUT_NAMES = {
    Task.CLASSIFICATION: ("label", "probabilities"),
    Task.REGRESSION: ("value",),
    Task.MULTILABEL_CLASSIFICATION: ("labels", "probabilities"),
}
"""The names of a model's outputs, which no input can have."""

_LARGEST_EXACT_FP32 = 2.0**24
_FP32_PRECISION = 2.0**-23
_SMALLEST_FP32 = 2.0**-149
_LARGEST_FP32 = (2 - _FP32_PRECISION) * 2.0**127
_FEWEST_STEPS = 2.0**16
_FEWEST_WORDS = 3
_ROLES: dict[ColumnType, tuple[Role, ...]] = {
    ColumnType.BOOLEAN: (Role.BOOLEAN, Role.CATEGORICAL),
    ColumnType.INTEGER: (Role.NUMERIC, Role.CATEGORICAL),
    ColumnType.FLOAT: (Role.NUMERIC,),
    ColumnType.TEXT: (Role.CATEGORICAL, Role.TEXT, Role.TIME),
    ColumnType.TIME: (Role.TIME, Role.CATEGORICAL),
}
"""The roles that a column can have, the one it has by itself first."""


@dataclass(frozen=True, slots=True)
class Features:
    """What to learn from.

    Attributes:
        inputs: One per feature, in the table's order or the one asked for; categories and
            ranges are not known yet.
        left_out: For each column left out, a sentence that says why.
    """

    inputs: tuple[TensorSpec, ...]
    left_out: tuple[str, ...] = ()


def choose_features(
    table: Table, target: str, wanted: tuple[FeatureColumn, ...], task: Task
) -> Features:
    """Take the columns asked for, or every usable one but the target.

    Raises:
        FitRefused: A column asked for can't be used, none is usable, or one has the name of
            an output.
    """
    features = _take_wanted(table, target, wanted) if wanted else _take_usable(table, target)
    if not features.inputs:
        raise FitRefused(
            "NO_FEATURES",
            "no column but the target can be learned from: " + "; ".join(features.left_out[:10]),
        )
    for spec in features.inputs:
        if spec.name in OUTPUT_NAMES[task]:
            raise FitRefused(
                "FEATURE_INVALID",
                f"the column {spec.name!r} has the name of an output of the model; rename it, or"
                " name the features without it",
            )
    return features


def _take_usable(table: Table, target: str) -> Features:
    inputs, left_out = [], []
    for column in table.columns:
        if column.name == target:
            continue
        if why := _why_unusable(column, table) or _why_useless(column, table):
            left_out.append(f"the column {column.name!r} is left out: {why}")
        else:
            inputs.append(_describe_input(column, infer_role(column)))
    return Features(tuple(inputs), tuple(left_out))


def _take_wanted(table: Table, target: str, wanted: tuple[FeatureColumn, ...]) -> Features:
    columns = {column.name: column for column in table.columns if column.name != target}
    if len({feature.column for feature in wanted}) < len(wanted):
        raise FitRefused("FEATURE_INVALID", "a feature is named twice; name each column once")
    return Features(tuple(_take_one(feature, columns, table) for feature in wanted))


def _take_one(feature: FeatureColumn, columns: dict[str, Column], table: Table) -> TensorSpec:
    column = columns.get(feature.column)
    if column is None:
        raise FitRefused(
            "FEATURE_INVALID",
            f"the feature {feature.column!r} is the target, or no column of the table; it can be"
            f" one of {', '.join(repr(name) for name in list(columns)[:20])}",
        )
    if why := _why_unusable(column, table):
        raise FitRefused("FEATURE_INVALID", f"the feature {column.name!r} can't be used: {why}")
    roles = list_roles(feature, column)
    if not roles:
        raise FitRefused(
            "FEATURE_INVALID",
            f"the feature {column.name!r} holds {column.type} and can't be what is declared of it;"
            f" it can be {' or '.join(_ROLES[column.type])}",
        )
    return _describe_input(column, roles[0])


def list_roles(feature: FeatureColumn, column: Column) -> list[Role]:
    """List the roles that a column can have and that fit its declaration, the likeliest first."""
    first = infer_role(column)
    possible = sorted(_ROLES[column.type], key=lambda role: role is not first)
    wanted = (feature.role,) if feature.role else possible
    return [role for role in wanted if role in possible and role in roles_of_steps(feature)]


def infer_role(column: Column) -> Role:
    """Tell what a column is by itself."""
    if column.type is ColumnType.TEXT and _is_wordy(column):
        return Role.TEXT
    return _ROLES[column.type][0]


def _is_wordy(column: Column) -> bool:
    """Tell texts of several words, of which there are too many for categories."""
    words = [len(top.value.split()) for top in column.top_values]
    # The top values of a column of texts are as good as any of them.
    return column.distinct_count > USUAL_CATEGORIES and sum(words) >= _FEWEST_WORDS * len(words)


def _why_unusable(column: Column, table: Table) -> str:
    is_number = column.type in (ColumnType.INTEGER, ColumnType.FLOAT)
    if column.missing_count == table.row_count or (is_number and column.minimum is None):
        return "it has no values"
    return ""


def _why_useless(column: Column, table: Table) -> str:
    is_text = column.type is ColumnType.TEXT
    present = table.row_count - column.missing_count
    # A text that is there or not tells something; a number is filled in where it misses.
    if column.distinct_count == 1 and not (is_text and column.missing_count):
        return "it has one value only"
    if is_text and column.distinct_count * 2 > present and not _is_wordy(column):
        return (
            f"it looks like an identifier, with {column.distinct_count} values in {present} rows;"
            " name it as a feature to use it all the same"
        )
    return ""


def _describe_input(column: Column, role: Role) -> TensorSpec:
    return TensorSpec(column.name, _choose_datatype(column, role), (-1, 1), role)


def _choose_datatype(column: Column, role: Role) -> str:
    if role in (Role.CATEGORICAL, Role.TEXT, Role.TIME):
        return "BYTES"
    if column.type is ColumnType.FLOAT or column.missing_count:
        return "FP64" if _is_blurred(column) else "FP32"
    return "BOOL" if role is Role.BOOLEAN else "INT64"


def _is_blurred(column: Column) -> bool:
    """Tell whether FP32 is too coarse for a column of numbers."""
    if column.minimum is None or column.maximum is None:
        return False
    largest = max(abs(column.minimum), abs(column.maximum))
    if column.type is ColumnType.INTEGER:
        return largest > _LARGEST_EXACT_FP32
    if largest > _LARGEST_FP32:
        return True
    step = max(largest * _FP32_PRECISION, _SMALLEST_FP32)
    return column.distinct_count > 1 and (column.maximum - column.minimum) / step < _FEWEST_STEPS

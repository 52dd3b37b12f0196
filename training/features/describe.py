"""What the training rows tell of a model's inputs: categories and ranges."""

from collections import Counter
from dataclasses import replace

import numpy as np

from registry.signature import Role, TensorSpec
from training.feature_steps import USUAL_CATEGORIES
from training.features.rows import Array, Rows
from training.features.times import parse_times


def describe_inputs(inputs: tuple[TensorSpec, ...], training: Rows) -> tuple[TensorSpec, ...]:
    """Fill in the categories and ranges that the training rows have; of times in seconds."""
    return tuple(_describe(spec, training[spec.name]) for spec in inputs)


def _describe(spec: TensorSpec, values: Array) -> TensorSpec:
    if spec.role is Role.CATEGORICAL:
        counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
        return replace(spec, categories=tuple(value for value, _ in counts[:USUAL_CATEGORIES]))
    if spec.role in (Role.BOOLEAN, Role.TEXT):
        return spec
    numbers = parse_times(values) if spec.role is Role.TIME else values
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return spec
    return replace(spec, minimum=float(finite.min()), maximum=float(finite.max()))

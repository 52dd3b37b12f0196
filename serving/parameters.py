"""The parameters of an infer request: what each known one must be; others are ignored.

Keys and types: the Open Inference Protocol with Triton's extensions. A known key with
another type is refused, as is a reserved one, lest a caller believes that it had effect.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from serving.errors import TensorInvalid

_RESERVED = "triton_"
_SHARED_MEMORY = "shared_memory_"
_CLASSIFICATION = "classification"
_TIMEOUT = "timeout"
_UNION = "parameter_choice"
_US_PER_SECOND = 1_000_000

_KINDS = {
    # Sequences have no meaning for models without state, and do no harm.
    "sequence_id": ("int64_param", "uint64_param", "string_param"),
    "sequence_start": ("bool_param",),
    "sequence_end": ("bool_param",),
    # Older clients send the signed type.
    "priority": ("uint64_param", "int64_param"),
    _TIMEOUT: ("int64_param", "uint64_param"),
    "binary_data_output": ("bool_param",),
    # Stock clients send it on every call; it asks for something that only streams have.
    "triton_enable_empty_final_response": ("bool_param",),
}
"""Which members of the union each known key of a request may have."""

_NOT_NEGATIVE = ("priority", _TIMEOUT)


class Parameter(Protocol):
    """A value of one of several types, as protobuf has it."""

    def WhichOneof(self, oneof_group: Any) -> Any:  # noqa: N802 - protobuf's name
        """Name the member that is set."""


def read_wait_seconds(parameters: Mapping[str, Parameter]) -> float | None:
    """Check a request's own parameters.

    Returns:
        How long the request may wait before it is run, in seconds; None if it does not say.

    Raises:
        TensorInvalid: A key is reserved, or a known one has a value that it can't have.
    """
    for key, parameter in parameters.items():
        if kinds := _KINDS.get(key):
            _check_value(key, parameter, kinds)
        elif key.startswith(_RESERVED) or key == "headers":
            raise TensorInvalid(
                f"the request parameter {key[:80]!r} is reserved; leave it out",
                field=_path("", key),
            )
    if _TIMEOUT not in parameters:
        return None
    microseconds: int = _value_of(parameters[_TIMEOUT])
    return microseconds / _US_PER_SECOND or None


def check_input_parameters(name: str, keys: Iterable[str]) -> None:
    """Check the keys of an input's parameters.

    Raises:
        TensorInvalid: A key asks for shared memory.
    """
    for key in keys:
        if key.startswith(_SHARED_MEMORY):
            raise _shared_memory_refused(f'inputs["{name}"].', key)


def read_classification(name: str, parameters: Mapping[str, Parameter]) -> int | None:
    """Check a requested output's parameters.

    Returns:
        How many of its highest elements are wanted as text; None if it is wanted as it is.

    Raises:
        TensorInvalid: A key asks for shared memory, or classification is no number from 1.
    """
    for key in parameters:
        if key.startswith(_SHARED_MEMORY):
            raise _shared_memory_refused(f'outputs["{name}"].', key)
    if _CLASSIFICATION not in parameters:
        return None
    parameter = parameters[_CLASSIFICATION]
    wanted = _value_of(parameter)
    if parameter.WhichOneof(_UNION) != "int64_param" or wanted < 1:
        raise TensorInvalid(
            f"output {name!r} is asked for with classification, which must be an int64_param"
            " from 1: how many of the highest elements to answer",
            field=_path(f'outputs["{name}"].', _CLASSIFICATION),
        )
    return int(wanted)


def _check_value(key: str, parameter: Parameter, kinds: tuple[str, ...]) -> None:
    kind = parameter.WhichOneof(_UNION)
    if kind not in kinds:
        raise TensorInvalid(
            f"the request parameter {key!r} must be {' or '.join(kinds)}; it is"
            f" {kind or 'without a value'}",
            field=_path("", key),
        )
    if key in _NOT_NEGATIVE and _value_of(parameter) < 0:
        raise TensorInvalid(
            f"the request parameter {key!r} must not be negative", field=_path("", key)
        )


def _value_of(parameter: Parameter) -> Any:
    kind = parameter.WhichOneof(_UNION)
    return getattr(parameter, kind) if kind else None


def _shared_memory_refused(owner: str, key: str) -> TensorInvalid:
    return TensorInvalid(
        f"{owner}parameters has {key[:80]!r}; this server has no shared memory with its"
        " callers: send the elements in raw_input_contents, they come back in"
        " raw_output_contents",
        field=_path(owner, key),
    )


def _path(owner: str, key: str) -> str:
    return f'{owner}parameters["{key[:80]}"]'

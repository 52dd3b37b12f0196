"""Which parameters of an infer request are refused; every other is ignored."""

from collections.abc import Iterable

from serving.errors import TensorInvalid

_RESERVED = "triton_"
# Stock clients send it on every call; it asks for something that only streams have.
_HARMLESS = "triton_enable_empty_final_response"
_SHARED_MEMORY = "shared_memory_"
_CLASSIFICATION = "classification"


def check_request_parameters(keys: Iterable[str]) -> None:
    """Check the keys of a request's own parameters.

    Raises:
        TensorInvalid: A key is reserved.
    """
    for key in keys:
        if key.startswith(_RESERVED) and key != _HARMLESS:
            raise TensorInvalid(
                f"the request parameter {key[:80]!r} is reserved; leave it out",
                field=_path("", key),
            )


def check_input_parameters(name: str, keys: Iterable[str]) -> None:
    """Check the keys of an input's parameters.

    Raises:
        TensorInvalid: A key asks for shared memory.
    """
    for key in keys:
        if key.startswith(_SHARED_MEMORY):
            raise _shared_memory_refused(f'inputs["{name}"].', key)


def check_output_parameters(name: str, keys: Iterable[str]) -> None:
    """Check the keys of a requested output's parameters.

    Raises:
        TensorInvalid: A key asks for shared memory or classification.
    """
    for key in keys:
        if key.startswith(_SHARED_MEMORY):
            raise _shared_memory_refused(f'outputs["{name}"].', key)
        if key == _CLASSIFICATION:
            raise TensorInvalid(
                f"output {name!r} is asked for with classification, which this server does"
                " not offer; leave it out and pick the highest elements",
                field=_path(f'outputs["{name}"].', key),
            )


def _shared_memory_refused(owner: str, key: str) -> TensorInvalid:
    return TensorInvalid(
        f"{owner}parameters has {key[:80]!r}; this server has no shared memory with its"
        " callers: send the elements in raw_input_contents, they come back in"
        " raw_output_contents",
        field=_path(owner, key),
    )


def _path(owner: str, key: str) -> str:
    return f'{owner}parameters["{key[:80]}"]'

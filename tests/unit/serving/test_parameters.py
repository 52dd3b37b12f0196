from typing import Any

import pytest

from modelyard.inference.v1.inference_pb2 import InferParameter
from serving.parameters import read_wait_seconds
from tests.unit.serving.refused import refused


def parameters(**values: dict[str, Any]) -> dict[str, InferParameter]:
    return {name: InferParameter(**value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence_id", {"int64_param": 7}),
        ("sequence_id", {"string_param": "seven"}),
        ("sequence_start", {"bool_param": True}),
        ("sequence_end", {"bool_param": False}),
        ("priority", {"uint64_param": 2**64 - 1}),
        ("priority", {"int64_param": 0}),
        ("timeout", {"int64_param": 0}),
        ("binary_data_output", {"bool_param": True}),
        ("triton_enable_empty_final_response", {"bool_param": True}),
        ("anything", {"double_param": float("nan")}),
        ("anything", {}),
        ("x" * 100_000, {"string_param": "y" * 100_000}),
    ],
)
def test_known_and_free_parameters_are_taken(name: str, value: dict[str, Any]) -> None:
    assert read_wait_seconds(parameters(**{name: value})) is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sequence_id", {"bool_param": True}, ["int64_param", "it is bool_param"]),
        ("sequence_start", {"int64_param": 1}, ["bool_param"]),
        ("priority", {"int64_param": -1}, ["negative"]),
        ("priority", {"string_param": "high"}, ["uint64_param"]),
        ("timeout", {"int64_param": -(2**63)}, ["negative"]),
        ("timeout", {"double_param": 0.5}, ["int64_param"]),
        ("timeout", {}, ["without a value"]),
        ("binary_data_output", {"string_param": "yes"}, ["bool_param"]),
        ("triton_enable_empty_final_response", {"string_param": ""}, ["bool_param"]),
        ("triton_final_response", {"bool_param": True}, ["reserved"]),
        ("triton_", {}, ["reserved"]),
        ("headers", {"string_param": ""}, ["reserved"]),
    ],
)
def test_wrong_and_reserved_parameters_are_refused(
    name: str, value: dict[str, Any], words: list[str]
) -> None:
    with refused(f'parameters["{name}"]', *words):
        read_wait_seconds(parameters(**{name: value}))


def test_the_timeout_is_in_microseconds() -> None:
    assert read_wait_seconds(parameters(timeout={"int64_param": 250_000})) == 0.25
    assert read_wait_seconds(parameters(timeout={"uint64_param": 1})) == 1e-6


def test_a_long_reserved_key_is_cut_short() -> None:
    key = "triton_" + "x" * 1000
    with refused(f'parameters["{key[:80]}"]', "reserved"):
        read_wait_seconds(parameters(**{key: {}}))

"""What is remembered of requests: nothing that could make two of them mean the same."""

import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from serving.errors import TensorInvalid
from serving.input_rules import make_rules
from serving.plans import Plans
from tests.unit.serving.graphs import MIXED

MOST = 100


@pytest.fixture
def plans() -> Plans:
    return Plans(make_rules(MIXED), ["sum", "label"])


def request(rows: int = 1, id_: str = "", fill: int = 1) -> pb.ModelInferRequest:
    made = pb.ModelInferRequest(model_name="m", id=id_)
    for spec, type_ in zip(MIXED.inputs, (np.float32, np.int64, None), strict=True):
        made.inputs.add(name=spec.name, datatype=spec.datatype, shape=[rows, 1])
        text = bytes([fill, 0, 0, 0]) + b"x" * fill
        made.raw_input_contents.append(
            np.full(rows, fill, type_).tobytes() if type_ else text * rows
        )
    return made


def test_requests_that_differ_in_id_and_elements_share_a_plan(plans: Plans) -> None:
    first, second = plans.read(request(id_="a"), MOST), plans.read(request(id_="b", fill=2), MOST)
    assert first.plan is second.plan
    assert (first.id, second.id) == ("a", "b")
    assert first.raw != second.raw


def test_the_id_stays_with_the_request(plans: Plans) -> None:
    message = request(id_="mine")
    plans.read(message, MOST)
    assert message.id == "mine"


@pytest.mark.parametrize("change", ["rows", "outputs", "timeout", "version"])
def test_requests_that_ask_for_something_else_do_not(plans: Plans, change: str) -> None:
    first = plans.read(request(), MOST)
    other = request(rows=2 if change == "rows" else 1)
    if change == "outputs":
        other.outputs.add(name="sum")
    if change == "timeout":
        other.parameters["timeout"].int64_param = 5_000_000
    if change == "version":
        other.model_version = "3"
    second = plans.read(other, MOST)
    assert second.plan is not first.plan
    assert second.plan.layout.batch == (2 if change == "rows" else 1)
    assert second.plan.wanted[0] == (["sum"] if change == "outputs" else ["sum", "label"])
    assert second.plan.wait_seconds == (5.0 if change == "timeout" else None)


def test_what_is_wrong_is_refused_each_time(plans: Plans) -> None:
    for _ in range(2):
        wrong = request()
        wrong.inputs[1].datatype = "INT32"
        with pytest.raises(TensorInvalid):
            plans.read(wrong, MOST)


def test_contents_beside_raw_elements_are_not_remembered_as_fit(plans: Plans) -> None:
    for _ in range(2):
        mixed = request()
        mixed.inputs[0].contents.fp32_contents.append(1)
        call = plans.read(mixed, MOST)
        assert call.plan.layout.tensors  # whoever reads the elements has to look at them


def test_what_is_remembered_is_bounded(plans: Plans) -> None:
    for number in range(3000):
        message = request()
        message.parameters[f"trace-{number}"].string_param = "x" * 100
        plans.read(message, MOST)
    assert plans.known_bytes <= 1 << 16
    large = request()
    large.parameters["large"].string_param = "x" * (1 << 14)
    before = plans.known_bytes
    plans.read(large, MOST)
    assert plans.known_bytes == before

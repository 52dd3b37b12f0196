"""Wrong inferences over a real socket, under both names of the service."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from tests.support.server_process import ServerProcess
from tests.support.statuses import reason_of

SERVICES = ("inference.GRPCInferenceService", "modelyard.inference.v1.InferenceService")
TEXTS = ("island", "sex")


def good() -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name="penguins", id="7")
    for name in TEXTS:
        message.inputs.add(name=name, datatype="BYTES", shape=[1, 1])
        message.raw_input_contents.append(b"\3\0\0\0any")
    for name in ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"):
        message.inputs.add(name=name, datatype="FP32", shape=[1, 1])
        message.raw_input_contents.append(struct.pack("<f", float("nan")))
    message.inputs.add(name="year", datatype="INT64", shape=[1, 1])
    message.raw_input_contents.append(struct.pack("<q", 2007))
    return message


def ask_for_everything(message: pb.ModelInferRequest) -> None:
    for tensor in message.inputs:
        tensor.shape[0] = 2**62


ABUSES: dict[str, tuple[Callable[[pb.ModelInferRequest], object], str]] = {
    "a text that lies": (
        lambda m: m.raw_input_contents.__setitem__(0, b"\xff\xff\xff\xff"),
        "island",
    ),
    "half a number": (lambda m: m.raw_input_contents.__setitem__(6, b"\0"), "year"),
    "a negative length": (lambda m: m.inputs[0].shape.__setitem__(0, -1), "island"),
    "too many rows": (ask_for_everything, "inputs"),
    "a product beyond 64 bits": (
        lambda m: m.inputs[2].shape.extend([2**62, 2**62]),
        "bill_length_mm",
    ),
    "no rows": (lambda m: m.inputs[6].shape.__setitem__(0, 0), "year"),
    "an input twice": (lambda m: m.inputs.append(m.inputs[0]), "island"),
    "a parameter of another type": (
        lambda m: setattr(m.parameters["timeout"], "string_param", "soon"),
        "timeout",
    ),
}


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


def infer_by(channel: grpc.Channel, service: str) -> Any:
    return channel.unary_unary(
        f"/{service}/ModelInfer",
        request_serializer=pb.ModelInferRequest.SerializeToString,
        response_deserializer=pb.ModelInferResponse.FromString,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_abuse_is_invalid_and_names_the_tensor(channel: grpc.Channel, service: str) -> None:
    infer = infer_by(channel, service)
    for change, name in ABUSES.values():
        message = good()
        assert infer(message).id == "7"
        change(message)
        with pytest.raises(grpc.RpcError) as caught:
            infer(message)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert name in str(caught.value.details())
        assert reason_of(caught.value) == "TENSOR_INVALID"


def test_a_stream_under_our_own_name_answers_failures_in_order(channel: grpc.Channel) -> None:
    call: Any = channel.stream_stream(
        f"/{SERVICES[1]}/ModelStreamInfer",
        request_serializer=pb.ModelInferRequest.SerializeToString,
        response_deserializer=pb.ModelStreamInferResponse.FromString,
    )
    messages = [good() for _ in ABUSES]
    for number, (message, (change, _)) in enumerate(zip(messages, ABUSES.values(), strict=True)):
        message.id = str(number)
        change(message)
    answers = list(call(iter([*messages, good()])))
    assert [a.infer_response.id for a in answers] == [*map(str, range(len(ABUSES))), "7"]
    for answer, (_, name) in zip(answers, ABUSES.values(), strict=False):
        assert name in answer.error_message
    assert answers[-1].error_message == ""


def test_a_stream_that_is_cancelled_harms_nobody(channel: grpc.Channel) -> None:
    call: Any = channel.stream_stream(
        f"/{SERVICES[0]}/ModelStreamInfer",
        request_serializer=pb.ModelInferRequest.SerializeToString,
        response_deserializer=pb.ModelStreamInferResponse.FromString,
    )
    answers = call(iter(good() for _ in range(1000)))
    assert next(answers).infer_response.id == "7"
    answers.cancel()
    with pytest.raises(grpc.RpcError) as caught:
        list(answers)
    assert caught.value.code() == grpc.StatusCode.CANCELLED
    assert infer_by(channel, SERVICES[0])(good()).id == "7"

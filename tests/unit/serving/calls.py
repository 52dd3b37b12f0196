"""Requests to the servicer, and what comes back, without a transport."""

from collections.abc import AsyncIterator, Iterable
from inspect import isawaitable

import numpy as np

from modelyard.inference.v1 import inference_pb2 as pb
from registry.signature import Signature
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from tests.unit.serving import graphs
from tests.unit.serving.store import Store, settled


class Context:
    """As much of a call's context as the servicer looks at."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._metadata


def request(value: float = 0.5, version: str = "", rows: int = 1) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name="m", model_version=version)
    message.inputs.add(name="x", datatype="FP32", shape=[rows, 1])
    message.raw_input_contents.append(np.full(rows, value, np.float32).tobytes())
    return message


async def infer(
    servicer: InferenceServicer, message: pb.ModelInferRequest
) -> pb.ModelInferResponse:
    answer = servicer.ModelInfer(message, None)
    return await answer if isawaitable(answer) else answer


async def stream(
    servicer: InferenceServicer, messages: Iterable[pb.ModelInferRequest], context: Context
) -> AsyncIterator[pb.ModelStreamInferResponse]:
    async def requests() -> AsyncIterator[pb.ModelInferRequest]:
        for message in messages:
            yield message

    async for response in servicer.ModelStreamInfer(requests(), context):
        yield response


def value_of(response: pb.ModelInferResponse) -> float:
    (raw,) = response.raw_output_contents
    return float(np.frombuffer(raw, np.float32)[0])


async def serve(
    store: Store, reconciler: Reconciler, content: bytes, signature: Signature = graphs.ADDER
) -> None:
    store.add(7, content, signature, champion=7)
    await reconciler.refresh()
    await settled(reconciler)

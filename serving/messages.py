"""Messages of an inference <-> values; pure functions."""

import asyncio
from collections.abc import Mapping
from functools import partial
from time import perf_counter_ns

from modelyard.inference.v1 import inference_pb2 as pb
from registry.errors import DomainError
from serving.batching import Batcher
from serving.elements import Array
from serving.loaded import LoadedVersion
from serving.outputs import write_answer, write_as_text
from serving.plans import InferCall
from serving.snapshot import ServableVersion
from serving.statistics import RunTimes
from serving.tensors import read_inputs

_FINAL = "triton_final_response"


class InferForm:
    """How the calls of ModelInfer are answered; see `serving.running`."""

    __slots__ = ()

    def answer(
        self, call: InferCall, handle: LoadedVersion, begun: int
    ) -> tuple[pb.ModelInferResponse, RunTimes]:
        """Read the elements, run the model, write the answer. Blocks as long as the model runs.

        Args:
            call: What came, checked but for its elements.
            handle: The version that answers.
            begun: When this began, by `perf_counter_ns`.

        Returns:
            The answer, and when its parts were done.

        Raises:
            TensorInvalid: The elements do not fit the model, or an output its classification.
            ModelRunFailed: The model failed.
        """
        plan = call.plan
        names, highest = plan.wanted
        feeds = read_inputs(plan.layout, call.raw)
        read = perf_counter_ns()
        arrays = handle.model.run(feeds, names)
        ran = perf_counter_ns()
        types: Mapping[str, str] = handle.output_types
        if highest:
            arrays = write_as_text(handle.version, plan.wanted, arrays)
            types = {**types, **dict.fromkeys(highest, "BYTES")}
        response = write_answer(handle.version, names, types, arrays, plan.heads)
        if call.id:
            response.id = call.id
        return response, (begun, read, ran, perf_counter_ns())

    def join(
        self, call: InferCall, handle: LoadedVersion, batcher: Batcher
    ) -> asyncio.Future[pb.ModelInferResponse]:
        """Read the elements and have them run together with those of other callers.

        Raises:
            TensorInvalid: The elements do not fit the model; nobody else is concerned.
            BatchQueueFull: Too many callers wait already.
        """
        plan = call.plan
        feeds = read_inputs(plan.layout, call.raw)
        write = partial(_write_infer, call, handle)
        return batcher.submit(feeds, plan.layout.rows, plan.wanted[0], write)

    def wait_seconds(self, call: InferCall) -> float | None:
        """Tell how long it may wait before it is run; None if it does not say."""
        return call.plan.wait_seconds


def _write_infer(
    call: InferCall, handle: LoadedVersion, arrays: list[Array]
) -> pb.ModelInferResponse:
    """Write one caller's answer. `InferForm.answer` has the same in line: it must be quick."""
    names, heads = call.plan.wanted[0], call.plan.heads
    response = write_answer(handle.version, names, handle.output_types, arrays, heads)
    response.id = call.id
    return response


def write_stream_answer(response: pb.ModelInferResponse) -> pb.ModelStreamInferResponse:
    """Write the one answer of a request of a stream."""
    response.parameters[_FINAL].bool_param = True
    return pb.ModelStreamInferResponse(infer_response=response)


def write_stream_failure(
    request_id: str, error: DomainError, ran: ServableVersion | None
) -> pb.ModelStreamInferResponse:
    """Write what became of a request of a stream that failed.

    Args:
        request_id: The id that the caller gave it.
        error: Why it failed.
        ran: The version that failed on it; None if none was run.
    """
    response = pb.ModelInferResponse(id=request_id)
    if ran:
        response.model_name, response.model_version = ran.model_id, str(ran.number)
        response.parameters[_FINAL].bool_param = True
    return pb.ModelStreamInferResponse(error_message=error.message, infer_response=response)

"""Messages of an inference <-> values; pure functions."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from time import perf_counter_ns
from types import MappingProxyType

from modelyard.inference.v1 import inference_pb2 as pb
from registry.errors import DomainError
from serving import refusals
from serving.batching import Batcher
from serving.classification import classify
from serving.elements import Array, write_elements
from serving.errors import TensorInvalid
from serving.input_rules import takes_rows
from serving.loaded import LoadedVersion
from serving.parameters import read_classification
from serving.snapshot import ServableVersion
from serving.statistics import RunTimes
from serving.tensors import InferLayout, read_inputs

_FINAL = "triton_final_response"
_NO_TEXT: Mapping[str, int] = MappingProxyType({})


WantedOutputs = tuple[list[str], Mapping[str, int]]
"""The outputs that a request wants, in the order of the answer; and for those wanted as text,
how many of their highest elements."""


def read_wanted_outputs(
    requested: Sequence[pb.ModelInferRequest.InferRequestedOutputTensor], known: list[str]
) -> WantedOutputs:
    """Tell which outputs are wanted; none asked for means all.

    Raises:
        TensorInvalid: An output is unknown, asked for twice, or wanted in a form that
            is not offered.
    """
    if not requested:
        return known, _NO_TEXT
    names: list[str] = []
    highest: dict[str, int] = {}
    for output in requested:
        name = output.name
        if name not in known or name in names:
            problem = "is asked for twice" if name in names else "is unknown"
            raise TensorInvalid(
                f"output {name[:80]!r} {problem}; the model has {refusals.list_names(known)}",
                field=f'outputs["{name[:80]}"]',
            )
        if output.parameters and (count := read_classification(name, output.parameters)):
            highest[name] = count
        names.append(name)
    return names, highest


def answer_infer(
    request: pb.ModelInferRequest,
    layout: InferLayout,
    wanted: WantedOutputs,
    handle: LoadedVersion,
    begun: int,
) -> tuple[pb.ModelInferResponse, RunTimes]:
    """Read the elements, run the model, write the answer. Blocks as long as the model runs.

    Args:
        request: What came.
        layout: Its inputs, checked.
        wanted: Its outputs, checked.
        handle: The version that answers.
        begun: When this began, by `perf_counter_ns`.

    Returns:
        The answer, and when its parts were done.

    Raises:
        TensorInvalid: The elements do not fit the model, or an output its classification.
        ModelRunFailed: The model failed.
    """
    names, highest = wanted
    feeds = read_inputs(layout, request.raw_input_contents)
    read = perf_counter_ns()
    arrays = handle.model.run(feeds, names)
    ran = perf_counter_ns()
    types: Mapping[str, str] = handle.output_types
    if highest:
        arrays = _classify(handle.version, wanted, arrays)
        types = {**types, **dict.fromkeys(highest, "BYTES")}
    response = write_answer(handle.version, names, types, arrays)
    response.id = request.id
    return response, (begun, read, ran, perf_counter_ns())


def answer_infer_aside(
    request: pb.ModelInferRequest,
    layout: InferLayout,
    wanted: WantedOutputs,
    handle: LoadedVersion,
) -> tuple[pb.ModelInferResponse, RunTimes]:
    """Do `answer_infer` in a thread, where it begins when the thread does."""
    return answer_infer(request, layout, wanted, handle, perf_counter_ns())


def _classify(version: ServableVersion, wanted: WantedOutputs, arrays: list[Array]) -> list[Array]:
    by_row = takes_rows(version.signature)
    names, highest = wanted
    return [
        classify(name, array, highest[name], version.classes, by_row=by_row)
        if name in highest
        else array
        for name, array in zip(names, arrays, strict=True)
    ]


def write_answer(
    version: ServableVersion,
    names: list[str],
    datatypes: Mapping[str, str],
    arrays: list[Array],
) -> pb.ModelInferResponse:
    """Write outputs as a response; the elements are always raw, `contents` never set.

    Args:
        version: The version that answered.
        names: The outputs' names.
        datatypes: The datatype of each output by name.
        arrays: The outputs; text is an object array of str.
    """
    outputs = tuple([(n, datatypes[n], a.shape) for n, a in zip(names, arrays, strict=True)])
    head = _write_head(version.model_id, version.number, outputs)
    response = pb.ModelInferResponse.FromString(head)
    response.raw_output_contents.extend([write_elements(array) for array in arrays])
    return response


@lru_cache(maxsize=4096)
def _write_head(
    model_id: str, number: int, outputs: tuple[tuple[str, str, tuple[int, ...]], ...]
) -> bytes:
    """Write what every answer of these shapes has; to read it back is quicker than anew."""
    response = pb.ModelInferResponse(model_name=model_id, model_version=str(number))
    for name, datatype, shape in outputs:
        response.outputs.add(name=name, datatype=datatype, shape=shape)
    return response.SerializeToString()


def join_infer(
    request: pb.ModelInferRequest,
    layout: InferLayout,
    names: list[str],
    handle: LoadedVersion,
    batcher: Batcher,
) -> asyncio.Future[pb.ModelInferResponse]:
    """Read the elements and have them run together with those of other callers.

    Raises:
        TensorInvalid: The elements do not fit the model; nobody else is concerned.
        BatchQueueFull: Too many callers wait already.
    """
    feeds = read_inputs(layout, request.raw_input_contents)
    write = partial(_write_infer, request.id, handle, names)
    return batcher.submit(feeds, layout.rows, names, write)


def _write_infer(
    request_id: str, handle: LoadedVersion, names: list[str], arrays: list[Array]
) -> pb.ModelInferResponse:
    """Write one caller's answer. `answer_infer` has the same in line: it must be quick."""
    response = write_answer(handle.version, names, handle.output_types, arrays)
    response.id = request_id
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

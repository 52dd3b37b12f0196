"""Messages of the inference service <-> values; pure functions."""

from collections.abc import Awaitable
from functools import partial

from modelyard.inference.v1 import inference_pb2 as pb
from registry.signature import TensorSpec
from serving.batching import Batcher
from serving.elements import Array
from serving.loaded import LoadedVersion
from serving.parameters import check_request_parameters
from serving.predictor import ModelDescription
from serving.tensors import InferLayout, read_inputs, read_layout, read_output_names, write_answer

PLATFORM = "onnx_onnxv1"
"""The form of every model, in the protocol's spelling."""


def read_infer_layout(
    request: pb.ModelInferRequest, handle: LoadedVersion, max_elements: int
) -> InferLayout:
    """Check all of a request but its elements.

    Raises:
        TensorInvalid: It does not fit the model, or asks for what is not offered.
    """
    if request.parameters:
        check_request_parameters(request.parameters)
    return read_layout(request.inputs, handle.rules, max_elements)


def answer_infer(
    request: pb.ModelInferRequest, layout: InferLayout, handle: LoadedVersion
) -> pb.ModelInferResponse:
    """Read the elements, run the model, write the answer. Blocks as long as the model runs.

    Raises:
        TensorInvalid: The elements or the wanted outputs do not fit the model.
        ModelRunFailed: The model failed.
    """
    names = read_output_names(request.outputs, handle.output_names)
    feeds = read_inputs(layout, request.raw_input_contents)
    arrays = handle.model.run(feeds, names)
    response = write_answer(handle.version, names, handle.output_types, arrays)
    response.id = request.id
    return response


def join_infer(
    request: pb.ModelInferRequest, layout: InferLayout, handle: LoadedVersion, batcher: Batcher
) -> Awaitable[pb.ModelInferResponse]:
    """Read the elements and have them run together with those of other callers.

    Raises:
        TensorInvalid: The elements or the wanted outputs do not fit the model; nobody
            else is concerned.
        BatchQueueFull: Too many callers wait already.
    """
    names = read_output_names(request.outputs, handle.output_names)
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


def write_metadata(description: ModelDescription) -> pb.ModelMetadataResponse:
    """Write what callers are told of a model."""
    return pb.ModelMetadataResponse(
        name=description.model_id,
        versions=[str(number) for number in description.numbers],
        platform=PLATFORM,
        inputs=[_write_spec(spec) for spec in description.signature.inputs],
        outputs=[_write_spec(spec) for spec in description.signature.outputs],
    )


def _write_spec(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=spec.datatype, shape=spec.shape
    )

"""The least that answers ModelInfer on grpcio's own server: the reference for the transport.

    python minimal_server.py HOST:PORT MODELS [--checks]

Parses, runs ONNX Runtime, encodes; no other feature. With --checks it also looks at what any
server must look at before it runs a model: names, types, shapes and lengths.
"""

import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime

from modelyard.inference.v1 import inference_pb2 as pb

THREADS = 4
DATATYPES: dict[str, tuple[str, Any]] = {
    "tensor(float)": ("FP32", np.float32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(string)": ("BYTES", np.object_),
}
Array = np.ndarray[Any, Any]


class Model:
    """A session with what is known of its inputs and outputs."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.inputs = {
            node.name: (*DATATYPES[node.type], node.shape) for node in self.session.get_inputs()
        }
        self.outputs = [(node.name, DATATYPES[node.type][0]) for node in self.session.get_outputs()]


class MinimalServer:
    """Answers ModelInfer.

    Args:
        models: The models by name.
        checks: Whether to check requests before they run.
    """

    def __init__(self, models: dict[str, Model], *, checks: bool) -> None:
        self._models = models
        self._checks = checks

    def infer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """Parse, run, encode."""
        model = self._models[request.model_name]
        if self._checks:
            try:
                _check(request, model)
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        feeds = {
            tensor.name: _decode(raw, model.inputs[tensor.name][1], tensor.shape)
            for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        response = pb.ModelInferResponse(model_name=request.model_name, model_version="1")
        for (name, datatype), array in zip(
            model.outputs, model.session.run(None, feeds), strict=True
        ):
            response.outputs.add(name=name, datatype=datatype, shape=array.shape)
            response.raw_output_contents.append(array.tobytes())
        return response


def _check(request: pb.ModelInferRequest, model: Model) -> None:
    """Look at names, types, shapes and lengths.

    Raises:
        ValueError: The request does not fit the model.
    """
    seen = set()
    rows = 0
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        name = tensor.name
        if name not in model.inputs or name in seen:
            raise ValueError(f"input {name!r} is unknown or there twice")
        seen.add(name)
        datatype, dtype, wanted = model.inputs[name]
        if tensor.datatype != datatype:
            raise ValueError(f"input {name!r} must be {datatype}")
        shape = list(tensor.shape)
        rows = rows or shape[0]
        if len(shape) != len(wanted) or shape[1:] != wanted[1:] or shape[0] != rows or rows < 1:
            raise ValueError(f"input {name!r} must have the shape {wanted}")
        if datatype == "BYTES":
            _check_texts(name, raw, rows * shape[1])
        elif len(raw) != rows * shape[1] * np.dtype(dtype).itemsize:
            raise ValueError(f"input {name!r} has {len(raw)} bytes")
    if len(seen) != len(model.inputs):
        raise ValueError("an input is missing")


def _check_texts(name: str, raw: bytes, count: int) -> None:
    start = 0
    for _ in range(count):
        if start + 4 > len(raw):
            raise ValueError(f"input {name!r} ends too early")
        start += 4 + struct.unpack_from("<I", raw, start)[0]
    if start != len(raw):
        raise ValueError(f"input {name!r} has {len(raw)} bytes")


def _decode(raw: bytes, dtype: Any, shape: Any) -> Array:
    if dtype is not np.object_:
        return np.frombuffer(raw, dtype).reshape(shape)
    texts = []
    start = 0
    while start < len(raw):
        stop = start + 4 + struct.unpack_from("<I", raw, start)[0]
        texts.append(raw[start + 4 : stop].decode())
        start = stop
    return np.array(texts, np.object_).reshape(shape)


def main(address: str, models: Path, *, checks: bool) -> None:
    """Serve every model of a folder until killed."""
    servicer = MinimalServer(
        {path.stem: Model(path) for path in models.glob("*.onnx")}, checks=checks
    )
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.infer,
        request_deserializer=pb.ModelInferRequest.FromString,
        response_serializer=pb.ModelInferResponse.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_registered_method_handlers("inference.GRPCInferenceService", {"ModelInfer": handler})
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), checks="--checks" in sys.argv[3:])

"""A peer: models in the KServe SDK, on ONNX Runtime, behind KServe's own gRPC server.

    python kserve_server.py HOST:PORT MODELS            as its ModelServer starts by itself
    python kserve_server.py HOST:PORT MODELS --tuned

Runs in an environment of its own. Tuned, everything is set in KServe's favour: uvloop, no line
in the log for each call, no REST server beside the gRPC one.
"""

import logging
import socket
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import uvloop
from grpc import aio
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository, ModelServer
from kserve.logging import configure_logging
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor, LoggingInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

THREADS = 4  # this and the next are KServe's defaults
MESSAGE_BYTES = 8 << 20
DATATYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64", "tensor(string)": "BYTES"}


class OnnxModel(Model):  # type: ignore[misc]  # no types here
    """One ONNX file as a KServe model."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.stem)
        self._path = path

    def load(self) -> bool:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self._path, options, ["CPUExecutionProvider"])
        self._outputs = [(node.name, DATATYPES[node.type]) for node in self._session.get_outputs()]
        self.ready = True
        return True

    def predict(self, payload: InferRequest, headers: Any = None) -> InferResponse:  # noqa: ARG002 - KServe's signature
        """Run the model."""
        feeds = {tensor.name: _decode(tensor.as_numpy()) for tensor in payload.inputs}
        outputs = []
        for (name, datatype), array in zip(
            self._outputs, self._session.run(None, feeds), strict=True
        ):
            output = InferOutput(name, list(array.shape), datatype)
            output.set_data_from_numpy(array)
            outputs.append(output)
        return InferResponse(payload.id, self.name, outputs)


def _decode(array: Any) -> Any:
    """Turn KServe's array of bytes into the text that ONNX Runtime takes."""
    return array.astype(np.str_).astype(np.object_) if array.dtype == np.object_ else array


def serve_as_shipped(address: str, models: list[OnnxModel]) -> None:
    """Serve until killed, by KServe's own start; only the ports are chosen."""
    ModelServer(http_port=_find_free_port(), grpc_port=int(address.rpartition(":")[2])).start(
        models
    )


def _find_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def serve_tuned(address: str, models: list[OnnxModel]) -> None:
    """Serve until killed, with everything in KServe's favour."""
    configure_logging()
    logging.getLogger("kserve").setLevel(logging.WARNING)
    repository = ModelRepository()
    for model in models:
        repository.update(model)
    uvloop.run(_serve_repository(address, repository))


async def _serve_repository(address: str, repository: ModelRepository) -> None:
    """Serve by the parts of KServe's GRPCServer, which itself takes no address."""
    server = aio.server(
        ThreadPoolExecutor(THREADS),
        interceptors=(LoggingInterceptor(), ExceptionToStatusInterceptor()),
        options=[
            ("grpc.max_send_message_length", MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ],
    )
    extension = ModelRepositoryExtension(repository)
    add_GRPCInferenceServiceServicer_to_server(
        InferenceServicer(DataPlane(repository), extension), server
    )
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Load every model of a folder and serve."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("models", type=Path)
    parser.add_argument("--tuned", action="store_true")
    arguments = parser.parse_args()
    models = [OnnxModel(path) for path in arguments.models.glob("*.onnx")]
    for model in models:
        model.load()
    serve = serve_tuned if arguments.tuned else serve_as_shipped
    serve(arguments.address, models)


if __name__ == "__main__":
    main()

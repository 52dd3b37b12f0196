"""The inference service. The same instance also answers as `inference.GRPCInferenceService`."""

from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any

from modelyard.inference.v1 import inference_pb2 as pb
from modelyard.inference.v1 import inference_pb2_grpc as pb_grpc
from serving.loaded import LoadedVersion
from serving.messages import answer_infer, join_infer, read_infer_layout, write_metadata
from serving.predictor import Predictor

SERVER_NAME = "modelyard"


class InferenceServicer(pb_grpc.InferenceServiceServicer):
    """Answers predictions.

    Args:
        predictor: Finds and runs models.
        server_version: The version that the server says it has.
    """

    def __init__(self, predictor: Predictor, server_version: str) -> None:
        self._predictor = predictor
        self._server_version = server_version

    async def ServerLive(
        self, request: pb.ServerLiveRequest, context: Any
    ) -> pb.ServerLiveResponse:
        """Tell that the process works."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: pb.ServerReadyRequest, context: Any
    ) -> pb.ServerReadyResponse:
        """Tell whether start-up is over."""
        return pb.ServerReadyResponse(ready=self._predictor.is_ready)

    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Any
    ) -> pb.ModelReadyResponse:
        """Tell whether a model can answer."""
        return pb.ModelReadyResponse(
            ready=await self._predictor.can_answer(request.name, request.version)
        )

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Any
    ) -> pb.ServerMetadataResponse:
        """Name the server."""
        return pb.ServerMetadataResponse(name=SERVER_NAME, version=self._server_version)

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Any
    ) -> pb.ModelMetadataResponse:
        """Name a model's inputs and outputs."""
        return write_metadata(await self._predictor.describe(request.name, request.version))

    def ModelInfer(
        self, request: pb.ModelInferRequest, context: Any
    ) -> pb.ModelInferResponse | Awaitable[pb.ModelInferResponse]:
        """Run a model: at once if it is loaded and quick, else what is returned is awaited."""
        handle = self._predictor.find(request.model_name, request.model_version)
        return self._load_and_infer(request) if handle is None else self._infer(request, handle)

    async def _load_and_infer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        handle = await self._predictor.load(request.model_name, request.model_version)
        answer = self._infer(request, handle)
        return await answer if isawaitable(answer) else answer

    def _infer(
        self, request: pb.ModelInferRequest, handle: LoadedVersion
    ) -> pb.ModelInferResponse | Awaitable[pb.ModelInferResponse]:
        predictor = self._predictor
        layout = read_infer_layout(request, handle, predictor.policy.input_elements)
        if handle.is_quick(layout.rows):
            batcher = handle.batcher
            if batcher is not None and layout.rows < batcher.max_rows:
                return join_infer(request, layout, handle, batcher)
            return answer_infer(request, layout, handle)
        return predictor.run_aside(answer_infer, request, layout, handle)

"""The RPCs about models and the server, the part of the service that is not inference."""

from typing import Any

from modelyard.inference.v1 import inference_pb2 as pb
from modelyard.inference.v1 import inference_pb2_grpc as pb_grpc
from modelyard.inference.v1 import model_config_pb2 as config_pb
from modelyard.inference.v1 import repository_pb2 as repository_pb
from modelyard.inference.v1 import settings_pb2 as settings_pb
from modelyard.inference.v1 import shared_memory_pb2 as memory_pb
from modelyard.inference.v1 import statistics_pb2 as statistics_pb
from serving.errors import NotOffered, RegionNotFound
from serving.operations import messages
from serving.operations.log_settings import LogSettings
from serving.operations.model_control import ModelControl
from serving.predictor import Predictor

SERVER_NAME = "modelyard"


class OperationsServicer(pb_grpc.InferenceServiceServicer):
    """Answers what operators and their tools ask.

    Args:
        predictor: Finds models.
        control: Loads and unloads them.
        log_settings: What the process logs.
        server_version: The version that the server says it has.
    """

    def __init__(
        self,
        predictor: Predictor,
        control: ModelControl,
        log_settings: LogSettings,
        server_version: str,
    ) -> None:
        self._predictor = predictor
        self._control = control
        self._log_settings = log_settings
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

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Any
    ) -> pb.ServerMetadataResponse:
        """Name the server and what it has beyond the core of the protocol."""
        return pb.ServerMetadataResponse(
            name=SERVER_NAME, version=self._server_version, extensions=messages.EXTENSIONS
        )

    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: Any
    ) -> pb.ModelReadyResponse:
        """Tell whether a model can answer."""
        return pb.ModelReadyResponse(
            ready=await self._predictor.can_answer(request.name, request.version)
        )

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Any
    ) -> pb.ModelMetadataResponse:
        """Name a model's inputs and outputs."""
        description = await self._predictor.describe(request.name, request.version)
        return messages.write_metadata(description)

    async def ModelConfig(
        self, request: config_pb.ModelConfigRequest, context: Any
    ) -> config_pb.ModelConfigResponse:
        """Tell a model's configuration."""
        description = await self._predictor.describe(request.name, request.version)
        config = messages.write_config(description, self._predictor.policy.input_elements)
        return config_pb.ModelConfigResponse(config=config)

    async def ModelStatistics(
        self, request: statistics_pb.ModelStatisticsRequest, context: Any
    ) -> statistics_pb.ModelStatisticsResponse:
        """Tell what versions did."""
        book = self._predictor.statistics
        versions = await self._predictor.list_ready(request.name, request.version)
        stats = [messages.write_statistics(v, book.find(v.key)) for v in versions]
        return statistics_pb.ModelStatisticsResponse(model_stats=stats)

    async def RepositoryIndex(
        self, request: repository_pb.RepositoryIndexRequest, context: Any
    ) -> repository_pb.RepositoryIndexResponse:
        """List what may be served."""
        if request.repository_name:
            raise _one_repository()
        return messages.write_index(self._control.list_entries(), only_ready=request.ready)

    async def RepositoryModelLoad(
        self, request: repository_pb.RepositoryModelLoadRequest, context: Any
    ) -> repository_pb.RepositoryModelLoadResponse:
        """Load a model."""
        messages.check_load_parameters(request.parameters)
        await self._control.load(self._read_model_name(request))
        return repository_pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: repository_pb.RepositoryModelUnloadRequest, context: Any
    ) -> repository_pb.RepositoryModelUnloadResponse:
        """Unload a model."""
        messages.check_unload_parameters(request.parameters)
        await self._control.unload(self._read_model_name(request))
        return repository_pb.RepositoryModelUnloadResponse()

    def _read_model_name(
        self,
        request: repository_pb.RepositoryModelLoadRequest
        | repository_pb.RepositoryModelUnloadRequest,
    ) -> str:
        # KServe's clients have the model's name where Triton's have the repository's.
        if not request.model_name and self._control.knows(request.repository_name):
            return request.repository_name
        if request.repository_name:
            raise _one_repository()
        return request.model_name

    async def SystemSharedMemoryStatus(
        self, request: memory_pb.SystemSharedMemoryStatusRequest, context: Any
    ) -> memory_pb.SystemSharedMemoryStatusResponse:
        """Tell that no system memory is shared."""
        _find_no_region(request.name)
        return memory_pb.SystemSharedMemoryStatusResponse()

    async def SystemSharedMemoryRegister(
        self, request: memory_pb.SystemSharedMemoryRegisterRequest, context: Any
    ) -> memory_pb.SystemSharedMemoryRegisterResponse:
        """Refuse to share memory."""
        raise _no_shared_memory()

    async def SystemSharedMemoryUnregister(
        self, request: memory_pb.SystemSharedMemoryUnregisterRequest, context: Any
    ) -> memory_pb.SystemSharedMemoryUnregisterResponse:
        """Forget every region, of which there are none."""
        _find_no_region(request.name)
        return memory_pb.SystemSharedMemoryUnregisterResponse()

    async def CudaSharedMemoryStatus(
        self, request: memory_pb.CudaSharedMemoryStatusRequest, context: Any
    ) -> memory_pb.CudaSharedMemoryStatusResponse:
        """Tell that no memory of a graphics processor is shared."""
        _find_no_region(request.name)
        return memory_pb.CudaSharedMemoryStatusResponse()

    async def CudaSharedMemoryRegister(
        self, request: memory_pb.CudaSharedMemoryRegisterRequest, context: Any
    ) -> memory_pb.CudaSharedMemoryRegisterResponse:
        """Refuse to share memory."""
        raise _no_shared_memory()

    async def CudaSharedMemoryUnregister(
        self, request: memory_pb.CudaSharedMemoryUnregisterRequest, context: Any
    ) -> memory_pb.CudaSharedMemoryUnregisterResponse:
        """Forget every region, of which there are none."""
        _find_no_region(request.name)
        return memory_pb.CudaSharedMemoryUnregisterResponse()

    async def TraceSetting(
        self, request: settings_pb.TraceSettingRequest, context: Any
    ) -> settings_pb.TraceSettingResponse:
        """Refuse to trace."""
        raise NotOffered("this server does not trace requests; ModelStatistics tells their times")

    async def LogSettings(
        self, request: settings_pb.LogSettingsRequest, context: Any
    ) -> settings_pb.LogSettingsResponse:
        """Tell what the server logs, and change it if that is asked for."""
        if request.settings:
            self._log_settings.change(messages.read_log_values(request.settings))
        return messages.write_log_values(self._log_settings.read())


def _one_repository() -> NotOffered:
    return NotOffered(
        "there is one repository, the registry; leave repository_name empty",
        field="repository_name",
    )


def _find_no_region(name: str) -> None:
    if name:
        raise RegionNotFound(f"no shared memory region {name[:80]!r} is registered", field="name")


def _no_shared_memory() -> NotOffered:
    return NotOffered("this server shares no memory with its callers; send tensors in the request")

"""The two clients: the same operations, awaited or blocking."""

from types import TracebackType
from typing import Self

import grpc

from modelyard.artifacts import ArtifactOperations
from modelyard.blocking import BlockingTransport, blocking, blocking_iterator
from modelyard.calls import DEFAULT_TIMEOUT_SECONDS, Calls
from modelyard.channel import DEFAULT_TARGET, open_asyncio, open_blocking
from modelyard.datasets import DatasetOperations
from modelyard.inferences import InferenceOperations
from modelyard.jobs import JobOperations
from modelyard.models import ModelOperations
from modelyard.transport import AsyncioTransport


class AllOperations(
    DatasetOperations, JobOperations, ModelOperations, ArtifactOperations, InferenceOperations
):
    """Every operation, each written once, over a transport that awaits or blocks."""

    async def close(self) -> None:
        """Close the channel; what is under way is cancelled."""
        await self._calls.transport.close()


class AsyncClient(AllOperations):
    """A client for asyncio; make it and use it on one running loop.

        async with AsyncClient("127.0.0.1:8001") as client:
            prediction = await client.predict("penguins", {"island": "Torgersen", ...})

    Args:
        target: The server, `HOST:PORT`.
        credentials: How to speak TLS; None is plain text.
        timeout_seconds: The deadline of every call that is neither a stream nor known to
            take longer.
        channel: A channel made elsewhere, with interceptors for example; it takes the
            place of target and credentials, and is closed with the client.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        channel: grpc.aio.Channel | None = None,
    ) -> None:
        channel = channel or open_asyncio(target, credentials)
        super().__init__(Calls(AsyncioTransport(channel), timeout_seconds))

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the channel."""
        await self.close()


class Client:
    """A blocking client; threads may share it.

        with Client("127.0.0.1:8001") as client:
            prediction = client.predict("penguins", {"island": "Torgersen", ...})

    Args:
        target: The server, `HOST:PORT`.
        credentials: How to speak TLS; None is plain text.
        timeout_seconds: The deadline of every call that is neither a stream nor known to
            take longer.
        channel: A channel made elsewhere, with interceptors for example; it takes the
            place of target and credentials, and is closed with the client.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        channel: grpc.Channel | None = None,
    ) -> None:
        channel = channel or open_blocking(target, credentials)
        self._operations = AllOperations(Calls(BlockingTransport(channel), timeout_seconds))

    upload_dataset = blocking(AllOperations.upload_dataset)
    get_dataset = blocking(AllOperations.get_dataset)
    list_datasets = blocking(AllOperations.list_datasets)
    get_dataset_version = blocking(AllOperations.get_dataset_version)
    list_dataset_versions = blocking(AllOperations.list_dataset_versions)

    train = blocking(AllOperations.train)
    create_training_job = blocking(AllOperations.create_training_job)
    validate_training_job = blocking(AllOperations.validate_training_job)
    watch_training_job = blocking_iterator(AllOperations.watch_training_job)
    wait_for_training_job = blocking(AllOperations.wait_for_training_job)
    cancel_training_job = blocking(AllOperations.cancel_training_job)
    delete_training_job = blocking(AllOperations.delete_training_job)
    get_training_job = blocking(AllOperations.get_training_job)
    list_training_jobs = blocking(AllOperations.list_training_jobs)
    list_trainers = blocking(AllOperations.list_trainers)

    create_model = blocking(AllOperations.create_model)
    get_model = blocking(AllOperations.get_model)
    list_models = blocking(AllOperations.list_models)
    set_batching = blocking(AllOperations.set_batching)
    get_model_version = blocking(AllOperations.get_model_version)
    list_model_versions = blocking(AllOperations.list_model_versions)
    get_model_alias = blocking(AllOperations.get_model_alias)
    list_model_aliases = blocking(AllOperations.list_model_aliases)
    promote = blocking(AllOperations.promote)

    push = blocking(AllOperations.push)
    download_artifact = blocking(AllOperations.download_artifact)

    ready = blocking(AllOperations.ready)
    get_model_metadata = blocking(AllOperations.get_model_metadata)
    predict = blocking(AllOperations.predict)
    infer = blocking(AllOperations.infer)

    close = blocking(AllOperations.close)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the channel."""
        self.close()

"""The two clients: the same operations, awaited or blocking."""

from types import TracebackType
from typing import Self

import grpc

from modelyard.artifacts import ArtifactOperations
from modelyard.blocking import BlockingTransport, blocking, blocking_iterator
from modelyard.calls import DEFAULT_TIMEOUT_SECONDS, Calls, CallSettings
from modelyard.channel import DEFAULT_TARGET, open_asyncio, open_blocking
from modelyard.datasets import DatasetOperations
from modelyard.inferences import InferenceOperations
from modelyard.jobs import JobOperations
from modelyard.models import ModelOperations
from modelyard.names import ModelRef, VersionRef
from modelyard.security import Bearer, Tls, Token
from modelyard.served_model import AsyncServedModel
from modelyard.targets import Addresses, is_loopback, make_target
from modelyard.tracing import Tracing
from modelyard.transport import AsyncioTransport


def _check_token(token: Token | None, target: str, tls: Tls | None, channel: object) -> None:
    """Refuse to send a token where others could read it."""
    if token is None:
        return
    if channel is not None:
        raise ValueError("a channel made elsewhere brings its own token, as call credentials")
    if tls is None and not is_loopback(target):
        raise ValueError(f"a token needs TLS on its way to {target}: give tls=Tls() as well")


def _make_settings(
    timeout_seconds: float, token: Token | None, traced_target: str | None
) -> CallSettings:
    """Put together what every call has."""
    return CallSettings(
        timeout_seconds,
        None if token is None else Bearer(token),
        None if traced_target is None else Tracing(traced_target),
    )


class AllOperations(
    DatasetOperations, JobOperations, ModelOperations, ArtifactOperations, InferenceOperations
):
    """Every operation, each written once, over a transport that awaits or blocks."""

    async def close(self) -> None:
        """Close the channel; what is under way is cancelled."""
        await self._calls.transport.close()


class ServedModel:
    """A model to predict with; `Client.model` makes it, and threads may share it.

        penguins = client.model("penguins")
        prediction = penguins.predict(bill_length_mm=39.1, island="Torgersen")

    When it looks at the model, and what is repeated, `AsyncServedModel` tells.

    Args:
        operations: The same without blocking.
    """

    def __init__(self, operations: AsyncServedModel) -> None:
        self._operations = operations

    def __repr__(self) -> str:
        """Name the model and the version."""
        return repr(self._operations)

    predict = blocking(AsyncServedModel.predict)
    predict_batch = blocking(AsyncServedModel.predict_batch)
    signature = blocking(AsyncServedModel.signature)


class AsyncClient(AllOperations):
    """A client for asyncio; make it and use it on one running loop.

        async with AsyncClient("127.0.0.1:8001") as client:
            prediction = await client.predict("penguins", {"island": "Torgersen", ...})

    Args:
        target: The server, `HOST:PORT`. A name that stands for several servers, or a list
            of several `IP:PORT`, spreads the calls over those whose health is SERVING.
        tls: How to speak TLS; None is plain text.
        token: The caller's token, or what gives it for each call; it goes over TLS or to
            this machine only.
        timeout_seconds: The deadline of every call that is neither a stream nor known to
            take longer.
        tracing: Whether each call has a span of OpenTelemetry; `modelyard[otel]` brings it.
        channel: A channel made elsewhere, with interceptors for example; it takes the
            place of target, tls and token, and is closed with the client.

    Raises:
        ValueError: The settings contradict each other.
        ImportError: OpenTelemetry is wanted and not installed.
        OSError: A certificate can't be read.
    """

    def __init__(
        self,
        target: Addresses = DEFAULT_TARGET,
        *,
        tls: Tls | None = None,
        token: Token | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        tracing: bool = False,
        channel: grpc.aio.Channel | None = None,
    ) -> None:
        dialled = make_target(target)
        _check_token(token, dialled, tls, channel)
        settings = _make_settings(timeout_seconds, token, dialled if tracing else None)
        channel = channel or open_asyncio(dialled, tls)
        super().__init__(Calls(AsyncioTransport(channel), settings))

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
        target: The server, `HOST:PORT`. A name that stands for several servers, or a list
            of several `IP:PORT`, spreads the calls over those whose health is SERVING.
        tls: How to speak TLS; None is plain text.
        token: The caller's token, or what gives it for each call; it goes over TLS or to
            this machine only.
        timeout_seconds: The deadline of every call that is neither a stream nor known to
            take longer.
        tracing: Whether each call has a span of OpenTelemetry; `modelyard[otel]` brings it.
        channel: A channel made elsewhere, with interceptors for example; it takes the
            place of target, tls and token, and is closed with the client.

    Raises:
        ValueError: The settings contradict each other.
        ImportError: OpenTelemetry is wanted and not installed.
        OSError: A certificate can't be read.
    """

    def __init__(
        self,
        target: Addresses = DEFAULT_TARGET,
        *,
        tls: Tls | None = None,
        token: Token | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        tracing: bool = False,
        channel: grpc.Channel | None = None,
    ) -> None:
        dialled = make_target(target)
        _check_token(token, dialled, tls, channel)
        settings = _make_settings(timeout_seconds, token, dialled if tracing else None)
        channel = channel or open_blocking(dialled, tls)
        self._operations = AllOperations(Calls(BlockingTransport(channel), settings))

    upload_dataset = blocking(AllOperations.upload_dataset)
    import_dataset = blocking(AllOperations.import_dataset)
    update_dataset = blocking(AllOperations.update_dataset)
    delete_dataset = blocking(AllOperations.delete_dataset)
    delete_dataset_version = blocking(AllOperations.delete_dataset_version)
    preview_dataset = blocking(AllOperations.preview_dataset)
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
    get_trainer = blocking(AllOperations.get_trainer)

    create_model = blocking(AllOperations.create_model)
    get_model = blocking(AllOperations.get_model)
    list_models = blocking(AllOperations.list_models)
    set_batching = blocking(AllOperations.set_batching)
    get_model_proto = blocking(AllOperations.get_model_proto)
    get_model_version = blocking(AllOperations.get_model_version)
    list_model_versions = blocking(AllOperations.list_model_versions)
    get_model_alias = blocking(AllOperations.get_model_alias)
    list_model_aliases = blocking(AllOperations.list_model_aliases)
    validate_schema_change = blocking(AllOperations.validate_schema_change)
    promote = blocking(AllOperations.promote)

    push = blocking(AllOperations.push)
    download_artifact = blocking(AllOperations.download_artifact)

    ready = blocking(AllOperations.ready)
    get_model_metadata = blocking(AllOperations.get_model_metadata)
    predict = blocking(AllOperations.predict)

    def model(
        self,
        model: ModelRef,
        version: VersionRef | None = None,
        timeout_seconds: float | None = None,
    ) -> ServedModel:
        """Return a model to predict with; no call is made yet.

        Args:
            model: The model or its id.
            version: The version, its number or an alias; `champion` when not given.
            timeout_seconds: The deadline of each of its calls; the client's when not given.
        """
        return ServedModel(self._operations.model(model, version, timeout_seconds))

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

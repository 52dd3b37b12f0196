"""Calls of the server: a deadline, a token, a span, one kind of error, all pages of a list."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import grpc
from google.protobuf.message import Message

from modelyard.error import ModelyardError, from_rpc_error
from modelyard.inference.v1.inference_pb2_grpc import InferenceServiceStub
from modelyard.methods import NamingChannel, path_of
from modelyard.registry.v1.registry_pb2_grpc import RegistryServiceStub
from modelyard.retries import pause_before_repeat
from modelyard.security import Bearer
from modelyard.tracing import Metadata, Tracing
from modelyard.training.v1.datasets_pb2_grpc import DatasetServiceStub
from modelyard.training.v1.training_pb2_grpc import TrainingServiceStub
from modelyard.transport import Transport

DEFAULT_TIMEOUT_SECONDS = 30.0
PAGE_SIZE = 200

# grpc.aio may lose the status of a server that refuses an upload while it is being sent, and
# says this in its place. Such a call had no effect: asked again, the server says why.
_LOST_STATUS = "Internal error from Core"
_LOST_STATUS_REPEATS = 3

_NO_SPAN: AbstractContextManager[Metadata] = nullcontext(())


class PageRequest(Protocol):
    """A request of a list RPC."""

    page_size: int
    page_token: str


class PageAnswer(Protocol):
    """An answer of a list RPC."""

    next_page_token: str


Request = TypeVar("Request")
Answer = TypeVar("Answer")
OnePageRequest = TypeVar("OnePageRequest", bound=PageRequest)
OnePage = TypeVar("OnePage", bound=PageAnswer)
Item = TypeVar("Item")


@dataclass(frozen=True)
class CallSettings:
    """What every call has.

    Attributes:
        timeout_seconds: The deadline of a unary call that names none.
        bearer: Gives each call the caller's token.
        tracing: Opens a span for each call.
    """

    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    bearer: Bearer | None = None
    tracing: Tracing | None = None

    def __post_init__(self) -> None:
        """Refuse a deadline that is over before the call begins."""
        if not self.timeout_seconds > 0:
            raise ValueError(f"a deadline of {self.timeout_seconds} seconds is none")


class Calls:
    """The stubs of every service, and how they are called.

    Args:
        transport: Where the calls go, blocking or not.
        settings: What every call has.
    """

    def __init__(self, transport: Transport, settings: CallSettings) -> None:
        self.transport = transport
        channel = cast("grpc.aio.Channel", NamingChannel(transport.channel))
        self.registry = RegistryServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.training = TrainingServiceStub(channel)
        self.inference = InferenceServiceStub(channel)
        self._settings = settings

    async def unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request and return the answer.

        While the server is not there, a call without effect, or with a request id that makes
        its effect single, is repeated up to three times within its deadline; by gRPC, and
        by this if the request is too large for gRPC to keep.

        Args:
            method: The method.
            request: What is sent.
            timeout_seconds: The deadline, repeats included; that of the settings when None.

        Raises:
            ModelyardError: The call failed.
        """
        with self._span(method) as metadata:
            try:
                return await self._unary(
                    method,
                    request,
                    await self._with_token(metadata),
                    timeout_seconds or self._settings.timeout_seconds,
                )
            except grpc.RpcError as error:
                raise from_rpc_error(error) from None

    async def _unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        metadata: Metadata,
        timeout_seconds: float,
    ) -> Answer:
        """Send a request, again if it is too large for gRPC to do so."""
        end = time.monotonic() + timeout_seconds
        attempt = 0
        while True:
            attempt += 1
            left_seconds = max(end - time.monotonic(), 0.0)
            try:
                return await method(request, timeout=left_seconds, metadata=metadata)
            except grpc.RpcError as error:
                sent = cast("Message", request)
                pause = pause_before_repeat(path_of(method), sent, error, attempt)
                if pause is None or time.monotonic() + pause >= end:
                    raise
            await self.transport.sleep(pause)

    def _span(self, method: object) -> AbstractContextManager[Metadata]:
        """Open the span of a call, if that is wanted."""
        tracing = self._settings.tracing
        return _NO_SPAN if tracing is None else tracing.span(path_of(method))

    async def _with_token(self, metadata: Metadata) -> Metadata:
        """Add the caller's token, if there is one."""
        bearer = self._settings.bearer
        return metadata if bearer is None else metadata + await bearer.metadata()

    async def upload(
        self,
        method: grpc.aio.StreamUnaryMultiCallable[Request, Answer],
        make_requests: Callable[[], AsyncIterator[Request]],
    ) -> Answer:
        """Send many requests and return the answer; there is no deadline.

        Args:
            method: The method.
            make_requests: Makes the requests, again if need be.

        Raises:
            ModelyardError: The call failed.
            Exception: What the requests raised themselves.
        """
        with self._span(method) as metadata:
            for _ in range(_LOST_STATUS_REPEATS):
                try:
                    return await self._upload(method, make_requests(), metadata)
                except ModelyardError as error:
                    if error.message != _LOST_STATUS:
                        raise
            return await self._upload(method, make_requests(), metadata)

    async def _upload(
        self,
        method: grpc.aio.StreamUnaryMultiCallable[Request, Answer],
        requests: AsyncIterator[Request],
        metadata: Metadata,
    ) -> Answer:
        broken: list[Exception] = []

        async def noted() -> AsyncIterator[Request]:
            try:
                async for request in requests:
                    yield request
            except Exception as error:
                # gRPC keeps an error of the requests to itself and cancels the call.
                broken.append(error)
                raise

        try:
            return await method(noted(), metadata=await self._with_token(metadata))
        except (grpc.RpcError, asyncio.CancelledError) as error:
            if broken:
                raise broken[0] from None
            if isinstance(error, grpc.RpcError):
                raise from_rpc_error(error) from None
            raise

    async def stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
    ) -> AsyncGenerator[Answer, None]:
        """Send one request and yield the answers; there is no deadline.

        Raises:
            ModelyardError: The call failed.
        """
        with self._span(method) as metadata:
            answers = method(request, metadata=await self._with_token(metadata))
            try:
                async for answer in answers:
                    yield answer
            except grpc.RpcError as error:
                raise from_rpc_error(error) from None
            finally:
                answers.cancel()

    async def pages(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[OnePageRequest, OnePage],
        request: OnePageRequest,
        items: Callable[[OnePage], Iterable[Item]],
        limit: int | None,
    ) -> list[Item]:
        """Read pages until there are no more, or until `limit` items are there.

        Raises:
            ModelyardError: A call failed.
        """
        found: list[Item] = []
        request.page_size = min(limit or PAGE_SIZE, PAGE_SIZE)
        while True:
            page = await self.unary(method, request)
            found.extend(items(page))
            if not page.next_page_token or (limit is not None and len(found) >= limit):
                return found[:limit]
            request.page_token = page.next_page_token


class Operations:
    """What a group of operations has in common.

    Args:
        calls: How the server is called.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

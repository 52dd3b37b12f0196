"""Calls of the server: a deadline, one kind of error, all pages of a list."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Protocol, TypeVar

import grpc

from modelyard.error import ModelyardError, from_rpc_error
from modelyard.inference.v1.inference_pb2_grpc import InferenceServiceStub
from modelyard.registry.v1.registry_pb2_grpc import RegistryServiceStub
from modelyard.training.v1.datasets_pb2_grpc import DatasetServiceStub
from modelyard.training.v1.training_pb2_grpc import TrainingServiceStub
from modelyard.transport import Transport

DEFAULT_TIMEOUT_SECONDS = 30.0
PAGE_SIZE = 200

# grpc.aio may lose the status of a server that refuses an upload while it is being sent, and
# says this in its place. Such a call had no effect: asked again, the server says why.
_LOST_STATUS = "Internal error from Core"
_LOST_STATUS_REPEATS = 3


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


class Calls:
    """The stubs of every service, and how they are called.

    Args:
        transport: Where the calls go, blocking or not.
        timeout_seconds: The deadline of a unary call that names none.
    """

    def __init__(self, transport: Transport, timeout_seconds: float) -> None:
        self.transport = transport
        self.registry = RegistryServiceStub(transport.channel)
        self.datasets = DatasetServiceStub(transport.channel)
        self.training = TrainingServiceStub(transport.channel)
        self.inference = InferenceServiceStub(transport.channel)
        self._timeout_seconds = timeout_seconds

    async def unary(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request and return the answer.

        Raises:
            ModelyardError: The call failed.
        """
        try:
            return await method(request, timeout=timeout_seconds or self._timeout_seconds)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

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
        for _ in range(_LOST_STATUS_REPEATS):
            try:
                return await self._upload(method, make_requests())
            except ModelyardError as error:
                if error.message != _LOST_STATUS:
                    raise
        return await self._upload(method, make_requests())

    async def _upload(
        self,
        method: grpc.aio.StreamUnaryMultiCallable[Request, Answer],
        requests: AsyncIterator[Request],
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
            return await method(noted())
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
        answers = method(request)
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

"""Every typed service that is offered at this moment; they come and go without a restart."""

# The type stubs have generic classes where the library has plain ones.
from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from inspect import isawaitable
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from registry.errors import FieldInvalid
from registry.schema_names import METHODS, package_of
from serving.errors import NotOffered
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableModel
from serving.typed.service import Handler, TypedService

_PATH = re.compile(rf"/(models\.[a-z0-9_]+\.v[0-9]+\.[A-Za-z0-9]+)/({'|'.join(METHODS)})")
_PACKAGE_WORDS = 3


class TypedServices(grpc.GenericRpcHandler):
    """Finds what answers a method of a typed service.

    Args:
        reconciler: Has the view that the services follow.
        predictor: Finds and runs versions.

    Attributes:
        services: Those that are offered now, by their full names.
    """

    def __init__(self, reconciler: Reconciler, predictor: Predictor) -> None:
        self._reconciler = reconciler
        self._predictor = predictor
        self._listeners: list[Callable[[], None]] = []
        self._seen: dict[str, ServableModel] = {}
        self.services: dict[str, TypedService] = {}
        self._by_package: dict[str, TypedService] = {}
        reconciler.add_listener(self.refresh)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have a function called after each change of what `service` gives."""
        self._listeners.append(listener)

    def list_names(self) -> list[str]:
        """Name every service, for reflection."""
        return sorted(self.services)

    def find_pool(self, name: str) -> DescriptorPool:
        """Find where a file or a symbol is described, for reflection.

        Raises:
            KeyError: It belongs to no typed service.
        """
        words = name.replace("/", ".").split(".")
        return self._by_package[".".join(words[:_PACKAGE_WORDS])].types.pool

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Give the handler of a method."""
        path = handler_call_details.method
        name, _, method = path[1:].rpartition("/")
        if service := self.services.get(name):
            return service.handlers.get(method)
        return self._make_latecomer(name, method) if _PATH.fullmatch(path) else None

    def refresh(self) -> None:
        """Follow the view."""
        models = self._reconciler.view.snapshot.models
        changed = False
        for model_id in self._seen.keys() | models.keys():
            model = models.get(model_id)
            if model is not self._seen.get(model_id):
                changed |= self._follow(model_id, self._seen.get(model_id), model)
        self._seen = dict(models)
        if changed:
            for listener in self._listeners:
                listener()

    def _follow(
        self, model_id: str, before: ServableModel | None, model: ServableModel | None
    ) -> bool:
        """Make the services of one model what they should be; tell whether one came or went."""
        wanted = model.schemas if model else {}
        changed = False
        for major in {*wanted, *(before.schemas if before else {})}:
            package = package_of(model_id, major)
            present = self._by_package.get(package)
            schema = wanted[major].schema if major in wanted else None
            if present and schema != present.schema:
                del self.services[present.name], self._by_package[package]
                present.forget()
                changed, present = True, None
            if schema and not present:
                present = self._by_package[package] = TypedService(schema, self._predictor)
                self.services[present.name] = present
                changed = True
            if present and model:
                present.contract = model.input_contract
        return changed

    def _make_latecomer(self, name: str, method: str) -> Handler:
        """Answer a service that is not here yet: whoever was told of it must find it."""

        async def answer(data: bytes, context: Any) -> bytes:
            handler = await self._await_handler(name, method)
            behavior: Any = handler.unary_unary
            answered = behavior(_parse(handler, data), context)
            return _write(handler, await answered if isawaitable(answered) else answered)

        async def answer_stream(
            requests: AsyncIterator[bytes], context: Any
        ) -> AsyncIterator[bytes]:
            handler = await self._await_handler(name, method)
            behavior: Any = handler.stream_stream
            parsed = (_parse(handler, data) async for data in requests)
            async for answered in behavior(parsed, context):
                yield _write(handler, answered)

        if method.endswith("Stream"):
            return grpc.stream_stream_rpc_method_handler(answer_stream)
        return grpc.unary_unary_rpc_method_handler(answer)

    async def _await_handler(self, name: str, method: str) -> Handler:
        """Read the registry, then look again.

        Raises:
            NotOffered: There is no such service.
        """
        await self._reconciler.catch_up()
        self.refresh()
        service = self.services.get(name)
        if service is None:
            raise NotOffered(
                f"there is no typed service {name[:120]!r} now: its model does not exist, was never"
                " promoted to that schema, or has none; reflection lists those that there are"
            )
        return service.handlers[method]


def _parse(handler: Handler, data: bytes) -> Any:
    assert handler.request_deserializer
    try:
        return handler.request_deserializer(data)
    except DecodeError:
        raise FieldInvalid("the request is no message of the method's type") from None


def _write(handler: Handler, answer: Any) -> bytes:
    assert handler.response_serializer
    return handler.response_serializer(answer)

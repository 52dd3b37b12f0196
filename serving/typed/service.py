"""One typed service: answers its methods by the version that the view has for it."""

# The type stubs have generic classes where the library has plain ones.
from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from inspect import isawaitable
from time import perf_counter_ns
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import grpc

from registry.input_contract import InputContract
from registry.schema import ModelSchema
from registry.schema_names import service_of
from serving.loaded import LoadedVersion
from serving.ordered import answer_in_order
from serving.predictor import Predictor
from serving.running import run_call
from serving.typed.plan import MethodPlan, make_plans
from serving.typed.types import MessageTypes

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_MOST_OPEN_IN_STREAM = 64


class TypedService:
    """Answers one package of a model.

    What is built of descriptors is built when somebody asks, and let go by `forget`.

    Args:
        schema: What it takes and gives; another one is another service.
        predictor: Finds and runs versions.

    Attributes:
        schema: The same.
        name: Its full name.
        contract: What becomes of input that training did not see.
        handlers: What answers, by method.
    """

    def __init__(self, schema: ModelSchema, predictor: Predictor) -> None:
        self.schema = schema
        self.name = service_of(schema.model_id, schema.major)
        self.contract = InputContract.EXPLAIN
        self._predictor = predictor
        self._types: MessageTypes | None = None
        self._plans: WeakKeyDictionary[LoadedVersion, dict[str, MethodPlan]] = WeakKeyDictionary()
        self.handlers: dict[str, Handler] = {
            "Predict": self._make_unary("Predict"),
            "BatchPredict": self._make_unary("BatchPredict"),
            "PredictStream": grpc.stream_stream_rpc_method_handler(
                self._answer_stream,
                request_deserializer=self._make_parser("PredictStream"),
                response_serializer=_serialize,
            ),
        }

    @property
    def types(self) -> MessageTypes:
        """Its messages."""
        if self._types is None:
            self._types = MessageTypes(self.schema)
        return self._types

    def forget(self) -> None:
        """Let go of what is large: whoever still holds the handlers must not hold that."""
        self._types = None
        self._plans.clear()

    def _make_unary(self, method: str) -> Handler:
        return grpc.unary_unary_rpc_method_handler(
            partial(self._start, method),
            request_deserializer=self._make_parser(method),
            response_serializer=_serialize,
        )

    def _make_parser(self, method: str) -> Callable[[bytes], Any]:
        def parse(data: bytes) -> Any:
            return self.types.requests[method].FromString(data)

        return parse

    def _start(self, method: str, request: Any, context: Any) -> Any | Awaitable[Any]:  # noqa: ARG002 - the form of handlers
        """Answer at once if the version is loaded and quick, else what is returned is awaited."""
        arrived = perf_counter_ns()
        handle = self._predictor.find(self.schema.model_id, self.schema.major)
        if handle is None:
            return self._load_and_answer(method, request, arrived)
        return self._answer(method, request, handle, arrived)

    async def _answer_stream(
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        async def answer(request: Any) -> Any:
            answered = self._start("PredictStream", request, context)
            return await answered if isawaitable(answered) else answered

        answers = answer_in_order(request_iterator, answer, _MOST_OPEN_IN_STREAM)
        async with aclosing(answers):
            async for response in answers:
                yield response

    async def _load_and_answer(self, method: str, request: Any, arrived: int) -> Any:
        handle = await self._predictor.load_typed(self.schema.model_id, self.schema.major)
        answer = self._answer(method, request, handle, arrived)
        return await answer if isawaitable(answer) else answer

    def _answer(
        self, method: str, request: Any, handle: LoadedVersion, arrived: int
    ) -> Any | Awaitable[Any]:
        predictor = self._predictor
        try:
            plans = self._plans.get(handle) or self._make_plans(handle)
            plan = plans[method]
            rows = plan.count_rows(request, predictor.policy.input_elements)
            call = (request, rows, self.contract)
            return run_call(plan, call, rows, rows, handle, predictor, arrived)
        except BaseException:
            statistics = handle.statistics or predictor.open_statistics(handle)
            statistics.add_failure(arrived)
            raise

    def _make_plans(self, handle: LoadedVersion) -> dict[str, MethodPlan]:
        plans = self._plans[handle] = make_plans(self.schema, self.types, handle)
        return plans


def _serialize(answer: Any) -> bytes:
    # Of the class: an output may be called SerializeToString.
    data: bytes = type(answer).SerializeToString(answer)
    return data

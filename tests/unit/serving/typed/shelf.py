"""A registry in memory with typed services on top, called by JSON as grpcurl does."""

import dataclasses
from collections.abc import AsyncIterator, Iterable
from inspect import isawaitable
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict

from registry.batching import Batching
from registry.input_contract import InputContract
from registry.schema import ModelSchema, read_shape
from registry.schema_changes import choose_schema
from registry.signature import CHAMPION, Signature
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableModel, ServableSchema
from serving.typed.services import TypedServices
from tests.unit.serving.store import Store, settled


class Details(grpc.HandlerCallDetails):
    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()


class Shelf:
    """Keeps the schemas of model `m` as the registry does."""

    def __init__(self, store: Store, reconciler: Reconciler, predictor: Predictor) -> None:
        self.store = store
        self.reconciler = reconciler
        self.predictor = predictor
        self.typed = TypedServices(reconciler, predictor)
        self.schemas: dict[int, ModelSchema] = {}
        self.majors: dict[int, int] = {}
        self.pins: dict[int, int] = {}
        self.contract = InputContract.EXPLAIN
        self.batching: Batching | None = None

    def add(
        self,
        number: int,
        content: bytes,
        signature: Signature,
        classes: tuple[str, ...] = (),
        *,
        promote: bool = True,
    ) -> int:
        """Register a version; return the number of its schema."""
        shape = read_shape(signature, classes)
        assert shape
        schema = choose_schema("m", [*self.schemas.values()], shape)
        assert schema
        self.schemas[schema.major] = schema
        self.majors[number] = schema.major
        version = dataclasses.replace(self.store.add(number, content, signature), classes=classes)
        model = self.store.models["m"]
        self._put(dataclasses.replace(model, versions={**model.versions, number: version}))
        if promote:
            self.promote(number)
        return schema.major

    def promote(self, number: int) -> None:
        self.pins[self.majors[number]] = number
        model = self.store.models["m"]
        self._put(dataclasses.replace(model, aliases={**model.aliases, CHAMPION: number}))

    def set(
        self, *, contract: InputContract | None = None, batching: Batching | None = None
    ) -> None:
        self.contract = contract or self.contract
        self.batching = batching
        self._put(self.store.models["m"])

    def _put(self, model: ServableModel) -> None:
        schemas = {
            major: ServableSchema(self.schemas[major], number)
            for major, number in self.pins.items()
        }
        self.store.models["m"] = dataclasses.replace(
            model, schemas=schemas, input_contract=self.contract, batching=self.batching
        )

    async def follow(self) -> None:
        await self.reconciler.refresh()
        await settled(self.reconciler)
        self.typed.refresh()

    async def call(self, method: str, fields: dict[str, Any], major: int = 1) -> dict[str, Any]:
        """Call `Predict` or `BatchPredict` of model `m`."""
        handler = self.find(method, major)
        answered: Any = handler.unary_unary
        answer = answered(self.parse(method, fields, major), None)
        return self.read(method, await answer if isawaitable(answer) else answer, major)

    async def stream(self, rows: Iterable[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        async def requests() -> AsyncIterator[Any]:
            for row in rows:
                yield self.parse("PredictStream", row, 1)

        answers: Any = self.find("PredictStream", 1).stream_stream
        async for answer in answers(requests(), None):
            yield self.read("PredictStream", answer, 1)

    def find(self, method: str, major: int) -> Any:
        handler = self.typed.service(Details(f"/models.m.v{major}.M/{method}"))
        assert handler
        return handler

    def parse(self, method: str, fields: dict[str, Any], major: int) -> Any:
        """Send a request over the wire: as bytes from a caller's own class."""
        class_ = self.typed.services[f"models.m.v{major}.M"].types.requests[method]
        data = ParseDict(fields, class_()).SerializeToString()
        return self.find(method, major).request_deserializer(data)

    def read(self, method: str, answer: Any, major: int) -> dict[str, Any]:
        data = self.find(method, major).response_serializer(answer)
        class_ = self.typed.services[f"models.m.v{major}.M"].types.responses[method]
        return MessageToDict(class_.FromString(data), preserving_proto_field_name=True)

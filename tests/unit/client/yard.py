"""What the tests' server knows, was asked, and shall do next."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from modelyard.inference.v1 import inference_pb2 as inference
from modelyard.registry.v1.registry_pb2 import ValidateSchemaChangeResponse
from modelyard.registry.v1.resources_pb2 import Fault, Model, ModelAlias, ModelVersion
from modelyard.training.v1.datasets_pb2 import Dataset, DatasetVersion, TableFault
from modelyard.training.v1.training_pb2 import Finding, TrainingJob, WatchTrainingJobResponse

Context = Any
Item = TypeVar("Item")
PAGE_LENGTH = 2


@dataclass
class Yard:
    """Plain attributes, which tests set and look at; names are resource names."""

    models: dict[str, Model] = field(default_factory=dict)
    versions: dict[str, ModelVersion] = field(default_factory=dict)
    aliases: dict[str, ModelAlias] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    tables: dict[str, DatasetVersion] = field(default_factory=dict)
    jobs: dict[str, TrainingJob] = field(default_factory=dict)
    # The events of any job; None breaks the stream there, once.
    events: list[WatchTrainingJobResponse | None] = field(default_factory=list)
    metadata: inference.ModelMetadataResponse | None = None
    infer: Callable[[inference.ModelInferRequest], inference.ModelInferResponse] | None = None
    # How many rows a call may have; 0 does not say.
    most_rows: int = 0
    # How many bytes a download lacks at its end.
    lost_bytes: int = 0
    faults_of_version: list[Fault] = field(default_factory=list)
    faults_of_table: list[TableFault] = field(default_factory=list)
    # What any version would mean for typed callers.
    schema_change: ValidateSchemaChangeResponse = field(
        default_factory=lambda: ValidateSchemaChangeResponse(compatible=True)
    )
    findings: list[Finding] = field(default_factory=list)
    # What the next calls of a method do before anything else.
    before: dict[str, list[Callable[[Context], object]]] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def enter(self, method: str, request: Message, context: Context) -> None:
        """Keep the request, and do what the test wants first."""
        self.calls[method] += 1
        self.requests.append(request)
        if self.before.get(method):
            self.before[method].pop(0)(context)

    def asked(self, kind: type[Item]) -> list[Item]:
        """Return the requests of one kind."""
        return [request for request in self.requests if isinstance(request, kind)]


def details(reason: str, violations: dict[str, str], metadata: dict[str, str]) -> bytes:
    """Return the trailer that tells programs what is wrong, among things they don't know."""
    status = status_pb2.Status()
    blamed = error_details_pb2.BadRequest()
    for name, description in violations.items():
        blamed.field_violations.add(field=name, description=description)
    for part in [
        error_details_pb2.Help(),
        error_details_pb2.ErrorInfo(reason=reason, domain="modelyard", metadata=metadata),
        error_details_pb2.RequestInfo(request_id="request-7"),
        blamed,
    ]:
        packed = any_pb2.Any()
        packed.Pack(part)
        status.details.append(packed)
    return bytes(status.SerializeToString())


def fail(
    context: Context,
    code: grpc.StatusCode,
    message: str,
    reason: str = "FIELD_INVALID",
    violations: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> NoReturn:
    """End a call as the real server does."""
    trailer = details(reason, violations or {}, metadata or {})
    context.set_trailing_metadata([("grpc-status-details-bin", trailer)])
    context.abort(code, message)
    raise AssertionError


def failing(code: grpc.StatusCode, message: str = "as planned") -> Callable[[Context], object]:
    """Make a step that ends a call."""
    return lambda context: fail(context, code, message)


def find(context: Context, known: dict[str, Item], name: str) -> Item:
    """Return what has that name, or end the call."""
    if name not in known:
        fail(context, grpc.StatusCode.NOT_FOUND, f"there is no {name}", "NOT_FOUND")
    return known[name]


def page(items: list[Item], size: int, token: str) -> tuple[list[Item], str]:
    """Return one short page and where the next begins."""
    start, length = int(token or 0), min(size, PAGE_LENGTH)
    more = start + length < len(items)
    return items[start : start + length], str(start + length) if more else ""

"""Spans of the client, by OpenTelemetry's own kit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import grpc
import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from modelyard import AsyncClient, Client, ModelyardError, TrainingEvent
from modelyard.inference.v1.inference_pb2 import ModelInferResponse
from modelyard.retries import BUFFER_BYTES
from tests.unit.client.conftest import InThreads
from tests.unit.client.yard import Yard, failing


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The provider of a process can be set once only, so that tests would share it.
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


@pytest.fixture(params=["asyncio", "blocking"])
async def traced(
    request: pytest.FixtureRequest, target: str, spans: InMemorySpanExporter
) -> AsyncIterator[AsyncClient]:
    assert not spans.get_finished_spans()
    if request.param == "asyncio":
        async with AsyncClient(target, tracing=True) as client:
            yield client
    else:
        with Client(target, tracing=True) as blocking:
            yield cast("AsyncClient", InThreads(blocking))


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_call_has_a_span_that_the_server_knows(
    traced: AsyncClient, yard: Yard, target: str, spans: InMemorySpanExporter
) -> None:
    parents: list[str] = []
    yard.before["ListModels"] = [
        lambda context: parents.append(dict(context.invocation_metadata())["traceparent"])
    ]
    await traced.list_models()
    span = only(spans)
    assert span.name == "modelyard.registry.v1.RegistryService/ListModels"
    assert span.kind is SpanKind.CLIENT
    assert attributes(span) == {
        "rpc.system.name": "grpc",
        "rpc.method": span.name,
        "server.address": target,
        "rpc.response.status_code": "OK",
    }
    context = span.context
    (parent,) = parents
    assert parent.startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")


async def test_it_belongs_to_the_span_around_it(
    traced: AsyncClient, spans: InMemorySpanExporter
) -> None:
    with trace.get_tracer("test").start_as_current_span("around"):
        await traced.list_models()
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id


async def test_a_failed_call_is_told(
    traced: AsyncClient, yard: Yard, spans: InMemorySpanExporter
) -> None:
    yard.before["ListModels"] = [failing(grpc.StatusCode.INTERNAL)]
    with pytest.raises(ModelyardError):
        await traced.list_models()
    span = only(spans)
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["rpc.response.status_code"] == "INTERNAL"
    assert attributes(span)["error.type"] == "INTERNAL"


async def test_repeats_are_one_call(
    traced: AsyncClient, yard: Yard, spans: InMemorySpanExporter
) -> None:
    yard.infer = lambda _: ModelInferResponse(model_name="m", model_version="1")
    yard.before["ModelInfer"] = [failing(grpc.StatusCode.UNAVAILABLE)] * 2
    await traced.infer("m", {"x": np.zeros(2 * BUFFER_BYTES, np.uint8)})
    assert yard.calls["ModelInfer"] == 3
    assert attributes(only(spans))["rpc.response.status_code"] == "OK"


async def test_uploads_have_spans(traced: AsyncClient, spans: InMemorySpanExporter) -> None:
    await traced.upload_dataset("d", b"a\n1\n")
    names = [span.name.rpartition("/")[2] for span in spans.get_finished_spans()]
    assert names == ["CreateDataset", "UploadDataset"]


async def test_a_stream_has_a_span_until_it_is_left(
    yard: Yard, target: str, spans: InMemorySpanExporter
) -> None:
    yard.events = [TrainingEvent(sequence=1), TrainingEvent(sequence=2)]
    async with AsyncClient(target, tracing=True) as client:
        events = client.watch_training_job("j")
        assert (await anext(events)).sequence == 1
        assert not spans.get_finished_spans()
        await events.aclose()
    span = only(spans)
    assert span.status.status_code is StatusCode.UNSET
    assert attributes(span)["rpc.response.status_code"] == "CANCELLED"


async def test_a_cancelled_call_is_told(target: str, spans: InMemorySpanExporter) -> None:
    async with AsyncClient(target, tracing=True) as client:
        call = asyncio.ensure_future(client.list_models())
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert attributes(only(spans))["error.type"] == "CancelledError"


def test_without_opentelemetry_tracing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def import_nothing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("modelyard.tracing.import_module", import_nothing)
    with pytest.raises(ImportError, match=r"pip install modelyard\[otel\]"):
        Client(tracing=True)
    Client().close()

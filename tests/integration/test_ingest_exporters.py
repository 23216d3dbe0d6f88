"""OpenTelemetry's own exporters, in all encodings, against a real ingest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import grpc
import pytest
from opentelemetry.exporter.otlp.common.http import Compression
from opentelemetry.exporter.otlp.json.http import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

from ingest.service import IngestService
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import spans_of

EXPORTERS: dict[str, Callable[[IngestService], SpanExporter]] = {
    "grpc": lambda at: GrpcExporter(f"http://127.0.0.1:{at.grpc_port}", insecure=True),
    "grpc, gzip": lambda at: GrpcExporter(
        f"http://127.0.0.1:{at.grpc_port}", insecure=True, compression=grpc.Compression.Gzip
    ),
    "protobuf": lambda at: HttpExporter(f"http://127.0.0.1:{at.http_port}/v1/traces"),
    "protobuf, gzip": lambda at: HttpExporter(
        f"http://127.0.0.1:{at.http_port}/v1/traces", compression=Compression.GZIP
    ),
    "protobuf, deflate": lambda at: HttpExporter(
        f"http://127.0.0.1:{at.http_port}/v1/traces", compression=Compression.DEFLATE
    ),
    "protobuf, Langfuse's path": lambda at: HttpExporter(
        f"http://127.0.0.1:{at.http_port}/api/public/otel/v1/traces",
        headers={"Authorization": "Basic cGs6c2s="},
    ),
    "json": lambda at: JsonExporter(f"http://127.0.0.1:{at.http_port}/v1/traces"),
    "json, gzip": lambda at: JsonExporter(
        f"http://127.0.0.1:{at.http_port}/v1/traces", compression=Compression.GZIP
    ),
}


def finished_spans() -> Sequence[ReadableSpan]:
    """Return a root span, and a child that uses everything a span may have."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop", "session.id": "s-1"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("tests", "1.0")
    with tracer.start_as_current_span("root", kind=SpanKind.SERVER) as root:
        link = Link(root.get_span_context(), {"why": "test"})
        with tracer.start_as_current_span("child", links=[link]) as child:
            child.set_attribute("text", "grüße \U0001f600")
            child.set_attribute("number", -(2**53) - 1)
            child.set_attribute("ratio", 0.25)
            child.set_attribute("flag", value=True)
            child.set_attribute("list", ["a", "b"])
            child.add_event("event", {"n": 1})
            child.set_status(StatusCode.ERROR, "no luck")
    provider.shutdown()
    return memory.get_finished_spans()


@pytest.mark.parametrize("name", EXPORTERS)
async def test_receives_what_an_exporter_sends(name: str) -> None:
    """Every encoding and compression arrives as the same spans."""
    producer = RecordingProducer()
    spans = finished_spans()
    async with running_ingest(producer) as service:
        exporter = EXPORTERS[name](service)
        result = await asyncio.to_thread(exporter.export, spans)
        await asyncio.to_thread(exporter.shutdown)

    assert result is SpanExportResult.SUCCESS
    (record,) = producer.records
    child, root = spans_of(record.value)
    assert (root.name, root.kind, root.parent_span_id) == ("root", 2, b"")
    assert (child.parent_span_id, child.trace_id) == (root.span_id, root.trace_id)
    values = {attribute.key: attribute.value for attribute in child.attributes}
    assert values["text"].string_value == "grüße \U0001f600"
    assert values["number"].int_value == -(2**53) - 1
    assert values["ratio"].double_value == 0.25
    assert values["flag"].bool_value is True
    assert [value.string_value for value in values["list"].array_value.values] == ["a", "b"]
    assert child.events[0].attributes[0].value.int_value == 1
    assert child.links[0].span_id == root.span_id
    assert (child.status.code, child.status.message) == (2, "no luck")


@pytest.mark.parametrize("name", ["grpc", "protobuf", "json"])
async def test_an_exporter_comes_back_when_it_is_told_to(name: str) -> None:
    """A full buffer costs a retry, not a span."""
    producer = RecordingProducer()
    producer.mode = "failing"
    async with running_ingest(producer) as service:
        exporter = EXPORTERS[name](service)
        export = asyncio.create_task(asyncio.to_thread(exporter.export, finished_spans()))
        await asyncio.sleep(0.5)
        assert not export.done()
        producer.mode = "ok"
        result = await export
        await asyncio.to_thread(exporter.shutdown)

    assert result is SpanExportResult.SUCCESS
    assert len(spans_of(producer.records[0].value)) == 2

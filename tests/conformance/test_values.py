"""
C12 (common.proto, AnyValue): whatever an attribute's value is, it is in the store as text without
loss, the same over every wire: as the Collector's AsString writes it, arrays and maps as JSON.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.service import IngestService
from tests import processes
from tests.conformance.conftest import WIRES
from tests.conformance.wires import Answer, Wire, wires_to
from tests.samples import array, mapping, request, span, text


def nested(levels: int) -> AnyValue:
    """Return arrays and maps in turn, one in another, with a text in the innermost."""
    value = text("deep")
    for level in range(levels):
        value = array(value) if level % 2 else mapping(k=value)
    return value


def nested_json(levels: int) -> str:
    """Return the same as JSON."""
    written = '"deep"'
    for level in range(levels):
        written = f"[{written}]" if level % 2 else f'{{"k":{written}}}'
    return written


MEGABYTE = "grüße, 日本 \U0001f600 " * 45_000
MANY = {f"key {number}": str(number) for number in range(10_000)}
SHAPES: Mapping[str, tuple[AnyValue, str]] = {
    "no value": (AnyValue(), ""),
    "an empty text": (text(""), ""),
    "text": (text('"grüße"\n\t\\ \0 \U0001f600'), '"grüße"\n\t\\ \0 \U0001f600'),
    "a megabyte of text": (text(MEGABYTE), MEGABYTE),
    "bytes": (AnyValue(bytes_value=b"\xff\0ab"), "/wBhYg=="),
    "no bytes": (AnyValue(bytes_value=b""), ""),
    "true": (AnyValue(bool_value=True), "true"),
    "false": (AnyValue(bool_value=False), "false"),
    "zero": (AnyValue(int_value=0), "0"),
    "the least integer": (AnyValue(int_value=-(2**63)), str(-(2**63))),
    "the greatest integer": (AnyValue(int_value=2**63 - 1), str(2**63 - 1)),
    "a fraction": (AnyValue(double_value=0.1), "0.1"),
    "a large number": (AnyValue(double_value=1.7976931348623157e308), "1.7976931348623157e308"),
    "the least number": (AnyValue(double_value=5e-324), "5e-324"),
    "not a number": (AnyValue(double_value=math.nan), "nan"),
    "infinity": (AnyValue(double_value=math.inf), "inf"),
    "minus infinity": (AnyValue(double_value=-math.inf), "-inf"),
    "an empty array": (array(), "[]"),
    "an empty map": (mapping(), "{}"),
    "an array": (
        array(text('"'), AnyValue(int_value=0), AnyValue(bool_value=False), AnyValue(), text("")),
        r'["\"",0,false,null,""]',
    ),
    "a map": (mapping(b=text("1"), a=AnyValue(double_value=math.nan)), '{"b":"1","a":"nan"}'),
    "an array in an array": (array(array(text("a")), array()), '[["a"],[]]'),
    "a map in a map": (mapping(a=mapping(b=AnyValue(int_value=1))), '{"a":{"b":1}}'),
    "30 levels": (nested(30), nested_json(30)),
}


def attributes_of(value: AnyValue) -> list[KeyValue]:
    """Return attributes of a span of this test."""
    return [KeyValue(key="v", value=value)]


def message() -> ExportTraceServiceRequest:
    """Return a span for each shape, one of many attributes, and one of a key that comes twice."""
    spans = [
        span(number, name=name, attributes=attributes_of(value))
        for number, (name, (value, _)) in enumerate(SHAPES.items(), start=1)
    ]
    many = [KeyValue(key=key, value=text(value)) for key, value in MANY.items()]
    twice = attributes_of(text("first")) + attributes_of(text("last"))
    spans += [span(1000, name="many", attributes=many), span(1001, name="twice", attributes=twice)]
    return request(*spans)


def with_ids_of(wire: Wire, sent: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Return a request whose spans are another trace for each wire, in the session of its name."""
    trace_id = bytes([WIRES.index(wire.name) + 1]) * 16
    for each in sent.resource_spans[0].scope_spans[0].spans:
        each.trace_id = trace_id
        each.start_time_unix_nano = each.end_time_unix_nano = time.time_ns()
    session = KeyValue(key="session.id", value=text(wire.name))
    sent.resource_spans[0].resource.attributes.append(session)
    return sent


def not_utf8() -> ExportTraceServiceRequest:
    """Return a span with a mark in every text that it has."""
    bad = attributes_of(text("??"))
    bad[0].key = "??"
    event, link = Span.Event(name="??", attributes=bad), Span.Link(trace_state="??", attributes=bad)
    only = span(2000, name="??", trace_state="??", attributes=bad, events=[event], links=[link])
    only.status.message = "??"
    sent = request(only)
    resource = sent.resource_spans[0]
    resource.resource.attributes.extend(bad)
    resource.schema_url = "??"
    scope = resource.scope_spans[0]
    scope.scope.name = scope.scope.version = scope.schema_url = "??"
    scope.scope.attributes.extend(bad)
    return sent


async def send_all(running: processes.Pipeline) -> list[Answer]:
    """Send everything over every wire, and return the answers."""
    ports = (running.config.ingest.grpc.endpoint.port, running.config.ingest.http.endpoint.port)
    service = IngestService(grpc_port=ports[0], http_port=ports[1])
    answers = []
    async with (
        grpc.aio.insecure_channel(running.grpc) as channel,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        for wire in wires_to(service, channel, session).values():
            broken = rb"\ud83d" if wire.name == "http json" else b"\xc3\x28"
            marked = wire.encode(with_ids_of(wire, not_utf8())).replace(b"??", broken)
            answers.append(await wire.send(marked))
            answers.append(await wire.send(wire.encode(with_ids_of(wire, message()))))
    return answers


Stored = Mapping[tuple[str, str], Sequence[Any]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What a pipeline has stored of all that, by wire and name of the span."""
    columns = (
        "SessionId, SpanName, mapKeys(SpanAttributes), mapValues(SpanAttributes),"
        " TraceState, StatusMessage, ScopeName, ScopeVersion, ResourceSchemaUrl, ScopeSchemaUrl,"
        " ScopeAttributes, ResourceAttributes, Events.Name, Events.Attributes,"
        " Links.TraceState, Links.Attributes"
    )
    with processes.pipeline(tmp_path_factory.mktemp("pipeline")) as pipeline:
        answers = asyncio.run(send_all(pipeline))
        assert [answer.rejected for answer in answers] == [0] * 2 * len(WIRES), answers
        pipeline.wait_for_spans("default", len(WIRES) * (len(SHAPES) + 3))
        rows = pipeline.store.query(f"SELECT {columns} FROM spans")
    return {(wire, name): rest for wire, name, *rest in rows}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_stored_without_loss(stored: Stored, shape: str, wire: str) -> None:
    """Nesting beyond one level is repaired by ingest, the rest is the store's own reading."""
    keys, values, *_ = stored[wire, shape]

    assert (keys, values) == (["v"], [SHAPES[shape][1]])


@pytest.mark.parametrize("wire", WIRES)
def test_ten_thousand_attributes_are_stored(stored: Stored, wire: str) -> None:
    """There is no limit to their number but that of a request."""
    keys, values, *_ = stored[wire, "many"]

    assert dict(zip(keys, values, strict=True)) == MANY


@pytest.mark.parametrize("wire", WIRES)
def test_keys_that_come_twice_are_stored_twice(stored: Stored, wire: str) -> None:
    """(common.proto calls that unpredictable) Nothing is lost; looking it up gives the first."""
    keys, values, *_ = stored[wire, "twice"]

    assert (keys, values) == (["v", "v"], ["first", "last"])


@pytest.mark.parametrize("wire", WIRES)
def test_text_that_is_not_utf8_is_repaired_everywhere(stored: Stored, wire: str) -> None:
    """U+FFFD stands for what was not, in whichever text; all else stays."""
    bad = "\ufffd" if wire == "http json" else "\ufffd("
    pair = {bad: bad}
    resource = {"service.name": "shop", "session.id": wire, **pair}

    keys, values, *texts = stored[wire, bad]

    assert (keys, values) == ([bad], [bad])
    assert texts == [*[bad] * 6, pair, resource, [bad], [pair], [bad], [pair]]

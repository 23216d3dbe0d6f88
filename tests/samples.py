"""Requests to try things with, and random ones."""

from __future__ import annotations

import base64
import math
from typing import Any

import orjson
from google.protobuf import json_format
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

TRACE_ID = bytes(range(1, 17))


def span(number: int = 1, **fields: Any) -> Span:
    """Return a valid span whose span_id is `number`."""
    ids = {"trace_id": TRACE_ID, "span_id": number.to_bytes(8, "big")}
    return Span(**{"name": f"span {number}", **ids, **fields})


def request(*spans: Span) -> ExportTraceServiceRequest:
    """Return a request with these spans in one scope."""
    scope = ScopeSpans(scope=InstrumentationScope(name="tests"), spans=spans)
    resource = Resource(attributes=[KeyValue(key="service.name", value=text("shop"))])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])]
    )


def log_record(number: int = 1, **fields: Any) -> LogRecord:
    """Return a valid log record within a trace."""
    return LogRecord(
        **{
            "time_unix_nano": number,
            "trace_id": TRACE_ID,
            "body": text(f"log record {number}"),
            **fields,
        }
    )


def log_request(*records: LogRecord) -> ExportLogsServiceRequest:
    """Return a request with these log records in one scope."""
    scope = ScopeLogs(scope=InstrumentationScope(name="tests"), log_records=records)
    resource = Resource(attributes=[KeyValue(key="service.name", value=text("shop"))])
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=[scope])]
    )


def spans_of(body: bytes) -> list[Span]:
    """Return all spans of an encoded request, read by the official classes."""
    message = ExportTraceServiceRequest.FromString(body)
    return [
        span
        for resource_spans in message.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def text(value: str) -> AnyValue:
    """Return a string value."""
    return AnyValue(string_value=value)


def array(*values: AnyValue) -> AnyValue:
    """Return an array value."""
    return AnyValue(array_value=ArrayValue(values=values))


def mapping(**values: AnyValue) -> AnyValue:
    """Return a map value."""
    entries = [KeyValue(key=key, value=value) for key, value in values.items()]
    return AnyValue(kvlist_value=KeyValueList(values=entries))


def as_json(message: ExportTraceServiceRequest | ExportLogsServiceRequest) -> bytes:
    """Return OTLP/JSON by way of protobuf's own, whose ids are base64."""
    tree = json_format.MessageToDict(message, use_integers_for_enums=True)
    _ids_to_hex(tree)
    return orjson.dumps(tree)


def _ids_to_hex(tree: Any) -> None:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key in {"traceId", "spanId", "parentSpanId"}:
            tree[key] = base64.b64decode(value).hex()
        else:
            _ids_to_hex(value)
    for value in tree if isinstance(tree, list) else ():
        _ids_to_hex(value)


_uint32 = st.integers(0, 2**32 - 1)
_uint64 = st.integers(0, 2**64 - 1)
_string = st.text(max_size=8)

any_values = st.recursive(
    st.one_of(
        st.just(AnyValue()),
        st.builds(AnyValue, string_value=_string),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, double_value=st.just(math.nan) | st.floats(allow_nan=False)),
        st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda values: array(*values), st.lists(inner, max_size=3)),
        st.builds(lambda values: mapping(**values), st.dictionaries(_string, inner, max_size=3)),
    ),
    max_leaves=6,
)
_attributes = st.lists(st.builds(KeyValue, key=_string, value=any_values), max_size=3)
_events = st.builds(Span.Event, time_unix_nano=_uint64, name=_string, attributes=_attributes)
_links = st.builds(
    Span.Link,
    trace_id=st.binary(max_size=16),
    span_id=st.binary(max_size=8),
    trace_state=_string,
    attributes=_attributes,
    flags=_uint32,
)
_spans = st.builds(
    Span,
    trace_id=st.binary(max_size=17),
    span_id=st.binary(max_size=9),
    parent_span_id=st.binary(max_size=9),
    trace_state=_string,
    flags=_uint32,
    name=_string,
    kind=st.integers(0, 5),
    start_time_unix_nano=_uint64,
    end_time_unix_nano=_uint64,
    attributes=_attributes,
    dropped_attributes_count=_uint32,
    events=st.lists(_events, max_size=2),
    links=st.lists(_links, max_size=2),
    status=st.none() | st.builds(Status, message=_string, code=st.integers(0, 2)),
)
requests = st.builds(
    lambda spans, attributes, schema_url: ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=attributes),
                scope_spans=[ScopeSpans(spans=spans, schema_url=schema_url)],
                schema_url=schema_url,
            )
        ]
    ),
    st.lists(_spans, max_size=4),
    _attributes,
    _string,
)

"""Spans of tests/model.py as OTLP requests."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.model import Attributes, SentSpan

RECEIVED_NS = 1_795_391_999 * 10**9


def sample(number: int) -> SentSpan:
    """Return a span of its own trace, in the session "s"; the same one for the same number."""
    return SentSpan(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        start_ns=RECEIVED_NS - 5,
        end_ns=RECEIVED_NS,
        attributes={"session.id": "s"},
        received_ns=RECEIVED_NS,
    )


def request(spans: Iterable[SentSpan]) -> bytes:
    """Return spans as one request; those with the same resource share one."""
    message = ExportTraceServiceRequest()
    resources: dict[str, int] = {}
    for span in spans:
        key = repr(sorted(span.resource.items()))
        if key not in resources:
            resources[key] = len(message.resource_spans)
            added = message.resource_spans.add()
            added.resource.attributes.extend(key_values(span.resource))
            added.scope_spans.add()
        message.resource_spans[resources[key]].scope_spans[0].spans.append(_span(span))
    body: bytes = message.SerializeToString()
    return body


def key_values(attributes: Attributes) -> list[KeyValue]:
    """Return attributes as OTLP has them."""
    return [KeyValue(key=key, value=_any(value)) for key, value in attributes.items()]


def _any(value: str | float) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)


def _events(span: SentSpan) -> list[Span.Event]:
    return [*_ends(span), *_exceptions(span)]


def _exceptions(span: SentSpan) -> list[Span.Event]:
    if not span.exception:
        return []
    attributes = key_values({"exception.message": span.exception})
    return [Span.Event(name="exception", time_unix_nano=span.end_ns, attributes=attributes)]


def _ends(span: SentSpan) -> list[Span.Event]:
    if not span.end_event_ns:
        return []
    return [
        Span.Event(name="session.start", time_unix_nano=span.start_ns),
        Span.Event(name="session.end", time_unix_nano=span.end_event_ns),
        Span.Event(name="log", time_unix_nano=span.end_event_ns + 9),
    ]


def _span(span: SentSpan) -> Span:
    return Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_span_id),
        name=span.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=key_values(span.attributes),
        events=_events(span),
        status=Status(
            code=Status.STATUS_CODE_ERROR if span.is_error else Status.STATUS_CODE_OK,
            message=span.status_message,
        ),
    )

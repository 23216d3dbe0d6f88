"""Requests that are larger than a record may be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.splitting import Part, split
from schemas.otlp.traces import TRACES
from schemas.otlp.wire import length_field
from tests import samples
from tests.samples import request, span, spans_of

# Of a later version of OTLP: field 1023, and a group whose field 2 is nobody's span.
LATER = b"\xfa\x3f\x05later"
GROUP = b"\x3b\x12\x01x\x3c"


@st.composite
def _requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """A few resources of a few scopes each, with unknown fields anywhere."""
    message = ExportTraceServiceRequest()
    for drawn in draw(st.lists(samples.requests, max_size=5)):
        if draw(st.booleans()) and message.resource_spans:
            scopes = drawn.resource_spans[0].scope_spans
            message.resource_spans[-1].scope_spans.extend(scopes)
        else:
            message.MergeFrom(drawn)
    for owner in [
        message,
        *message.resource_spans,
        *(scope for resource in message.resource_spans for scope in resource.scope_spans),
    ]:
        owner.MergeFromString(draw(st.sampled_from([b"", LATER, GROUP])))
    return message


def _without(message: Any, field: str) -> bytes:
    """Return all of a message but one of its fields."""
    copy = type(message)()
    copy.CopyFrom(message)
    copy.ClearField(field)
    body: bytes = copy.SerializeToString(deterministic=True)
    return body


def _flat(body: bytes) -> list[tuple[bytes, ...]]:
    """Return each span of a request, with what the request, its resource and its scope hold."""
    message = ExportTraceServiceRequest.FromString(body)
    return [
        (
            _without(message, "resource_spans"),
            _without(resource, "scope_spans"),
            _without(scope, "spans"),
            span.SerializeToString(deterministic=True),
        )
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _size_alone(flat: tuple[bytes, ...]) -> int:
    around, resource, scope, only = flat
    return len(around + length_field(1, resource + length_field(2, scope + length_field(2, only))))


@given(_requests(), st.data())
def test_parts_hold_what_the_request_held(
    message: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    """Every span that fits a record, once, in order, in its resource and scope; and few parts."""
    body = message.SerializeToString()
    bytes_max = data.draw(st.integers(1, len(body) + 1))
    rejections = TRACES.rejections()

    parts = list(split(body, TRACES, bytes_max=bytes_max, rejections=rejections))

    spans = _flat(body)
    fitting = [flat for flat in spans if _size_alone(flat) <= bytes_max]
    assert [flat for part in parts for flat in _flat(part.body)] == fitting
    assert rejections.total == len(spans) - len(fitting)
    for part in parts:
        assert 0 < part.items == len(spans_of(part.body))
        assert len(part.body) <= bytes_max
    for part, next_part in pairwise(parts):
        assert len(part.body) + len(next_part.body) > bytes_max


def test_fills_parts_to_the_last_byte() -> None:
    """A part may be exactly as large as a record; one byte less makes another part."""
    body = request(span(1), span(2)).SerializeToString()

    assert _split(body, len(body)) == [Part(body, 2)]
    assert [part.items for part in _split(body, len(body) - 1)] == [1, 1]


def test_takes_fields_in_any_order() -> None:
    """What follows a scope's spans on the wire belongs to all of them, and to each part."""
    spans = [length_field(2, span(number).SerializeToString()) for number in (1, 2)]
    name, schema_url = length_field(1, length_field(1, b"tests")), length_field(3, b"schema")
    scope = spans[0] + name + GROUP + spans[1] + schema_url
    body = length_field(1, length_field(2, scope) + length_field(3, b"resource's"))

    parts = _split(body, len(body) - 1)

    assert [part.items for part in parts] == [1, 1]
    assert [flat for part in parts for flat in _flat(part.body)] == _flat(body)


def _split(body: bytes, bytes_max: int) -> list[Part]:
    return list(split(body, TRACES, bytes_max=bytes_max, rejections=TRACES.rejections()))

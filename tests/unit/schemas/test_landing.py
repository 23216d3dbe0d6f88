"""Records are framed as the landing schema says, which is OTLP and a little more."""

from __future__ import annotations

import re

import pytest
from google.protobuf.internal.decoder import _DecodeVarint  # type: ignore[attr-defined] # untyped
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from schemas.envelope import Envelope
from schemas.landing import LANDING_LOGS_STRUCTURE, LANDING_PROTO, LANDING_STRUCTURE, frame
from tests import otlp
from tests.model import SentSpan

_FIELD = re.compile(r"(\w+) = (\d+);")


def _fields(message: str) -> dict[str, int]:
    """Return the fields of one message of landing.proto."""
    _, _, after = LANDING_PROTO.partition(f"message {message} {{")
    body = after[: re.search(r"^message |\Z", after, re.MULTILINE).start()]  # type: ignore[union-attr] # \Z always matches
    return {name: int(number) for name, number in _FIELD.findall(body)}


def test_landing_fields_are_those_of_otlp() -> None:
    """Every field of ours has OTLP's name and number, so OTLP's bytes are ours."""
    pairs = {
        "Span": trace_pb2.Span.DESCRIPTOR,
        "Event": trace_pb2.Span.Event.DESCRIPTOR,
        "Link": trace_pb2.Span.Link.DESCRIPTOR,
        "Status": trace_pb2.Status.DESCRIPTOR,
        "ScopeSpans": trace_pb2.ScopeSpans.DESCRIPTOR,
        "ResourceSpans": trace_pb2.ResourceSpans.DESCRIPTOR,
        "LogRecord": logs_pb2.LogRecord.DESCRIPTOR,
        "ScopeLogs": logs_pb2.ScopeLogs.DESCRIPTOR,
        "ResourceLogs": logs_pb2.ResourceLogs.DESCRIPTOR,
        "AnyValue": common_pb2.AnyValue.DESCRIPTOR,
        "KeyValue": common_pb2.KeyValue.DESCRIPTOR,
    }
    for message, descriptor in pairs.items():
        theirs = {field.name: field.number for field in descriptor.fields}
        ours = _fields(message)
        assert ours
        assert ours.items() <= theirs.items(), message


def test_frames_hold_the_very_bytes() -> None:
    """A frame is a length, the record's own bytes, and the fields appended to them."""
    span = SentSpan(trace_id="1" * 32, span_id="2" * 16, start_ns=1, end_ns=2, received_ns=3)
    value = otlp.request([span]) * 40
    envelope = Envelope(project="p" * 200, received_ns=2**60, spans=40)
    body = frame([(envelope, value), (envelope, b"")], batch="b")
    length, start = _DecodeVarint(body, 0)
    assert body[start : start + len(value)] == value
    rest, after = _DecodeVarint(body, start + length)
    assert after + rest == len(body)
    assert length - len(value) == rest


@pytest.mark.parametrize("structure", [LANDING_STRUCTURE, LANDING_LOGS_STRUCTURE])
def test_the_structures_name_fields_of_the_schema(structure: str) -> None:
    """What the engine is told to read is what landing.proto holds; a typo would read nothing."""
    told = set(re.findall(r"\b([a-z_]+) (?:String|Bool|U?Int\d+|Float64|Array|Tuple)", structure))
    fields = {name for name, _ in _FIELD.findall(LANDING_PROTO)}
    assert told
    assert told <= fields

"""What the store cannot hold, and what becomes of it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.otlp.repair import as_string
from schemas.otlp.validation import validate
from tests import samples
from tests.samples import array, mapping, request, span, spans_of, text


def test_replaces_invalid_utf8_wherever_it_is() -> None:
    """Protobuf would refuse the whole request for one such string."""
    message = request(
        span(1, name="name ??", trace_state="state ??", events=[Span.Event(name="event ??")]),
        span(2, attributes=[KeyValue(key="key ??", value=array(array(text("deep ??"))))]),
    )
    body = message.SerializeToString().replace(b"??", b"\xc3\x28")

    validated = validate(body)

    first, second = spans_of(validated.body)
    assert (first.name, first.trace_state) == ("name \ufffd(", "state \ufffd(")
    assert first.events[0].name == "event \ufffd("
    assert second.attributes[0].key == "key \ufffd("
    assert second.attributes[0].value == text('[["deep \ufffd("]]')
    assert validated.repairs == {"utf8", "nesting"}


def test_leaves_bytes_that_are_not_utf8_alone() -> None:
    """Only strings must be UTF-8."""
    raw = AnyValue(bytes_value=b"\xff\xfe")
    body = request(span(attributes=[KeyValue(key="raw", value=raw)])).SerializeToString()

    assert validate(body).body is body


@pytest.mark.parametrize("place", ["resource", "scope", "span", "event", "link"])
def test_rewrites_nested_values_wherever_attributes_are(place: str) -> None:
    """Of all attributes, only the one that nests is rewritten."""
    message = request(span(events=[Span.Event()], links=[Span.Link()]))
    owners = _owners(message)
    flat = KeyValue(key="flat", value=array(text("a"), AnyValue(int_value=1), AnyValue()))
    nested = KeyValue(key="nested", value=mapping(a=array(), b=text("c")))
    owners[place].attributes.extend([flat, nested])  # type: ignore[attr-defined]  # all have them

    validated = validate(message.SerializeToString())

    assert validated.repairs == {"nesting"}
    repaired = _owners(ExportTraceServiceRequest.FromString(validated.body))[place]
    expected = [flat, KeyValue(key="nested", value=text('{"a":[],"b":"c"}'))]
    assert list(repaired.attributes)[-2:] == expected  # type: ignore[attr-defined]  # all have them


def _owners(message: ExportTraceServiceRequest) -> dict[str, object]:
    resource_spans = message.resource_spans[0]
    scope_spans = resource_spans.scope_spans[0]
    only = scope_spans.spans[0]
    return {
        "resource": resource_spans.resource,
        "scope": scope_spans.scope,
        "span": only,
        "event": only.events[0],
        "link": only.links[0],
    }


def test_writes_every_kind_of_value_as_json() -> None:
    """As the Collector does: bytes in base64, what is no number in words, keys in order."""
    value = mapping(
        z=text('"é"'),
        a=AnyValue(bool_value=True),
        i=AnyValue(int_value=-(2**63)),
        d=AnyValue(double_value=0.5),
        n=array(*(AnyValue(double_value=d) for d in (math.nan, math.inf, -math.inf))),
        b=AnyValue(bytes_value=b"\xff\0"),
        e=AnyValue(),
        x=AnyValue(string_value_strindex=1),
    )

    assert as_string(value.SerializeToString()) == (
        r'{"z":"\"é\"","a":true,"i":-9223372036854775808,"d":0.5,'
        '"n":["NaN","Infinity","-Infinity"],"b":"/wA=","e":null,"x":null}'
    )


@given(samples.any_values)
def test_rewrites_a_value_exactly_if_it_nests(value: AnyValue) -> None:
    """Whatever has an array or a map within an array or a map becomes JSON; the rest stays."""
    body = request(span(attributes=[KeyValue(key="k", value=value)])).SerializeToString()

    (published,) = spans_of(validate(body).body)

    if _nests(value):
        json.loads(published.attributes[0].value.string_value)
    else:
        assert published.attributes[0].value.SerializeToString() == value.SerializeToString()


def _nests(value: AnyValue) -> bool:
    inner = [*value.array_value.values, *(kv.value for kv in value.kvlist_value.values)]
    return any(item.WhichOneof("value") in {"array_value", "kvlist_value"} for item in inner)

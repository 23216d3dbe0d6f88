"""OTLP/JSON by its own rules."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from runtime.errors import InvalidRequest
from schemas.otlp.json_validation import _request, validate_json
from schemas.otlp.traces import TRACES
from tests import samples
from tests.otlp_json import IDS, body_of
from tests.samples import spans_of


def only_span(**fields: object) -> Span:
    """Return what becomes of one span with these fields."""
    validated = validate_json(body_of({**IDS, **fields}))
    assert validated.rejections.total == 0, validated.rejections.message(received=1)
    (span,) = spans_of(validated.body)
    return span


def attribute(value: object) -> AnyValue:
    """Return what becomes of an attribute's value."""
    return only_span(attributes=[{"key": "k", "value": value}]).attributes[0].value


@given(samples.requests)
def test_reads_the_same_from_json_as_from_protobuf(message: ExportTraceServiceRequest) -> None:
    """Every field of a random request survives."""
    rejections = TRACES.rejections()

    encoded = _request(orjson.loads(samples.as_json(message)), TRACES, rejections)

    assert rejections.total == 0
    decoded = ExportTraceServiceRequest.FromString(encoded)
    assert decoded.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "-5"}, AnyValue(int_value=-5)),
        ({"intValue": 9007199254740993}, AnyValue(int_value=9007199254740993)),
        ({"intValue": 1e3}, AnyValue(int_value=1000)),
        ({"doubleValue": 1}, AnyValue(double_value=1.0)),
        ({"doubleValue": "-Infinity"}, AnyValue(double_value=-math.inf)),
        ({"doubleValue": "1.5"}, AnyValue(double_value=1.5)),
        ({"boolValue": False}, AnyValue(bool_value=False)),
        ({"bytesValue": "_-8="}, AnyValue(bytes_value=b"\xff\xef")),
        ({"bytesValue": "/+8"}, AnyValue(bytes_value=b"\xff\xef")),
        ({"stringValue": ""}, AnyValue(string_value="")),
        ({"stringValue": None}, AnyValue()),
        ({"arrayValue": {"values": [{"intValue": 1}, None, {}]}}, None),
        ({"string_value": "snake"}, AnyValue()),
        ({"stringValue": "a", "intValue": 1}, AnyValue(int_value=1)),
    ],
)
def test_reads_values_by_the_rules_of_otlp(value: object, expected: AnyValue | None) -> None:
    """64-bit integers are numbers or strings, null is absent, a oneof's last member holds."""
    found = attribute(value)

    if expected is None:
        expected = samples.array(AnyValue(int_value=1), AnyValue())
    assert found.SerializeToString() == expected.SerializeToString()


def test_reads_what_is_not_a_number_as_such() -> None:
    """NaN is written as a string."""
    assert math.isnan(attribute({"doubleValue": "NaN"}).double_value)


@pytest.mark.parametrize(
    ("fields", "reason", "told"),
    [
        ({"traceId": "W47/95gDgQPSabYzgT/GDA"}, "trace_id", "traceId must be hex digits"),
        ({"traceId": "W47/95gDgQM="}, "trace_id", "traceId must be hex digits"),
        ({"traceId": "5B8EFFF7 98038103 D269B633 813FC60C"}, "trace_id", "must be hex digits"),
        ({"traceId": "00"}, "trace_id", "trace_id 00"),
        ({"traceId": None}, "trace_id", "trace_id is empty"),
        ({"spanId": 7}, "span_id", "spanId must be hex digits"),
        ({"parentSpanId": "xyz"}, "parent_span_id", "parentSpanId must be hex digits"),
        ({"name": 5}, "json", "name must be a string"),
        ({"kind": "SPAN_KIND_SERVER"}, "json", "kind must be an integer"),
        ({"kind": "2"}, "json", "kind must be an integer"),
        ({"startTimeUnixNano": -1}, "json", "startTimeUnixNano must be an integer from 0"),
        ({"startTimeUnixNano": "soon"}, "json", "startTimeUnixNano must be an integer"),
        ({"startTimeUnixNano": "1_000"}, "json", "startTimeUnixNano must be an integer"),
        ({"startTimeUnixNano": " 1"}, "json", "startTimeUnixNano must be an integer"),
        ({"startTimeUnixNano": "\u0663"}, "json", "startTimeUnixNano must be an integer"),
        ({"endTimeUnixNano": 2**63 * 2.0}, "json", "endTimeUnixNano must be an integer from 0"),
        ({"endTimeUnixNano": True}, "json", "endTimeUnixNano must be an integer"),
        ({"flags": 1.5}, "json", "flags must be an integer"),
        ({"attributes": {"a": 1}}, "json", "attributes must be a list"),
        ({"attributes": ["a"]}, "json", "attributes must be an object"),
        ({"attributes": [{"value": {"intValue": 2**63}}]}, "json", "attributes.value.intValue"),
        ({"attributes": [{"value": {"boolValue": 1}}]}, "json", "must be true or false"),
        ({"attributes": [{"value": {"doubleValue": "x"}}]}, "json", "must be a number"),
        ({"attributes": [{"value": {"doubleValue": True}}]}, "json", "must be a number"),
        ({"attributes": [{"value": {"bytesValue": "a"}}]}, "json", "must be base64"),
        ({"status": 2}, "json", "status must be an object"),
    ],
)
def test_rejects_a_span_of_wrong_types_alone(
    fields: dict[str, Any], reason: str, told: str
) -> None:
    """The sender is told which key of which span must be what."""
    good, bad = {**IDS, "name": "good"}, {**IDS, "name": "bad", **fields}

    validated = validate_json(body_of(good, bad))

    assert [span.name for span in spans_of(validated.body)] == ["good"]
    assert validated.rejections.counts == {reason: 1}
    assert told in validated.rejections.message(received=2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [5]}',
        b'{"resourceSpans": [{"resource": "shop"}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"scope": {"name": 1}}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}',
        b"[" * 5000,
    ],
)
def test_refuses_what_is_no_request(body: bytes) -> None:
    """What is wrong outside of spans cannot be blamed on a single one."""
    with pytest.raises(InvalidRequest):
        validate_json(body)


def test_names_the_key_that_is_wrong_outside_of_spans() -> None:
    """The path leads to the value."""
    body = b'{"resourceSpans": [{"scopeSpans": [{"scope": {"name": 1}}]}]}'

    with pytest.raises(InvalidRequest, match=r"scope\.name must be a string"):
        validate_json(body)


def test_accepts_absent_and_null_lists() -> None:
    """Without spans there is nothing to publish."""
    for body in (b"{}", b'{"resourceSpans": null}', b'{"resourceSpans": [null, {}]}'):
        assert validate_json(body).received == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(rb"\ud83d", "\ufffd"), (b"\xc3\x28", "\ufffd("), (rb"\ud83d\ude00", "\U0001f600")],
    ids=["half a surrogate pair", "not UTF-8", "a whole pair"],
)
def test_repairs_text_that_is_no_unicode(raw: bytes, expected: str) -> None:
    """JavaScript cuts emoji in two, and its JSON says so."""
    validated = validate_json(body_of({**IDS, "name": "?"}).replace(b"?", raw))

    assert spans_of(validated.body)[0].name == expected
    assert validated.repairs == (set() if "\ufffd" not in expected else {"utf8"})


def nested(depth: int) -> bytes:
    """Return a request of a plain span, and of one with an array in an array in …"""
    value = b'{"arrayValue":{"values":[' * depth + b"{}" + b"]}}" * depth
    spans = {**IDS, "name": "good"}, {**IDS, "attributes": [{"key": "k", "value": 0}]}
    return body_of(*spans).replace(b'"value":0', b'"value":' + value)


@pytest.mark.parametrize("depth", [60, 300])
def test_rejects_a_span_that_nests_too_deeply_alone(depth: int) -> None:
    """Deeper than protobuf may, or even than can be converted to it."""
    validated = validate_json(nested(depth))

    assert [span.name for span in spans_of(validated.body)] == ["good"]
    assert validated.rejections.counts == {"unreadable": 1}


def test_refuses_json_without_end() -> None:
    """What nests deeper than any reader of JSON goes is none."""
    with pytest.raises(InvalidRequest, match="not JSON"):
        validate_json(nested(100_000))


def test_keeps_what_was_rejected_as_it_came() -> None:
    """The operator sees the JSON that the sender wrote."""
    bad = {"traceId": "xyz", "spanId": 7, "name": "bad"}

    (rejected,) = validate_json(body_of({**IDS}, bad)).rejections.by_reason()

    assert rejected.sample == body_of(bad)


KEYS = (
    *IDS,
    *("name", "kind", "flags", "status", "attributes", "events", "links"),
    *("key", "value", "values", "arrayValue", "intValue"),
)
json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(json_trees, max_size=3))
def test_knows_two_outcomes_whatever_the_spans_are(spans: list[object]) -> None:
    """Any JSON within spans rejects spans, never the request or the server."""
    try:
        body = body_of(*spans)
        spans = orjson.loads(orjson.dumps(spans))  # NaN and infinities are written as null
    except TypeError:  # integers beyond 64 bits are not orjson's to write
        return

    validated = validate_json(body)

    assert validated.received == sum(span is not None for span in spans)


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_knows_two_outcomes_whatever_the_body_is(body: bytes) -> None:
    """Anything that is no request is an invalid request."""
    with contextlib.suppress(InvalidRequest):
        validate_json(body)

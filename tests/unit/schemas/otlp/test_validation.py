"""What is published of a request, and what is rejected."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runtime.errors import InvalidRequest
from schemas.otlp.signals import alone
from schemas.otlp.validation import validate
from schemas.otlp.wire import length_field
from tests import samples
from tests.samples import request, span, spans_of


def test_publishes_the_very_bytes_of_a_valid_request() -> None:
    """Where nothing is wrong, nothing is serialised again."""
    body = request(span(1), span(2, parent_span_id=b"\0" * 7 + b"\1")).SerializeToString()

    validated = validate(body)

    assert validated.body is body
    assert (validated.published, validated.accepted, validated.received) == (2, 2, 2)
    assert not validated.repairs


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace_id"),
        ({"trace_id": bytes(16)}, "trace_id"),
        ({"trace_id": b"\1" * 15}, "trace_id"),
        ({"trace_id": b"\1" * 8, "span_id": b"\1" * 16}, "trace_id"),
        ({"span_id": b""}, "span_id"),
        ({"span_id": bytes(8)}, "span_id"),
        ({"span_id": b"\1" * 9}, "span_id"),
        ({"parent_span_id": b"\1" * 7}, "parent_span_id"),
        ({"parent_span_id": bytes(16)}, "parent_span_id"),
    ],
)
def test_rejects_a_span_with_invalid_ids_alone(fields: dict[str, bytes], reason: str) -> None:
    """The spans around an invalid one are published unchanged."""
    validated = validate(request(span(1), span(2, **fields), span(3)).SerializeToString())

    assert spans_of(validated.body) == [span(1), span(3)]
    assert validated.rejections.counts == {reason: 1}
    assert (validated.accepted, validated.received) == (2, 3)


def test_takes_a_parent_of_zeros_for_no_parent() -> None:
    """Some SDKs write a root span's missing parent as zeros."""
    validated = validate(request(span(1, parent_span_id=bytes(8))).SerializeToString())

    assert spans_of(validated.body) == [span(1)]
    assert validated.repairs == {"parent_span_id"}


def test_keeps_the_last_of_spans_with_the_same_ids() -> None:
    """A record has one version, so an earlier version of a span in it is superseded."""
    message = request(span(1, name="first"), span(2))
    message.MergeFrom(request(span(1, name="last")))

    validated = validate(message.SerializeToString())

    assert spans_of(validated.body) == [span(2), span(1, name="last")]
    assert (validated.published, validated.superseded, validated.accepted) == (2, 1, 3)


@pytest.mark.parametrize(
    "message", [ExportTraceServiceRequest(), request()], ids=["no envelopes", "empty envelopes"]
)
def test_has_nothing_to_publish_where_there_are_no_spans(
    message: ExportTraceServiceRequest,
) -> None:
    """OTLP: a request without spans is a success."""
    validated = validate(message.SerializeToString())

    assert (validated.published, validated.received) == (0, 0)


def test_publishes_unknown_fields_unread() -> None:
    """OTLP of a later version is accepted, and loses nothing when it is serialised again."""
    later = b"\xfa\x3f\x05later"  # field 1023
    message = request(span(1), span(2, trace_id=b""))
    message.resource_spans[0].scope_spans[0].spans[0].MergeFromString(later)

    validated = validate(message.SerializeToString())

    assert later in validated.body
    assert validated.published == 1


@pytest.mark.parametrize(
    "body", [b"\xff", b"GET / HTTP/1.1", request(span()).SerializeToString()[:-1]]
)
def test_refuses_what_is_no_request(body: bytes) -> None:
    """The message says what to send, and where."""
    with pytest.raises(InvalidRequest, match=r"not an OTLP ExportTraceServiceRequest.*/v1/traces"):
        validate(body)


def nested(levels: int) -> bytes:
    """Return an encoded attribute with an array in an array in …"""
    value = b""
    for _ in range(levels):
        value = length_field(5, length_field(1, value))
    return length_field(1, b"deep") + length_field(2, value)


def test_refuses_resources_nested_deeper_than_protobuf_reads() -> None:
    """Protobuf's limit is 100 messages."""
    body = length_field(1, length_field(1, length_field(1, nested(60))))

    with pytest.raises(InvalidRequest, match="100 messages deep"):
        validate(body)


@pytest.mark.parametrize(
    "broken",
    [b"\xff", length_field(9, nested(60)), length_field(9, b"\xff"), b"\x2a\x05ab"],
    ids=["no protobuf", "too deep", "no attribute", "cut off"],
)
def test_rejects_spans_that_cannot_be_read_alone(broken: bytes) -> None:
    """The spans around them are published, whatever scope they are in."""
    unreadable = span(2).SerializeToString() + broken
    scopes = [
        length_field(2, length_field(2, span(1).SerializeToString()) + length_field(2, unreadable)),
        length_field(2, length_field(2, span(3).SerializeToString())),
    ]

    validated = validate(length_field(1, b"".join(scopes)))

    assert spans_of(validated.body) == [span(1), span(3)]
    assert validated.rejections.counts == {"unreadable": 1}
    assert "that cannot be read" in validated.rejections.message(received=3)
    (rejected,) = validated.rejections.by_reason()
    assert rejected.sample == alone(unreadable)


def test_refuses_a_request_of_which_hardly_anything_can_be_read() -> None:
    """Each is looked at alone, and nobody is to have us do that for long."""
    spans = length_field(2, b"\xff") * 1001 + length_field(2, span(1).SerializeToString())

    with pytest.raises(InvalidRequest):
        validate(length_field(1, length_field(2, spans)))


@given(st.binary(max_size=200) | samples.requests.map(lambda message: message.SerializeToString()))
def test_knows_two_outcomes_whatever_it_is_given(body: bytes) -> None:
    """Anything is either validated, with each span counted once, or an invalid request."""
    try:
        validated = validate(body)
    except InvalidRequest:
        return
    assert len(spans_of(validated.body)) == validated.published
    assert validate(validated.body).body is validated.body


@given(samples.requests, st.data())
def test_survives_requests_that_were_damaged(
    message: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    """A flipped byte gives a valid request or an invalid one, never another error."""
    body = bytearray(message.SerializeToString())
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(InvalidRequest):
        validate(bytes(body))

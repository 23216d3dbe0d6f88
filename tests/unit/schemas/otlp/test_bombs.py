"""Small requests that would be large."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from runtime.errors import RequestTooLarge
from schemas.otlp import bombs
from schemas.otlp.bombs import (
    _ITEMS_MAX,
    _OBJECTS_MAX,
    _has_more,
    _messages_at_most,
    refuse_bomb,
)
from schemas.otlp.json_validation import validate_json
from schemas.otlp.traces import TRACES
from schemas.otlp.validation import validate
from schemas.otlp.wire import length_field
from tests.samples import array, request, span, text

EMPTY_SPAN = b"\x12\x00"
GROUP = b"\x3b\x3c"


def body_of(spans: bytes) -> bytes:
    """Return a request of two scopes that share these encoded spans, with other fields around."""
    half = len(spans) // 4 * 2
    scopes = (length_field(2, GROUP + part) for part in (spans[:half], spans[half:]))
    return length_field(1, length_field(3, b"schema") + b"".join(scopes))


def test_refuses_more_than_a_million_spans() -> None:
    """Two bytes on the wire are hundreds in memory."""
    with pytest.raises(RequestTooLarge, match="more than 1000000 spans"):
        validate(body_of(EMPTY_SPAN * (_ITEMS_MAX + 1)))


def test_lets_a_million_spans_pass() -> None:
    """The limit itself is allowed."""
    refuse_bomb(body_of(EMPTY_SPAN * (_ITEMS_MAX - 3)), TRACES.messages)


def test_lets_large_requests_pass() -> None:
    """Bytes alone are no reason: LLM spans are large."""
    message = request(*(span(number, name="x" * 10_000) for number in range(1, 301)))

    assert validate(message.SerializeToString()).published == 300


@pytest.mark.parametrize("tail", [b"\x08", b"\x12\xff", b"\xff" * 20, b"\x12\xff\xff\xff\x7fx"])
def test_leaves_what_is_cut_off_to_the_parser(tail: bytes) -> None:
    """Looking for spans must not fail on what is no protobuf."""
    large = length_field(1, length_field(3, bytes(3 * 2**20)))
    for body in (large + tail, tail + large, length_field(1, tail + large)):
        refuse_bomb(body, TRACES.messages)
    assert not _has_more(length_field(1, tail) + tail, TRACES.messages, 100)


@pytest.mark.parametrize("envelope", [b"\x0a\x00", length_field(1, b"\x12\x00" * 100)])
def test_refuses_more_than_a_million_envelopes(envelope: bytes) -> None:
    """Empty ones may be ignored, which takes a while as well."""
    with pytest.raises(RequestTooLarge, match="more than 1000000 spans"):
        validate(envelope * (_ITEMS_MAX * 3 // (len(envelope) - 1)))


@pytest.mark.parametrize(
    "bomb",
    [b"\x4a\x00", b"\x5a\x00", b"\xca\x00\x00", b"\x4a\x02\x12\x00"],
    ids=["attributes", "events", "tags longer than they need be", "attributes with empty values"],
)
def test_refuses_more_messages_than_are_allowed(
    bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a single span, which is worth no more than its bytes."""
    monkeypatch.setattr(bombs, "_MESSAGES_MAX", 10_000)
    span = length_field(2, bomb * 20_000)

    with pytest.raises(RequestTooLarge, match="more than 10000 attributes"):
        validate(length_field(1, length_field(2, span)))


def test_counts_every_message_and_nothing_else() -> None:
    """Down to values within values; fields that only look like messages are none."""
    message = request(
        span(1, attributes=[KeyValue(key="\x12\x00", value=array(array(text("\x0a\x00"))))]),
        span(2, start_time_unix_nano=5, flags=7, kind=2, status={"code": 2}),
    )
    body = message.SerializeToString()
    # The resource, its attribute, that one's value; the scope and what names it; two spans.
    count = 1 + 1 + 2 + 1 + 1 + 2 + 1 + 5 + 1

    assert _has_more(body, TRACES.messages, count - 1)
    assert not _has_more(body, TRACES.messages, count)
    assert _messages_at_most(body, TRACES.messages) >= count


def test_refuses_four_million_json_objects() -> None:
    """They are counted before they are made."""
    with pytest.raises(RequestTooLarge, match="objects and lists in JSON"):
        validate_json(b'{"resourceSpans":[' + b"{}," * _OBJECTS_MAX + b"{}]}")


def test_refuses_ten_million_json_values() -> None:
    """A number is a few bytes, and an object of many."""
    with pytest.raises(RequestTooLarge, match="10000000 values"):
        validate_json(b'{"resourceSpans":[' + b"0," * 10_000_001 + b"0]}")

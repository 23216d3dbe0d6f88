"""Small requests that would be large."""

from __future__ import annotations

import pytest

from runtime.errors import RequestTooLarge
from schemas.otlp.bombs import _ITEMS_MAX, _OBJECTS_MAX, refuse_bomb
from schemas.otlp.json_validation import validate_json
from schemas.otlp.validation import validate
from schemas.otlp.wire import length_field
from tests.samples import request, span

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
    refuse_bomb(body_of(EMPTY_SPAN * _ITEMS_MAX))


def test_lets_large_requests_pass() -> None:
    """Bytes alone are no reason: LLM spans are large."""
    message = request(*(span(number, name="x" * 10_000) for number in range(1, 301)))

    assert validate(message.SerializeToString()).published == 300


@pytest.mark.parametrize("tail", [b"\x08", b"\x12\xff", b"\xff" * 20, b"\x12\xff\xff\xff\x7fx"])
def test_leaves_what_is_cut_off_to_the_parser(tail: bytes) -> None:
    """Looking for spans must not fail on what is no protobuf."""
    large = length_field(1, length_field(3, bytes(3 * 2**20)))
    refuse_bomb(large + tail)
    refuse_bomb(tail + large)
    refuse_bomb(length_field(1, tail + large))


def test_refuses_four_million_json_objects() -> None:
    """They are counted before they are made."""
    with pytest.raises(RequestTooLarge, match="objects and lists in JSON"):
        validate_json(b'{"resourceSpans":[' + b"{}," * _OBJECTS_MAX + b"{}]}")

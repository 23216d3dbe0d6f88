"""What the sender of invalid spans is told."""

from __future__ import annotations

from schemas.otlp.traces import TRACES
from schemas.otlp.validation import validate
from tests.samples import request, span


def test_groups_reasons_and_names_one_span_of_each() -> None:
    """The message says how many of how many, why, for example which, and what to do."""
    spans = [span(number) for number in range(1, 98)]
    invalid = [
        span(98, name="chat", trace_id=b"\x00\xf0"),
        span(99, name="chat", trace_id=b""),
        span(1, name="tool", span_id=bytes(8)),
    ]

    validated = validate(request(*spans, *invalid).SerializeToString())

    assert validated.rejections.message(received=100) == (
        "3 of 100 spans rejected: "
        "1 with a span_id that is not 8 bytes (16 hex digits in JSON) or all zero "
        "(such as span 'tool': span_id 0000000000000000); "
        "2 with a trace_id that is not 16 bytes (32 hex digits in JSON) or all zero "
        "(such as span 'chat': trace_id is empty). "
        "Correct what makes these spans; all others are accepted."
    )


def test_is_short_however_long_names_are() -> None:
    """A message takes a kilobyte at most, of valid UTF-8."""
    rejections = TRACES.rejections()
    for reason in [*TRACES.reasons, "json", "too_large"]:
        rejections.add(reason, name="é" * 10_000, found="\U0001f600" * 10_000, alone=bytes)

    assert len(rejections.message(received=10).encode()) <= 1024

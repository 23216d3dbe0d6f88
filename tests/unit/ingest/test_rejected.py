"""What was refused for good, written down for the operator."""

from __future__ import annotations

import asyncio

from ingest.rejected import Rejected
from runtime.errors import InvalidRequest
from schemas.dead_letter import ERROR, REASON, TOPIC
from schemas.envelope import PROJECT, SPANS
from schemas.otlp.rejections import SAMPLE_BYTES_MAX, Rejections
from schemas.otlp.traces import TRACES
from schemas.otlp.validation import validate
from tests.fakes import RecordingProducer
from tests.samples import request, span, spans_of

INVALID = span(2, name="bad", trace_id=b"\1")


def rejections_of(count: int) -> Rejections:
    """Return what is rejected of a request with so many spans that have an invalid trace id."""
    spans = [span(1), *(span(2, name="bad", trace_id=b"\1") for _ in range(count))]
    return validate(request(*spans).SerializeToString()).rejections


async def written(producer: RecordingProducer, count: int) -> None:
    """Return once so many letters are written."""
    while len(producer.records) < count:
        await asyncio.sleep(0)


async def test_writes_the_first_at_once_and_gathers_the_rest() -> None:
    """One letter for each project and reason, with counts that miss nothing."""
    producer = RecordingProducer()
    rejected = Rejected(producer)
    async with rejected.written():
        rejected.note_items(rejections_of(2), "traces", project="shop")
        await written(producer, 1)
        for project in ("shop", "shop", "bank"):
            rejected.note_items(rejections_of(3), "traces", project=project)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(producer.records) == 1

    told = [(record.headers[PROJECT], record.headers[SPANS]) for record in producer.records]
    assert told == [(b"shop", b"2"), (b"shop", b"6"), (b"bank", b"3")]
    first = producer.records[0]
    assert (first.headers[REASON], first.headers[TOPIC]) == (b"trace_id", b"traces")
    assert first.headers[ERROR].startswith(b"1 request: with a trace_id that is not 16 bytes")
    assert b"such as span 'bad': trace_id 01" in first.headers[ERROR]
    assert spans_of(first.value) == [INVALID]


async def test_keeps_the_beginning_of_what_is_large() -> None:
    """Of a request that is none nobody knows how many spans it has."""
    producer = RecordingProducer()
    rejected = Rejected(producer)
    async with rejected.written():
        for _ in range(2):
            error = InvalidRequest("not an OTLP request")
            rejected.note_request(error, b"x" * 100_000, "logs", project="shop")

    (record,) = producer.records
    assert record.value == b"x" * SAMPLE_BYTES_MAX
    assert SPANS not in record.headers
    assert record.headers[ERROR] == b"2 requests: not an OTLP request"


async def test_waits_for_a_log_that_takes_nothing() -> None:
    """What could not be written goes with what is noted later."""
    producer = RecordingProducer()
    producer.mode = "failing"
    rejected = Rejected(producer)
    async with rejected.written():
        rejected.note_items(rejections_of(1), "traces", project="shop")
        await asyncio.sleep(0.05)
        producer.mode = "ok"
        rejected.note_items(rejections_of(1), TRACES.name, project="shop")

    (record,) = producer.records
    assert record.headers[ERROR].startswith(b"2 requests: ")

"""The receiver itself, without a transport."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from prometheus_client import Metric

from buffer.port import Producer
from ingest.receiver import Receiver
from ingest.rejected import Rejected
from ingest.stamp import Stamp
from ingest.status import Overloaded
from runtime.errors import BufferFull, BufferUnavailable, InvalidRequest
from runtime.ingest_config import REQUEST_OVERHEAD_BYTES, IngestConfig
from runtime.metrics import REGISTRY
from schemas.envelope import Envelope
from schemas.otlp.traces import TRACES
from tests.fakes import RecordingProducer
from tests.samples import request, span, spans_of

BODY = request(span(1), span(2), span(3, trace_id=b"")).SerializeToString()


def receiver_to(producer: Producer, **settings: float) -> Receiver:
    """Return a receiver of spans, with these settings."""
    config = IngestConfig.model_validate(settings)
    return Receiver({"traces": producer}, config, rejected=Rejected(RecordingProducer()))


async def export(receiver: Receiver, body: bytes = BODY, transport: str = "test") -> int:
    """Send a request, and return how many spans were rejected."""
    with receiver.admit(transport) as admitted:
        admitted.enter("shop")
        admitted.hold(len(body))
        response = await receiver.export(admitted, body, TRACES)
    return int(response.partial_success.rejected_spans)


def counted(transport: str) -> dict[str, float]:
    """Return what was counted for a transport, and bytes in flight."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        assert isinstance(metric, Metric)
        for sample in metric.samples:
            if sample.labels.get("transport") == transport and sample.name.endswith("_total"):
                found[sample.labels.get("outcome") or sample.name.split("_")[2]] = sample.value
            if sample.name == "sessiontrail_ingest_inflight_bytes":
                found["inflight"] = sample.value
    return found


async def test_acknowledges_what_the_buffer_has() -> None:
    """The record says whose spans it holds and when they came; the rest is in the answer."""
    producer = RecordingProducer()
    receiver = receiver_to(producer)

    assert await export(receiver, transport="accepted") == 1

    (record,) = producer.records
    envelope = Envelope.from_headers(record.headers)
    assert envelope.project == "shop"
    assert counted("accepted") == {"success": 1, "accepted": 2, "inflight": 0}


async def test_gives_later_requests_later_versions() -> None:
    """The newest version of a span wins, so no two requests have the same."""
    producer = RecordingProducer()
    receiver = receiver_to(producer)
    for _ in range(20):
        await export(receiver)

    versions = [Envelope.from_headers(r.headers).received_ns for r in producer.records]
    assert versions == sorted(set(versions))


def test_stamps_increase_while_the_clock_does_not() -> None:
    """Clocks stand still and go back."""
    times = iter([100, 100, 50, 200])
    stamp = Stamp(lambda: next(times))

    assert [stamp.next_ns() for _ in range(4)] == [100, 101, 102, 200]


async def test_publishes_nothing_where_nothing_is_left() -> None:
    """Requests without a valid span do not reach the buffer."""
    producer = RecordingProducer()
    receiver = receiver_to(producer)

    assert await export(receiver, b"") == 0
    assert await export(receiver, request(span(span_id=b"")).SerializeToString()) == 1

    assert producer.records == []


async def test_refuses_all_spans_where_the_buffer_does() -> None:
    """Rejected spans will be sent again with the others, so they count as refused."""
    producer = RecordingProducer()
    producer.mode = "full"
    receiver = receiver_to(producer)

    with pytest.raises(BufferFull):
        await export(receiver, transport="refused")

    assert counted("refused") == {"refusal": 1, "refused": 3, "inflight": 0}


async def test_refuses_a_request_that_the_buffer_keeps_waiting() -> None:
    """Exporters give up after ten seconds, so they are told before."""
    producer = RecordingProducer()
    producer.mode = "slow"
    receiver = receiver_to(producer, publish_seconds_max=0.05)

    with pytest.raises(BufferUnavailable, match=r"within 0\.05 s"):
        await export(receiver)

    assert producer.waiting == 0


async def test_counts_a_request_whose_client_left_as_refused() -> None:
    """It was not acknowledged, and its client will send it again."""
    producer = RecordingProducer()
    producer.mode = "slow"
    receiver = receiver_to(producer)
    task = asyncio.create_task(export(receiver, transport="left"))
    while not producer.waiting:
        await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert counted("left") == {"refusal": 1, "refused": 3, "inflight": 0}


async def test_counts_what_is_no_request_as_failed() -> None:
    """Its sender must not send it again."""
    receiver = receiver_to(RecordingProducer())

    with pytest.raises(InvalidRequest):
        await export(receiver, b"\xff", transport="failed")

    assert counted("failed") == {"failure": 1, "inflight": 0}


async def test_holds_so_many_bytes_at_most() -> None:
    """Past the bound requests are refused until others are answered."""
    producer = RecordingProducer()
    producer.mode = "slow"
    receiver = receiver_to(producer, inflight_bytes_max=REQUEST_OVERHEAD_BYTES + len(BODY))
    task = asyncio.create_task(export(receiver))
    while not producer.waiting:
        await asyncio.sleep(0)

    with pytest.raises(Overloaded, match="inflight_bytes_max"):
        await export(receiver)

    producer.proceed.set()
    await task
    await export(receiver)
    assert len(producer.records) == 2


async def test_validates_large_requests_beside_the_event_loop() -> None:
    """The loop goes on turning meanwhile."""
    spans = (span(number, name="x" * 100) for number in range(1, 20_001))
    body = request(*spans).SerializeToString()
    receiver = receiver_to(RecordingProducer())
    task = asyncio.create_task(export(receiver, body))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1

    assert await task == 0
    assert turns > 2


async def test_publishes_what_fits_a_record_as_it_came() -> None:
    """Splitting costs nothing where it is not needed."""
    body = request(span(1), span(2)).SerializeToString()
    producer = RecordingProducer(value_bytes_max=len(body))

    assert await export(receiver_to(producer), body) == 0

    (record,) = producer.records
    assert record.value is body


async def test_splits_what_is_larger_than_a_record() -> None:
    """The parts are one request still: of one receive time, with all its spans."""
    spans = [span(number) for number in range(1, 101)]
    body = request(*spans).SerializeToString()
    producer = RecordingProducer(value_bytes_max=999)

    assert await export(receiver_to(producer), body) == 0

    envelopes = [Envelope.from_headers(record.headers) for record in producer.records]
    stored = [spans_of(record.value) for record in producer.records]
    assert len(envelopes) > 4
    assert {len(record.value) <= 999 for record in producer.records} == {True}
    assert len({envelope.received_ns for envelope in envelopes}) == 1
    assert [envelope.spans for envelope in envelopes] == [len(part) for part in stored]
    ids = sorted(stored_span.span_id for part in stored for stored_span in part)
    assert ids == [sent.span_id for sent in spans]


async def test_rejects_a_span_that_is_larger_than_a_record_alone() -> None:
    """Its neighbours are stored; its sender is told how large it is, and what to do."""
    spans = [span(1), span(2, name="essay", trace_state="x" * 999), span(3), span(4, span_id=b"")]
    producer = RecordingProducer(value_bytes_max=999)
    receiver = receiver_to(producer)

    with receiver.admit("large") as admitted:
        admitted.enter("shop")
        body = request(*spans).SerializeToString()
        response = await receiver.export(admitted, body, TRACES)

    alone = len(request(spans[1]).SerializeToString())
    partial = response.partial_success
    assert partial.rejected_spans == 2
    assert partial.error_message == (
        "2 of 4 spans rejected: 1 with a span_id that is not 8 bytes (16 hex digits in JSON) or "
        "all zero (such as span 'span 4': span_id is empty); 1 larger, with its resource and "
        "scope, than a record may be: shorten its values, or raise buffer.kafka.max_message_bytes "
        f"(such as span 'essay': {alone} bytes, and 999 are the limit). "
        "Correct what makes these spans; all others are accepted."
    )
    (record,) = producer.records
    assert spans_of(record.value) == [span(1), span(3)]
    assert Envelope.from_headers(record.headers).spans == 2
    assert counted("large") == {"success": 1, "accepted": 2, "inflight": 0}


@pytest.mark.parametrize("mode", ["full", "slow"])
async def test_refuses_a_request_whole_where_a_part_is_not_taken(
    mode: Literal["full", "slow"],
) -> None:
    """Some parts in the buffer are no success. No part is left behind on its way."""
    producer = RecordingProducer(value_bytes_max=999)
    receiver = receiver_to(producer, publish_seconds_max=0.2)
    body = request(*(span(number) for number in range(1, 101))).SerializeToString()
    producer.mode = mode

    with pytest.raises(BufferUnavailable, match="as much as it may" if mode == "full" else "0.2 s"):
        await export(receiver, body, transport=f"split {mode}")

    assert counted(f"split {mode}") == {"refusal": 1, "refused": 100, "inflight": 0}
    assert (producer.records, producer.waiting) == ([], 0)


async def test_keeps_a_few_parts_on_their_way_at_once() -> None:
    """More would be a queue of its own; fewer would wait for one sync after another."""
    producer = RecordingProducer(value_bytes_max=999)
    producer.mode = "slow"
    body = request(*(span(number) for number in range(1, 201))).SerializeToString()
    task = asyncio.create_task(export(receiver_to(producer), body))
    await asyncio.sleep(0.1)

    assert producer.waiting == 4

    producer.proceed.set()
    assert await task == 0

"""Keeping dead letters: safe to try again, and bounded."""

from __future__ import annotations

import pytest

from buffer.port import ConsumedRecord, Record
from runtime.errors import BufferUnavailable, DeadLettersFull
from runtime.metrics import REGISTRY
from schemas.dead_letter import DeadLetter, original_headers
from tests.fakes import RecordingProducer
from workers.batch import Unreadable
from workers.dead_letters import DeadLetters


class _FailsOnce(RecordingProducer):
    """A producer whose append number `failing` fails."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self._appends = 0
        self._failing = failing

    async def append(self, record: Record) -> None:
        """Fail once."""
        self._appends += 1
        if self._appends == self._failing:
            raise BufferUnavailable("the log is away")
        await super().append(record)


def _unreadable(*offsets: int) -> list[Unreadable]:
    return [
        Unreadable(
            consumed=ConsumedRecord(
                partition=3,
                offset=offset,
                appended_at_ns=1,
                record=Record(value=b"%d" % offset, headers={"mine": b"\xff"}),
            ),
            reason="protobuf",
            error="größer" * 1000,
        )
        for offset in offsets
    ]


def _ids(producer: RecordingProducer) -> list[str]:
    return [DeadLetter.from_headers(record.headers).id for record in producer.records]


async def test_a_letter_says_where_its_record_came_from() -> None:
    """Its headers are the record's own and the label; the error is cut, not the letter refused."""
    producer = RecordingProducer()
    await DeadLetters(producer, topic="otlp", letters_max=9).keep(_unreadable(7))
    [record] = producer.records
    label = DeadLetter.from_headers(record.headers)
    assert (label.topic, label.partition, label.offset) == ("otlp", 3, 7)
    assert (label.id, label.reason) == ("otlp:3:7", "protobuf")
    assert label.error.startswith("größer" * 200)
    assert len(label.error) < 2048
    assert original_headers(record.headers) == {"mine": b"\xff"}


async def test_another_try_keeps_only_what_is_missing() -> None:
    """What the attempt that failed had kept is not kept twice; later batches start afresh."""
    producer = _FailsOnce(failing=3)
    dead_letters = DeadLetters(producer, topic="otlp", letters_max=99)
    batch = _unreadable(1, 2, 3, 4)
    with pytest.raises(BufferUnavailable):
        await dead_letters.keep(batch)
    assert _ids(producer) == ["otlp:3:1", "otlp:3:2"]
    await dead_letters.keep(batch)
    assert _ids(producer) == ["otlp:3:1", "otlp:3:2", "otlp:3:3", "otlp:3:4"]
    # The same records consumed once more, as after a crash, are another batch.
    await dead_letters.keep(_unreadable(1))
    assert len(producer.records) == 5


async def test_no_letter_is_kept_past_the_limit() -> None:
    """The error says how many wait and what to do; with room again, the rest is kept."""
    producer = RecordingProducer()
    dead_letters = DeadLetters(producer, topic="otlp", letters_max=2)
    batch = _unreadable(1, 2, 3)
    await dead_letters.check()
    with pytest.raises(DeadLettersFull, match=r"2 dead letters wait.*dead-letters list"):
        await dead_letters.keep(batch)
    assert _ids(producer) == ["otlp:3:1", "otlp:3:2"]
    assert REGISTRY.get_sample_value("sessiontrail_dead_letters") == 2
    with pytest.raises(DeadLettersFull):
        await dead_letters.check()

    producer.records.clear()
    await dead_letters.check()
    await dead_letters.keep(batch)
    assert _ids(producer) == ["otlp:3:3"]
    await dead_letters.check()


async def test_a_limit_that_nothing_hits_is_no_trouble() -> None:
    """As many letters as may wait, and no record that wants to join them: the worker works."""
    producer = RecordingProducer()
    dead_letters = DeadLetters(producer, topic="otlp", letters_max=2)
    await dead_letters.keep(_unreadable(1, 2))
    await dead_letters.check()
    await dead_letters.keep([])

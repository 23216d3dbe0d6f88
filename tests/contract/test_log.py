"""
What buffer/port.py promises, held against every adapter.

Nothing here is about one of them: a log may have several partitions and gaps between its offsets,
it may take a moment to hand over to the next consumer, and its clock may tick in milliseconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Protocol

import pytest

from buffer.port import ConsumedRecord, Consumer, Offset, Partition, Producer, Record, next_offsets
from runtime.errors import BufferUnavailable

MEGABYTE = 1_000_000
ANY_SIZE = 1000 * MEGABYTE


class Log(Protocol):
    """What a test needs of a log. One consumer is open at a time."""

    async def open_producer(self) -> Producer:
        """Open one more writing end."""

    async def open_consumer(self) -> Consumer:
        """Open the reading end, where the last one committed."""


async def append_all(producer: Producer, values: Sequence[bytes]) -> None:
    """Append one after another, so that their order is known."""
    for value in values:
        await producer.append(Record(value=value))


async def consume_count(
    consumer: Consumer, count: int, *, value_bytes_max: int = ANY_SIZE
) -> list[ConsumedRecord]:
    """Consume until `count` records have come."""
    records: list[ConsumedRecord] = []
    async with asyncio.timeout(30):
        while len(records) < count:
            records += await consumer.consume(value_bytes_max=value_bytes_max, wait_seconds_max=0.1)
    return records


def values(records: Sequence[ConsumedRecord]) -> list[bytes]:
    """Return the values alone."""
    return [consumed.record.value for consumed in records]


def coordinates(records: Sequence[ConsumedRecord]) -> list[tuple[Partition, Offset]]:
    """Return where the records are in the log."""
    return [(consumed.partition, consumed.offset) for consumed in records]


async def test_record_survives_reopening(log: Log) -> None:
    """A record that was acknowledged is there after both ends were closed and opened again."""
    producer = await log.open_producer()
    await producer.append(Record(value=b"kept", headers={"project": b"default"}))
    await producer.close()

    consumer = await log.open_consumer()
    (consumed,) = await consume_count(consumer, 1)
    assert consumed.record == Record(value=b"kept", headers={"project": b"default"})


async def test_consumer_may_come_first(log: Log) -> None:
    """A consumer that was opened before anything was appended gets the first record."""
    consumer = await log.open_consumer()
    producer = await log.open_producer()
    await producer.append(Record(value=b"first"))
    assert values(await consume_count(consumer, 1)) == [b"first"]


async def test_order_within_a_partition(log: Log) -> None:
    """Records of one partition come in the order in which they were appended, by rising offsets."""
    producer = await log.open_producer()
    await append_all(producer, [b"%03d" % number for number in range(100)])

    consumer = await log.open_consumer()
    records = await consume_count(consumer, 100, value_bytes_max=60)
    assert sorted(values(records)) == [b"%03d" % number for number in range(100)]
    for partition in {consumed.partition for consumed in records}:
        its_own = [consumed for consumed in records if consumed.partition == partition]
        assert values(its_own) == sorted(values(its_own))
        offsets = [consumed.offset for consumed in its_own]
        assert offsets == sorted(set(offsets))


async def test_not_committed_comes_again(log: Log) -> None:
    """The next consumer is given what the last one consumed and did not commit."""
    producer = await log.open_producer()
    await append_all(producer, [b"a", b"b", b"c"])
    first = await log.open_consumer()
    before = await consume_count(first, 3)
    await first.close()

    second = await log.open_consumer()
    again = await consume_count(second, 3)
    assert sorted(coordinates(again)) == sorted(coordinates(before))
    assert sorted(values(again)) == [b"a", b"b", b"c"]


async def test_next_consumer_starts_at_the_commit(log: Log) -> None:
    """The next consumer is given what was appended after the commit, and nothing before it."""
    producer = await log.open_producer()
    await append_all(producer, [b"done"] * 5)
    first = await log.open_consumer()
    done = await consume_count(first, 5)
    await append_all(producer, [b"not done"] * 3)
    await consume_count(first, 3)
    await first.commit(next_offsets(done))
    await first.close()

    second = await log.open_consumer()
    assert values(await consume_count(second, 3)) == [b"not done"] * 3


async def test_consumed_once_while_open(log: Log) -> None:
    """A consumer is given each record once, whether it has committed it or not."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    await append_all(producer, [b"one"])
    one = await consume_count(consumer, 1)
    await append_all(producer, [b"two"])
    two = await consume_count(consumer, 1)
    await consumer.commit(next_offsets(one))
    rest = await consumer.consume(value_bytes_max=ANY_SIZE, wait_seconds_max=0.3)
    assert values(one + two + list(rest)) == [b"one", b"two"]


async def test_commit_behind_changes_nothing(log: Log) -> None:
    """A commit that is behind the last one does not bring records back."""
    producer = await log.open_producer()
    await append_all(producer, [b"a", b"b"])
    first = await log.open_consumer()
    records = await consume_count(first, 2)
    await first.commit(next_offsets(records))
    await first.commit({partition: 0 for partition, _ in coordinates(records)})
    await first.commit({})
    assert (await first.backlog()).records == 0
    await first.close()

    await append_all(producer, [b"c"])
    second = await log.open_consumer()
    assert values(await consume_count(second, 1)) == [b"c"]


async def test_offsets_are_never_used_again(log: Log) -> None:
    """Offsets go on where they were, though the log was emptied and everything opened again."""
    used: set[tuple[Partition, Offset]] = set()
    for _ in range(4):
        producer = await log.open_producer()
        await append_all(producer, [b"x"] * 5)
        consumer = await log.open_consumer()
        records = await consume_count(consumer, 5)
        assert used.isdisjoint(coordinates(records))
        used.update(coordinates(records))
        await consumer.commit(next_offsets(records))
        await consumer.close()
        await producer.close()
    assert len(used) == 20


@pytest.mark.parametrize("value_bytes", [0, 1, 65_536, MEGABYTE, 8 * MEGABYTE])
async def test_value_comes_byte_for_byte(log: Log, value_bytes: int) -> None:
    """A value of any size and of any bytes comes as it was appended."""
    value = random.Random(value_bytes).randbytes(value_bytes)
    producer = await log.open_producer()
    await producer.append(Record(value=value))
    consumer = await log.open_consumer()
    (consumed,) = await consume_count(consumer, 1)
    assert consumed.record.value == value


async def test_headers_come_byte_for_byte(log: Log) -> None:
    """Headers of any bytes come as they were appended, the empty ones too."""
    headers = {"project": b"default", "every byte": bytes(range(256)), "empty": b"", "größe": b"1"}
    producer = await log.open_producer()
    await producer.append(Record(value=b"x", headers=headers))
    await producer.append(Record(value=b"x"))
    consumer = await log.open_consumer()
    records = await consume_count(consumer, 2)
    found = sorted((dict(consumed.record.headers) for consumed in records), key=len)
    assert found == [{}, headers]


async def test_appended_at_is_the_time_of_the_append(log: Log) -> None:
    """The log's clock tells when it took the record."""
    producer = await log.open_producer()
    before_ns = time.time_ns()
    await producer.append(Record(value=b"x"))
    after_ns = time.time_ns()
    consumer = await log.open_consumer()
    (consumed,) = await consume_count(consumer, 1)
    millisecond_ns = 1_000_000
    assert before_ns - millisecond_ns <= consumed.appended_at_ns <= after_ns + millisecond_ns


async def test_concurrent_appends_are_all_there_once(log: Log) -> None:
    """Whatever many tasks and two producers append at once is there, each record once."""
    producers = [await log.open_producer(), await log.open_producer()]
    appended = [b"%d" % number for number in range(500)]
    async with asyncio.TaskGroup() as tasks:
        for number, value in enumerate(appended):
            tasks.create_task(producers[number % 2].append(Record(value=value)))
    consumer = await log.open_consumer()
    records = await consume_count(consumer, 500)
    assert sorted(values(records)) == sorted(appended)
    assert len(set(coordinates(records))) == 500


async def test_consume_is_bounded_by_bytes(log: Log) -> None:
    """No more than `value_bytes_max` are returned at once, and what is left comes next."""
    producer = await log.open_producer()
    await append_all(producer, [b"x" * 400] * 10)
    consumer = await log.open_consumer()
    taken = 0
    async with asyncio.timeout(30):
        while taken < 10:
            records = await consumer.consume(value_bytes_max=1000, wait_seconds_max=0.1)
            assert sum(map(len, values(records))) <= 1000
            taken += len(records)
    assert taken == 10


async def test_record_over_the_bound_comes_alone(log: Log) -> None:
    """A record that is larger than `value_bytes_max` is returned all the same, alone."""
    producer = await log.open_producer()
    await append_all(producer, [b"x" * 5000, b"y" * 5000])
    consumer = await log.open_consumer()
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while len(found) < 2:
            records = await consumer.consume(value_bytes_max=1000, wait_seconds_max=0.1)
            assert len(records) <= 1
            found += values(records)
    assert sorted(found) == [b"x" * 5000, b"y" * 5000]


async def test_consume_returns_when_there_is_enough(log: Log) -> None:
    """A consumer that waits is answered as soon as there are enough bytes, long before its time."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    consuming = asyncio.create_task(
        consumer.consume(value_bytes_max=1000, wait_seconds_max=60.0),
    )
    async with asyncio.timeout(30):
        while not consuming.done():
            await producer.append(Record(value=b"x" * 500))
            await asyncio.sleep(0.01)
    assert len(consuming.result()) >= 1


async def test_consume_returns_what_there_is_in_time(log: Log) -> None:
    """A consumer waits for more until its time is over, and then gets what has come."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    await producer.append(Record(value=b"warm"))
    await consume_count(consumer, 1)
    await producer.append(Record(value=b"alone"))
    started = time.monotonic()
    records = await consumer.consume(value_bytes_max=ANY_SIZE, wait_seconds_max=1.0)
    assert values(records) == [b"alone"]
    assert 0.9 <= time.monotonic() - started < 3.0


async def test_idle_consume_returns_nothing_in_time(log: Log) -> None:
    """A consumer of a log where nothing comes gets an empty sequence when its time is over."""
    consumer = await log.open_consumer()
    started = time.monotonic()
    assert list(await consumer.consume(value_bytes_max=1, wait_seconds_max=0.5)) == []
    assert 0.4 <= time.monotonic() - started < 2.5


async def test_backlog_counts_what_is_not_committed(log: Log) -> None:
    """The backlog counts records until they are committed, consumed or not."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    assert (await consumer.backlog()).records == 0

    await append_all(producer, [b"x" * 10] * 4)
    assert (await consumer.backlog()).records == 4

    first = await consume_count(consumer, 4)
    await append_all(producer, [b"y" * 10] * 3)
    assert (await consumer.backlog()).records == 7

    await consumer.commit(next_offsets(first))
    assert (await consumer.backlog()).records == 3


async def test_the_producer_knows_the_backlog_too(log: Log) -> None:
    """Whoever appends can ask how much waits, though nothing was ever consumed."""
    producer = await log.open_producer()
    await append_all(producer, [b"x" * 10] * 4)
    assert (await producer.backlog()).records == 4

    consumer = await log.open_consumer()
    await consumer.commit(next_offsets(await consume_count(consumer, 3, value_bytes_max=30)))
    assert (await producer.backlog()).records == 1


async def test_a_log_in_order_takes_records(log: Log) -> None:
    """The check of a log that is in order says nothing, and what it is said to take it takes."""
    producer = await log.open_producer()
    await producer.check()
    assert producer.value_bytes_max >= 8 * MEGABYTE


async def test_backlog_ages_until_the_commit(log: Log) -> None:
    """The age of the backlog is that of its oldest record, and nothing once all is committed."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    started = time.monotonic()
    await producer.append(Record(value=b"old"))
    records = await consume_count(consumer, 1)
    await asyncio.sleep(0.2)
    age_seconds = (await consumer.backlog()).oldest_seconds
    assert 0.19 <= age_seconds <= time.monotonic() - started + 0.01

    await consumer.commit(next_offsets(records))
    backlog = await consumer.backlog()
    assert (backlog.records, backlog.value_bytes, backlog.oldest_seconds) == (0, 0, 0.0)


async def test_close_finishes_appends_under_way(log: Log) -> None:
    """Appends that were under way when the producer is closed are acknowledged, and are there."""
    producer = await log.open_producer()
    appends = [asyncio.create_task(producer.append(Record(value=b"x" * 1000))) for _ in range(50)]
    await asyncio.sleep(0)
    await producer.close()
    await asyncio.gather(*appends)
    consumer = await log.open_consumer()
    assert len(await consume_count(consumer, 50)) == 50


async def test_both_ends_may_be_closed_twice(log: Log) -> None:
    """Closing what is closed does nothing, one after another and at once."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    await asyncio.gather(producer.close(), producer.close())
    await asyncio.gather(consumer.close(), consumer.close())
    await producer.close()
    await consumer.close()


async def test_a_closed_end_refuses(log: Log) -> None:
    """An end that was closed says that it is unavailable, whatever is asked of it."""
    producer = await log.open_producer()
    consumer = await log.open_consumer()
    await producer.close()
    await consumer.close()
    with pytest.raises(BufferUnavailable):
        await producer.append(Record(value=b"x"))
    with pytest.raises(BufferUnavailable):
        await producer.check()
    with pytest.raises(BufferUnavailable):
        await producer.backlog()
    with pytest.raises(BufferUnavailable):
        await consumer.consume(value_bytes_max=1, wait_seconds_max=0)
    with pytest.raises(BufferUnavailable):
        await consumer.commit({0: 1})
    with pytest.raises(BufferUnavailable):
        await consumer.backlog()

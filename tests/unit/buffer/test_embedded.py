"""What the embedded log promises beyond the port: its bound, its one consumer, its file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from buffer import embedded
from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.port import Backlog, Record, next_offsets
from buffer.sqlite_log import SqliteLog
from runtime.errors import BufferFull, BufferUnavailable, ConfigError

KILOBYTE = 1000
MEGABYTE = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a log that is not there yet, nor its folder."""
    return tmp_path / "data" / "log.db"


@pytest.fixture
async def producer(path: Path) -> AsyncIterator[EmbeddedProducer]:
    """Give a producer of a log that holds 100 kB."""
    producer = await EmbeddedProducer.open(path, log_bytes_max=100 * KILOBYTE)
    yield producer
    await producer.close()


@pytest.fixture
async def consumer(path: Path) -> AsyncIterator[EmbeddedConsumer]:
    """Give the consumer of the log."""
    consumer = await EmbeddedConsumer.open(path)
    yield consumer
    await consumer.close()


def record(value_bytes: int) -> Record:
    """Return a record of that size."""
    return Record(value=b"x" * value_bytes)


async def consume_all(consumer: EmbeddedConsumer) -> int:
    """Consume and commit all that is there; return how many records that were."""
    count = 0
    while records := await consumer.consume(value_bytes_max=10 * MEGABYTE, wait_seconds_max=0):
        count += len(records)
        await consumer.commit(next_offsets(records))
    return count


def files_bytes(path: Path) -> int:
    """Return how much room the files of the log take."""
    return sum(file.stat().st_size for file in path.parent.iterdir())


async def test_full_refuses_and_recovers(
    producer: EmbeddedProducer, consumer: EmbeddedConsumer
) -> None:
    """A full log refuses at once, goes on taking what still fits, and all again after a commit."""
    await producer.append(record(90 * KILOBYTE))
    started = time.monotonic()
    with pytest.raises(BufferFull, match="holds as much as it may"):
        await producer.append(record(20 * KILOBYTE))
    assert time.monotonic() - started < 1.0
    await producer.append(record(10 * KILOBYTE))

    assert await consume_all(consumer) == 2
    await producer.append(record(100 * KILOBYTE))


async def test_full_holds_for_all_producers(
    path: Path, producer: EmbeddedProducer, consumer: EmbeddedConsumer
) -> None:
    """What one producer has appended counts for the other one, and a group is cut where it fits."""
    other = await EmbeddedProducer.open(path, log_bytes_max=100 * KILOBYTE)
    appends = [end.append(record(10 * KILOBYTE)) for _ in range(10) for end in (producer, other)]
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    assert outcomes.count(None) == 10
    assert sum(isinstance(outcome, BufferFull) for outcome in outcomes) == 10
    backlog = await consumer.backlog()
    assert (backlog.records, backlog.value_bytes) == (10, 100 * KILOBYTE)
    await other.close()


async def test_second_consumer_is_refused(path: Path, consumer: EmbeddedConsumer) -> None:
    """A log has one consumer; the next one may come when it has gone."""
    with pytest.raises(ConfigError, match="Another process consumes the log"):
        await EmbeddedConsumer.open(path)
    await consumer.close()
    second = await EmbeddedConsumer.open(path)
    await second.close()


async def test_all_may_open_a_new_log_at_once(path: Path) -> None:
    """Whoever comes first creates the log, and the others find it whole."""
    *producers, consumer = await asyncio.gather(
        *(EmbeddedProducer.open(path, log_bytes_max=MEGABYTE) for _ in range(8)),
        EmbeddedConsumer.open(path),
    )
    assert isinstance(consumer, EmbeddedConsumer)
    for producer in producers:
        assert isinstance(producer, EmbeddedProducer)
        await producer.append(record(1))
        await producer.close()
    assert await consume_all(consumer) == 8
    await consumer.close()


async def test_backlog_is_exact(producer: EmbeddedProducer, consumer: EmbeddedConsumer) -> None:
    """The backlog counts records and bytes to the last one, whatever was committed."""
    for value_bytes in (0, 10, 200, 3000):
        await producer.append(record(value_bytes))
    await consumer.commit({0: 2})
    backlog = await consumer.backlog()
    assert (backlog.records, backlog.value_bytes) == (2, 3200)
    await consumer.commit({0: 1_000})
    assert await consumer.backlog() == Backlog(records=0, value_bytes=0, oldest_seconds=0.0)
    await producer.append(record(5))
    (consumed,) = await consumer.consume(value_bytes_max=5, wait_seconds_max=5)
    assert consumed.offset == 4


async def test_concurrent_appends_share_transactions(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends that come while another one is being stored go into the next transaction together."""
    groups = []
    append = SqliteLog.append

    def counted(log: SqliteLog, records: Sequence[Record], *, value_bytes_max: int) -> list[bool]:
        groups.append(len(records))
        return append(log, records, value_bytes_max=value_bytes_max)

    monkeypatch.setattr(SqliteLog, "append", counted)
    producer = await EmbeddedProducer.open(path, log_bytes_max=MEGABYTE)
    await asyncio.gather(*(producer.append(record(100)) for _ in range(1000)))
    await producer.close()
    assert sum(groups) == 1000
    assert len(groups) <= 100
    assert max(groups) <= embedded.TRANSACTION_RECORDS_MAX


async def test_file_stays_small_when_kept_near_empty(path: Path) -> None:
    """However much has gone through the log, its files are bounded by what it held at a time."""
    producer = await EmbeddedProducer.open(path, log_bytes_max=100 * MEGABYTE)
    consumer = await EmbeddedConsumer.open(path)
    largest_bytes = 0
    for _ in range(60):
        await asyncio.gather(*(producer.append(record(500 * KILOBYTE)) for _ in range(10)))
        assert await consume_all(consumer) == 10
        largest_bytes = max(largest_bytes, files_bytes(path))
    await producer.close()
    await consumer.close()
    # The -wal file may grow to 64 MiB and a transaction before it is used again from its start.
    assert largest_bytes <= 90 * MEGABYTE
    assert files_bytes(path) <= 20 * MEGABYTE


async def test_cancelled_consume_loses_nothing(
    producer: EmbeddedProducer, consumer: EmbeddedConsumer
) -> None:
    """What a cancelled call had already read is given by the next one."""
    await producer.append(record(10))
    consuming = asyncio.create_task(consumer.consume(value_bytes_max=1000, wait_seconds_max=60))
    await asyncio.sleep(0.1)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    assert len(await consumer.consume(value_bytes_max=10, wait_seconds_max=5)) == 1


async def test_a_disk_that_hangs_is_not_waited_for(
    path: Path, producer: EmbeddedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends are told that nothing was confirmed, no more are taken in, and closing ends."""
    monkeypatch.setattr(embedded, "ANSWER_SECONDS_MAX", 0.05)
    monkeypatch.setattr(embedded, "PENDING_BYTES_MAX", 1000)
    with closing(SqliteLog(path)) as hanging, hanging._lock.held():
        with pytest.raises(BufferUnavailable, match="did not confirm in time"):
            await producer.append(record(800))
        with pytest.raises(BufferUnavailable, match="too slow"):
            await producer.append(record(800))
        await producer.close()
    await producer.close()


async def test_a_read_that_hangs_is_not_waited_for(
    consumer: EmbeddedConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer whose disk hangs says so, within its bound."""
    with monkeypatch.context() as patched:
        patched.setattr(embedded, "ANSWER_SECONDS_MAX", 0.05)
        patched.setattr(consumer._log, "backlog", lambda: time.sleep(0.3))
        with pytest.raises(BufferUnavailable, match="did not answer in time"):
            await consumer.backlog()
    assert (await consumer.backlog()).records == 0

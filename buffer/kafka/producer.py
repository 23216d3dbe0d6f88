"""The writing end: an idempotent producer that waits for all replicas in sync."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, ProducerClosed

from buffer.kafka.connection import (
    ANSWER_SECONDS_MAX,
    RECORD_BYTES_RESERVED,
    Kept,
    opened,
    options,
    translated,
)
from buffer.kafka.partitioner import StickyPartitioner
from buffer.kafka.topic import EARLIEST, LATEST, Topic
from buffer.port import Backlog, Record
from runtime.config import KafkaBufferConfig
from runtime.errors import BufferUnavailable

PENDING_BYTES_MAX = 256 * 1024 * 1024
_CONNECTED_SECONDS_MAX = 2.0
_STOP_SECONDS_MAX = 5.0
# While one batch is on its way, the next one fills; the first one of all waits for company so long.
_LINGER_MILLISECONDS = 2


class KafkaProducer:
    """
    Appends to one topic.

    aiokafka's idempotent producer cannot be trusted after most errors: it has counted on a sequence
    number that the broker never saw, and every later record of that partition is refused (its issue
    1017). So after any error but those that come before a record is queued, it is replaced. What
    was under way may be written or not; it is told as not confirmed.
    """

    def __init__(self, config: KafkaBufferConfig) -> None:
        self.value_bytes_max = int(config.max_message_bytes) - RECORD_BYTES_RESERVED
        self._config = config
        self._options = options(config)
        self._topic = Topic(config)
        self._partitioner = StickyPartitioner(bytes_max=int(config.max_message_bytes))
        self._kept = Kept("producer", open_=self._open, close=_stop)
        self._pending_bytes = 0
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    @classmethod
    async def open(cls, config: KafkaBufferConfig) -> Self:
        """Return at once, whether Kafka is there or not: it is looked for until it is."""
        return cls(config)

    async def append(self, record: Record) -> None:
        """Return once all replicas in sync have the record."""
        if self._closing:
            raise BufferUnavailable("This end of the log is closed.")
        size = len(record.value)
        if self._pending_bytes + size > PENDING_BYTES_MAX:
            raise BufferUnavailable("Kafka is too slow for what comes in.")
        self._pending_bytes += size
        self._pending += 1
        self._idle.clear()
        try:
            with translated(self._config):
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._append(record)
        finally:
            self._pending_bytes -= size
            self._pending -= 1
            if not self._pending:
                self._idle.set()

    async def check(self) -> None:
        """Return if every partition has its leader and enough replicas."""
        await self._kept.get(seconds_max=_CONNECTED_SECONDS_MAX)
        await self._topic.check()

    async def backlog(self) -> Backlog:
        """Return what the group has not committed yet, of all partitions."""
        description = await self._topic.describe()
        partitions = description.partitions
        ends = await self._topic.offsets(partitions, LATEST)
        starts = await self._topic.offsets(partitions, EARLIEST)
        committed = await self._topic.committed(partitions)
        records = 0
        for partition in ends.keys() & starts.keys():
            start, done = starts[partition], committed.get(partition)
            if done and done.counts_for(description.id):
                start = max(start, done.offset)
            records += max(0, ends[partition] - start)
        return Backlog(records=records, value_bytes=0, oldest_seconds=0.0)

    async def close(self) -> None:
        """Finish the appends under way, within a bound, and let go."""
        self._closing = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _STOP_SECONDS_MAX)
        await self._kept.close()
        await self._topic.close()

    async def _append(self, record: Record) -> None:
        producer = await self._kept.get(seconds_max=_CONNECTED_SECONDS_MAX)
        self._partitioner.count(len(record.value))
        try:
            confirmed = await producer.send(
                self._topic.name, record.value, headers=list(record.headers.items())
            )
            await confirmed
        except MessageSizeTooLargeError as error:
            self._kept.give_up(producer, why=str(error))
            raise BufferUnavailable(
                f"The topic {self._topic.name} takes no record of {len(record.value)} bytes: raise"
                " its max.message.bytes"
            ) from error
        except (KafkaTimeoutError, asyncio.CancelledError):
            # It takes too long: its partition may have no leader, and others go on. The producer is
            # as good as it was.
            self._partitioner.leave()
            raise
        except KafkaError as error:
            self._kept.give_up(producer, why=repr(error))
            raise

    async def _open(self) -> AIOKafkaProducer:
        message_bytes_max = await self._topic.prepare()
        producer = AIOKafkaProducer(
            **self._options,
            enable_idempotence=True,
            acks="all",
            compression_type="zstd",
            max_batch_size=int(self._config.max_message_bytes),
            max_request_size=message_bytes_max - RECORD_BYTES_RESERVED,
            linger_ms=_LINGER_MILLISECONDS,
            request_timeout_ms=int(ANSWER_SECONDS_MAX * 1000),
            partitioner=self._partitioner,
        )
        return await opened(producer, start=producer.start, close=_stop, config=self._config)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer although its broker may be away, which aiokafka would wait for for ever."""
    try:
        async with asyncio.timeout(_STOP_SECONDS_MAX):
            await producer.stop()
    except (TimeoutError, KafkaError):
        producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001
        with suppress(KeyError):
            await producer._sender.close()  # noqa: SLF001
        await producer.client.close()

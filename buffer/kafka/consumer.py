"""The reading end: a member of the group of workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from buffer.kafka.connection import ANSWER_SECONDS_MAX, Kept, opened, options, translated
from buffer.kafka.in_hand import InHand
from buffer.kafka.rebalances import Rebalances
from buffer.kafka.topic import (
    EARLIEST,
    LATEST,
    Committed,
    Description,
    Topic,
    UnknownTopic,
)
from buffer.kafka.waiting import Waiting
from buffer.port import Backlog, ConsumedRecord, Offset, Partition, Record
from runtime import events
from runtime.config import KafkaBufferConfig
from runtime.errors import BufferUnavailable

_REBALANCE_SECONDS_MAX = 30.0
_STOP_SECONDS_MAX = 5.0
_ASSIGNED_SECONDS_MAX = 5.0
# aiokafka may be a moment late with its answer; during a rebalance it gives none at all.
_GRACE_SECONDS = 0.5
# How often it is looked whether the topic is still the same one.
_DESCRIBE_SECONDS = 1.0
_METADATA_MILLISECONDS = 30_000
# Few at a time: what a batch has no room for is held until the next one.
_RECORDS_MAX = 16
# aiokafka holds one fetch of each partition, compressed, and fetches no more until it is read.
_FETCH_BYTES_MAX = 4 * 1024 * 1024
_FOR_EVER_MILLISECONDS = 2**31 - 1
_LONG_AGO = float("-inf")


class KafkaConsumer:
    """
    Consumes one topic.

    Where to go on in a partition is not left to aiokafka: what was committed is compared with what
    the topic holds and with who the topic is, and only then is anything read (`_place`).
    """

    def __init__(self, config: KafkaBufferConfig) -> None:
        self._config = config
        self._options = options(config)
        self._topic = Topic(config)
        self._topic_id = ""
        self._described = _LONG_AGO
        self._in_hand = InHand()
        self._waiting = Waiting()
        self._next: dict[Partition, Offset] = {}
        self._placing = asyncio.Lock()
        self._rebalances = self._new_rebalances()
        self._closed = False
        self._kept = Kept("consumer", open_=self._open, close=_stop)

    @classmethod
    async def open(cls, config: KafkaBufferConfig) -> Self:
        """Return at once, whether Kafka is there or not: it is looked for until it is."""
        return cls(config)

    async def consume(
        self, *, value_bytes_max: int, wait_seconds_max: float
    ) -> Sequence[ConsumedRecord]:
        """Return the next records of our partitions. What a cancelled call has read comes next."""
        if self._closed:
            raise BufferUnavailable("This end of the log is closed.")
        deadline = time.monotonic() + wait_seconds_max
        seconds_left = wait_seconds_max
        while self._waiting.value_bytes < value_bytes_max:
            try:
                await self._fetch(seconds_left)
            except BufferUnavailable:
                if self._waiting.is_empty:
                    raise
                break
            if seconds_left == 0.0:
                break
            seconds_left = max(0.0, deadline - time.monotonic())
        records = self._waiting.take(value_bytes_max) if self._rebalances.is_over else []
        for consumed in records:
            self._in_hand.hand_over(consumed)
        return records

    async def commit(self, next_offsets: Mapping[Partition, Offset]) -> None:
        """Commit what is still ours. The topic's id goes with it, for whoever starts there."""
        consumer = await self._kept.get(seconds_max=ANSWER_SECONDS_MAX)
        offsets = {
            TopicPartition(self._topic.name, partition): OffsetAndMetadata(offset, self._topic_id)
            for partition, offset in self._in_hand.to_commit(next_offsets).items()
        }
        try:
            with translated(self._config):
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    if offsets:
                        await consumer.commit(offsets)
        except BufferUnavailable as error:
            if not isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                raise
            events.commit_came_late(sorted(place.partition for place in offsets))
        self._in_hand.settle(next_offsets)
        self._rebalances.go_on()

    async def backlog(self) -> Backlog:
        """Return what our partitions hold that is not committed; the bytes are an estimate."""
        consumer = await self._kept.get(seconds_max=_ASSIGNED_SECONDS_MAX)
        # While a rebalance waits for a commit, it must not be waited for.
        if not self._in_hand.committed:
            if not await self._rebalances.wait(_ASSIGNED_SECONDS_MAX):
                raise BufferUnavailable(f"The consumer group {self._config.group} is being joined.")
            await self._place(consumer)
        committed = self._in_hand.committed
        ends = await self._topic.offsets(committed, LATEST)
        records = sum(max(0, end - committed[partition]) for partition, end in ends.items())
        now_ns = time.time_ns()
        oldest_ns = min(self._in_hand.oldest_ns or now_ns, self._waiting.oldest_ns or now_ns)
        return Backlog(
            records=records,
            value_bytes=int(records * self._waiting.mean_bytes),
            oldest_seconds=(now_ns - oldest_ns) / 1e9 if records else 0.0,
        )

    async def close(self) -> None:
        """Leave the group, unless there is a name in it that we come back under."""
        self._closed = True
        self._rebalances.end()
        await self._kept.close()
        await self._topic.close()

    async def _open(self) -> AIOKafkaConsumer:
        self._rebalances.end()
        self._release()
        await self._topic.prepare()
        self._rebalances = self._new_rebalances()
        session_ms = int(self._config.session_seconds * 1000)
        consumer = AIOKafkaConsumer(
            **self._options,
            group_id=self._config.group,
            group_instance_id=self._config.instance_id or None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(3000, session_ms // 3),
            rebalance_timeout_ms=int(_REBALANCE_SECONDS_MAX * 1000),
            # A worker whose store is away consumes nothing, and nobody else could do better.
            max_poll_interval_ms=_FOR_EVER_MILLISECONDS,
            max_partition_fetch_bytes=_FETCH_BYTES_MAX,
            metadata_max_age_ms=_METADATA_MILLISECONDS,
        )
        await opened(consumer, start=consumer.start, close=_stop, config=self._config)
        consumer.subscribe([self._topic.name], listener=self._rebalances)
        return consumer

    async def _fetch(self, seconds_max: float) -> None:
        consumer = await self._kept.get(seconds_max=seconds_max)
        is_assigned = await self._rebalances.wait(seconds_max)
        if is_assigned:
            await self._place(consumer)
        try:
            # What goes wrong in the group is kept by aiokafka until somebody asks.
            consumer._coordinator.check_errors()  # noqa: SLF001
            if not is_assigned:
                return
            async with asyncio.timeout(seconds_max + _GRACE_SECONDS):
                fetched = await consumer.getmany(
                    timeout_ms=int(seconds_max * 1000), max_records=_RECORDS_MAX
                )
        except (TimeoutError, NoOffsetForPartitionError, ConsumerStoppedError):
            return  # a rebalance; aiokafka looked before the partition was placed; a new client
        except OffsetOutOfRangeError as error:
            self._displace(*(place.partition for place in error.args[0]))
            return
        except (KafkaError, UnicodeDecodeError) as error:  # a header's name may be no UTF-8
            self._kept.give_up(consumer, why=repr(error))
            raise BufferUnavailable(f"Kafka's consumer is opened anew: {error!r}") from error
        placed = self._in_hand.committed
        for record in (record for records in fetched.values() for record in records):
            # Before it was placed, aiokafka may have read from where it thought right.
            if record.partition in placed and record.offset >= self._next[record.partition]:
                self._next[record.partition] = record.offset + 1
                self._waiting.add(_consumed(record))

    async def _place(self, consumer: AIOKafkaConsumer) -> None:
        """
        Find out where to go on in each partition that was given to us, and whether the topic is
        still the one that we know: offsets of another one mean nothing.
        """
        async with self._placing:
            before = self._rebalances, self._rebalances.count
            if time.monotonic() < self._described + _DESCRIBE_SECONDS:
                return
            description = await self._describe(consumer)
            assigned = {place.partition for place in consumer.assignment()}
            missing = [
                partition
                for partition in assigned - self._in_hand.committed.keys()
                if partition in description.leaders
            ]
            if not missing:
                return
            begins = await self._topic.offsets(missing, EARLIEST)
            ends = await self._topic.offsets(missing, LATEST)
            committed = await self._topic.committed(missing)
            # From here on without a pause. Since the first question, nothing may have been taken
            # from us, nor be about to be; nor may this client have been given up.
            now = self._rebalances, self._rebalances.count
            if now != before or not self._rebalances.is_over:
                return
            for partition in begins.keys() & ends.keys():
                offset = self._start(
                    partition, begins[partition], ends[partition], committed.get(partition)
                )
                consumer.seek(TopicPartition(self._topic.name, partition), offset)
                self._next[partition] = offset
                self._in_hand.place(partition, committed=offset)

    async def _describe(self, consumer: AIOKafkaConsumer) -> Description:
        try:
            description = await self._topic.describe()
        except UnknownTopic as error:
            self._kept.give_up(consumer, why=str(error))
            raise
        if self._config.instance_id and not self._rebalances.is_checked:
            # A member that comes back under its name is given what it had, although the topic may
            # have other partitions by now; only if the leader asks is everything shared out anew.
            if not await self._topic.is_shared_out():
                consumer._coordinator.request_rejoin()  # noqa: SLF001 - there is no other way
            self._rebalances.is_checked = True
        if description.id != self._topic_id:
            if self._topic_id:
                events.log_recreated(self._topic.name)
                self._release()
            self._topic_id = description.id
        self._described = time.monotonic()
        return description

    def _start(
        self, partition: Partition, begin: Offset, end: Offset, committed: Committed | None
    ) -> Offset:
        """Return where to go on. In doubt that is the beginning: what is done twice counts once."""
        if partition in self._next:
            # What was read is in hand or waits; only what comes next was cut off.
            committed = Committed(offset=self._next[partition], topic_id=self._topic_id)
        if committed is None:
            return begin
        if committed.offset > end or not committed.counts_for(self._topic_id):
            events.log_recreated(self._topic.name)
            return begin
        if not committed.topic_id:
            events.offset_set_by_others(
                self._topic.name, partition=partition, offset=committed.offset
            )
        if committed.offset < begin:
            events.records_lost(
                topic=self._topic.name, partition=partition, records=begin - committed.offset
            )
        return max(committed.offset, begin)

    def _release(self) -> None:
        """Let go of every partition. What is in hand of them will not be committed."""
        self._displace(*self._in_hand.committed)
        self._next.clear()
        self._waiting.clear()

    def _displace(self, *partitions: Partition) -> None:
        for partition in partitions:
            self._in_hand.displace(partition)
        self._described = _LONG_AGO  # there is something to place, and no time to lose

    def _new_rebalances(self) -> Rebalances:
        return Rebalances(
            self._topic.name,
            is_work_in_hand=lambda: self._in_hand.oldest_ns is not None,
            release=self._release,
        )


def _consumed(record: ConsumerRecord) -> ConsumedRecord:
    return ConsumedRecord(
        partition=record.partition,
        offset=record.offset,
        appended_at_ns=max(0, record.timestamp) * 1_000_000,  # -1: its writer gave none
        # Other writers may leave out a value, or that of a header.
        record=Record(
            value=record.value or b"",
            headers={name: value or b"" for name, value in record.headers},
        ),
    )


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(_STOP_SECONDS_MAX):
            await consumer.stop()
    except (TimeoutError, KafkaError):
        await consumer._client.close()  # noqa: SLF001 - it can hang on a broker that is away

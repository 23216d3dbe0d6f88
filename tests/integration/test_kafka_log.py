"""What Kafka can do to a log that an embedded one cannot: cut it off, make it anew, be unfit."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v3
from structlog.testing import capture_logs

from buffer.kafka import KafkaConsumer, KafkaProducer
from buffer.kafka.topic import Description, Topic
from buffer.port import ConsumedRecord, Record, next_offsets
from runtime import metrics
from runtime.config import KafkaBufferConfig, KafkaTopicsConfig
from runtime.errors import BufferUnavailable
from tests.kafka.cluster import Cluster
from tests.kafka.topics import configure_topic, create_topic, delete_topic

LOG_APPEND_TIME = 1

End = TypeVar("End", KafkaProducer, KafkaConsumer)


class Log:
    """A topic and whoever reads and writes it, closed at the end of the test."""

    def __init__(self, cluster: Cluster, topic: str, opened: AsyncExitStack) -> None:
        self.cluster = cluster
        self.topic = topic
        self.config = KafkaBufferConfig.model_validate(
            {"bootstrap_servers": cluster.bootstrap_servers, "topic": topic, "group": topic}
        )
        self._opened = opened

    async def create(self, *, partitions: int = 1) -> None:
        """Create the topic as an operator would."""
        await asyncio.to_thread(create_topic, self.cluster, self.topic, partitions=partitions)

    async def configure(self, **configs: str | int) -> None:
        """Change the topic's settings, with `_` for each dot."""
        await asyncio.to_thread(partial(configure_topic, self.cluster, self.topic, **configs))

    async def delete(self) -> None:
        """Delete the topic as an operator would."""
        await asyncio.to_thread(delete_topic, self.cluster, self.topic)

    async def open_producer(self, **settings: object) -> KafkaProducer:
        """Open a producer, with these settings besides."""
        return await self._kept(KafkaProducer.open(self.config.model_copy(update=settings)))

    async def open_consumer(self, **settings: object) -> KafkaConsumer:
        """Open a consumer, with these settings besides."""
        return await self._kept(KafkaConsumer.open(self.config.model_copy(update=settings)))

    async def _kept(self, opening: Awaitable[End]) -> End:
        end = await opening
        self._opened.push_async_callback(end.close)
        return end


@pytest.fixture
async def log(kafka: Cluster, topic_name: str) -> AsyncIterator[Log]:
    """A topic of the test's own, which it creates itself."""
    async with AsyncExitStack() as opened:
        yield Log(kafka, topic_name, opened)


async def append(producer: KafkaProducer, count: int, *, start: int = 0) -> list[bytes]:
    """Append values that tell which they are; return them."""
    values = [b"%06d" % number for number in range(start, start + count)]
    for value in values:
        async with asyncio.timeout(30):
            while True:
                try:
                    await producer.append(Record(value=value))
                    break
                except BufferUnavailable:
                    await asyncio.sleep(0.1)
    return values


async def consume(
    consumer: KafkaConsumer, count: int, *, seconds_max: float = 30
) -> list[ConsumedRecord]:
    """Consume until `count` records have come, whatever Kafka says in between."""
    records: list[ConsumedRecord] = []
    async with asyncio.timeout(seconds_max):
        while len(records) < count:
            try:
                records += await consumer.consume(value_bytes_max=10**6, wait_seconds_max=0.2)
            except BufferUnavailable:
                await asyncio.sleep(0.1)
    return records


def values(records: list[ConsumedRecord]) -> list[bytes]:
    """Return the values alone."""
    return [consumed.record.value for consumed in records]


@pytest.mark.parametrize("again", [5, 200], ids=["shorter", "longer"])
async def test_a_topic_made_anew_is_read_from_its_beginning(log: Log, again: int) -> None:
    """Offsets of the topic that was deleted mean nothing, however long the new one has become."""
    before = metrics.recreated_logs._value.get()
    await log.create()
    producer, consumer = await log.open_producer(), await log.open_consumer()
    await append(producer, 50)
    in_hand = await consume(consumer, 50)
    await consumer.commit(next_offsets(in_hand[:20]))

    await log.delete()
    await log.create()
    new = await append(producer, again, start=1000)
    # What was in hand is done only now, and must not be taken for the new records.
    await consumer.commit(next_offsets(in_hand))

    assert values(await consume(consumer, again)) == new
    assert metrics.recreated_logs._value.get() > before


async def test_a_commit_to_another_topic_of_the_same_name_does_not_count(log: Log) -> None:
    """Who starts later knows by the id beside the commit that it was for a topic now deleted."""
    await log.create()
    producer = await log.open_producer()
    appended = await append(producer, 80)
    await commit_by_hand(log, 50, metadata="0" * 32)
    consumer = await log.open_consumer()
    assert values(await consume(consumer, 80)) == appended


async def test_an_offset_set_by_hand_counts(log: Log) -> None:
    """An operator who resets the group's offset leaves no id beside it, nor does a stranger."""
    await log.create()
    producer = await log.open_producer()
    appended = await append(producer, 80)
    await commit_by_hand(log, 50, metadata="")
    with capture_logs() as lines:
        consumer = await log.open_consumer()
        assert values(await consume(consumer, 30)) == appended[50:]
    [told] = [line for line in lines if line["event"] == "offset_set_by_others"]
    assert (told["topic"], told["partition"], told["offset"]) == (log.topic, 0, 50)


@pytest.mark.parametrize("error_code", [14, 16], ids=["loads", "moved"])
async def test_a_coordinator_that_cannot_say_yet_is_asked_again(
    log: Log, monkeypatch: pytest.MonkeyPatch, error_code: int
) -> None:
    """While the group's coordinator changes, its answer looks as if nothing were committed."""
    await log.create()
    producer = await log.open_producer()
    appended = await append(producer, 80)
    await commit_by_hand(log, 50, metadata="")
    send = AIOKafkaAdminClient._send_request
    unable = [OffsetFetchResponse_v3(0, [], error_code)] * 2

    async def ask(self: AIOKafkaAdminClient, request: object, node: int | None = None) -> object:
        is_of_offsets = isinstance(request, OffsetFetchRequest)
        return unable.pop() if is_of_offsets and unable else await send(self, request, node)

    monkeypatch.setattr(AIOKafkaAdminClient, "_send_request", ask)
    assert (await producer.backlog()).records == 30
    unable.append(OffsetFetchResponse_v3(0, [], error_code))
    consumer = await log.open_consumer()
    assert values(await consume(consumer, 30)) == appended[50:]
    assert not unable


async def test_what_retention_removed_is_counted_as_lost(log: Log) -> None:
    """The consumer goes on where the log begins now, and says how much is missing."""
    await log.create()
    producer = await log.open_producer()
    appended = await append(producer, 60)
    first = await log.open_consumer()
    await first.commit(next_offsets((await consume(first, 60))[:20]))
    await first.close()
    before = metrics.lost_records._value.get()
    await cut_off(log, 50)

    with capture_logs() as lines:
        consumer = await log.open_consumer()
        assert values(await consume(consumer, 10)) == appended[50:]
    assert metrics.lost_records._value.get() - before == 30
    [lost] = [line for line in lines if line["event"] == "records_lost"]
    assert (lost["topic"], lost["partition"], lost["records"]) == (log.topic, 0, 30)


@pytest.mark.parametrize("wait_seconds", [0.0, 0.2])
async def test_what_retention_removed_under_a_running_consumer_is_counted(
    log: Log, wait_seconds: float
) -> None:
    """A consumer that falls behind the beginning of the log goes on from there."""
    await log.create()
    producer, consumer = await log.open_producer(), await log.open_consumer()
    await append(producer, 5)
    in_hand = await consume(consumer, 5)
    before = metrics.lost_records._value.get()
    # Larger than what is fetched ahead, so that the beginning of it is still to be fetched.
    large = [secrets.token_bytes(900_000) for _ in range(20)]
    for value in large:
        await producer.append(Record(value=value))
    # One is handed over, and some more wait for the next batch.
    first = list(await consumer.consume(value_bytes_max=10**6, wait_seconds_max=5.0))
    await cut_off(log, 23)
    await append(producer, 1, start=99)

    batches = [in_hand, first]
    async with asyncio.timeout(30):
        while b"000099" not in values(batches[-1]):
            records = await consumer.consume(value_bytes_max=10**6, wait_seconds_max=wait_seconds)
            batches.append(list(records))
            await asyncio.sleep(0.01)
    lost = 20 - sum(value in large for batch in batches for value in values(batch))
    assert lost >= 5
    assert metrics.lost_records._value.get() - before == lost
    for batch in batches:
        await consumer.commit(next_offsets(batch))
    assert (await consumer.backlog()).records == 0


@pytest.mark.parametrize(
    ("configs", "in_words"),
    [
        ({"cleanup_policy": "compact"}, "compacted"),
        ({"max_message_bytes": "100000"}, "raise its max.message.bytes to 984064"),
    ],
)
async def test_an_unfit_topic_is_refused_until_it_is_mended(
    log: Log, configs: dict[str, str], in_words: str
) -> None:
    """A topic that would lose spans takes none, and the refusal says what to do about it."""
    await log.create()
    await log.configure(**configs)
    producer, consumer = await log.open_producer(), await log.open_consumer()
    with pytest.raises(BufferUnavailable, match=in_words):
        await producer.append(Record(value=b"x"))
    with pytest.raises(BufferUnavailable, match=in_words):
        await producer.check()
    with pytest.raises(BufferUnavailable, match=in_words):
        await consumer.consume(value_bytes_max=1, wait_seconds_max=1)

    await log.configure(cleanup_policy="delete", max_message_bytes=1_048_588)
    assert values(await consume(consumer, len(await append(producer, 1)))) == [b"000000"]


async def test_a_missing_topic_is_waited_for_unless_it_may_be_created(log: Log) -> None:
    """Nothing is created without leave; with it, as the settings say."""
    producer = await log.open_producer()
    with pytest.raises(BufferUnavailable, match=r"does not exist.*buffer.kafka.topics.create"):
        await producer.append(Record(value=b"x"))
    consumer = await log.open_consumer(topics=KafkaTopicsConfig(create=True, partitions=5))
    await append(producer, 1)
    assert len(await consume(consumer, 1)) == 1
    description = await consumer._topic.describe()
    assert description.leaders.keys() == set(range(5))


async def test_a_topic_that_is_created_goes_by_the_clock_of_the_brokers(log: Log) -> None:
    """With a receiver's clock, retention takes what is not consumed, or brokers refuse it."""
    await append(await log.open_producer(topics=KafkaTopicsConfig(create=True, partitions=1)), 1)
    reader = AIOKafkaConsumer(
        log.topic, bootstrap_servers=log.cluster.bootstrap_servers, auto_offset_reset="earliest"
    )
    await reader.start()
    try:
        record = await asyncio.wait_for(reader.getone(), 10)
    finally:
        await reader.stop()
    assert record.timestamp_type == LOG_APPEND_TIME


async def test_a_refusal_for_good_does_not_spoil_what_comes_after(log: Log) -> None:
    """Aiokafka's producer is no good after it; another one takes its place."""
    await log.create()
    producer = await log.open_producer()
    await append(producer, 1)
    await log.configure(max_message_bytes=10_000)
    with pytest.raises(BufferUnavailable):
        await producer.append(Record(value=secrets.token_bytes(20_000)))
    await log.configure(max_message_bytes=1_048_588)
    await append(producer, 3, start=1)
    consumer = await log.open_consumer()
    assert values(await consume(consumer, 4)) == [b"%06d" % number for number in range(4)]


async def test_small_records_go_together(log: Log) -> None:
    """What many requests bring at once goes to one partition, not a bit of it to each."""
    await log.create(partitions=8)
    producer, consumer = await log.open_producer(), await log.open_consumer()
    await append(producer, 1)
    async with asyncio.TaskGroup() as tasks:
        for number in range(200):
            tasks.create_task(producer.append(Record(value=b"%d" % number * 100)))
    records = await consume(consumer, 201)
    assert len({consumed.partition for consumed in records}) == 1

    large = [Record(value=secrets.token_bytes(300_000)) for _ in range(40)]
    for record in large:
        await producer.append(record)
    records = await consume(consumer, 40)
    assert len({consumed.partition for consumed in records}) > 3


async def test_a_rebalance_waits_for_what_is_in_hand(log: Log) -> None:
    """Nothing is done twice where the worker that gives partitions away is quick enough."""
    await log.create(partitions=4)
    producer, first = await log.open_producer(), await log.open_consumer()
    appended = await append(producer, 40)
    in_hand = await consume(first, 40)
    second = await log.open_consumer()
    await asyncio.sleep(1.0)  # it is joining, and the first one has not committed
    assert await first.consume(value_bytes_max=10**6, wait_seconds_max=0.1) == []
    await first.commit(next_offsets(in_hand))

    more = await append(producer, 40, start=40)
    async with asyncio.TaskGroup() as tasks:
        ones = [tasks.create_task(_consume_for(consumer, 4.0)) for consumer in (first, second)]
    found = [value for task in ones for value in values(task.result())]
    assert sorted(found) == more
    assert sorted(values(in_hand)) == appended


async def test_a_rebalance_in_the_middle_of_a_question_leaves_no_partition_behind(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked before partitions are taken away says nothing about those given afterwards."""
    await log.create(partitions=4)
    asking, busy = await log.open_consumer(), await log.open_consumer()
    await asyncio.gather(_consume_for(asking, 3.0), _consume_for(busy, 3.0))
    await append_to_each_partition(log, 4)
    in_hand = await consume(busy, 1)  # the rebalance waits for it
    describe = asking._topic.describe

    async def describe_slowly() -> Description:
        await asyncio.sleep(1.5)
        return await describe()

    monkeypatch.setattr(asking._topic, "describe", describe_slowly)
    reading = [asyncio.create_task(_consume_for(asking, 12.0))]
    await asyncio.sleep(1.0)
    joining = await log.open_consumer()
    reading.append(asyncio.create_task(_consume_for(joining, 11.0)))
    await asyncio.sleep(4.0)
    await busy.commit(next_offsets(in_hand))
    reading.append(asyncio.create_task(_consume_for(busy, 7.0)))
    await asyncio.sleep(2.0)
    await append_to_each_partition(log, 4)
    await asyncio.gather(*reading)
    assert (await (await log.open_producer()).backlog()).records == 0


async def test_trouble_in_the_group_is_told_and_passes(log: Log) -> None:
    """Aiokafka keeps such errors until somebody asks, and does nothing until then."""
    await log.create()
    producer = await log.open_producer()
    await append(producer, 1)
    stranger = AIOKafkaConsumer(
        log.topic,
        bootstrap_servers=log.cluster.bootstrap_servers,
        group_id=log.config.group,
        enable_auto_commit=False,
        partition_assignment_strategy=[RangePartitionAssignor],
    )
    await stranger.start()
    try:
        consumer = await log.open_consumer()
        with pytest.raises(BufferUnavailable, match="InconsistentGroupProtocol"):
            await _consume_for(consumer, 10.0)
    finally:
        await stranger.stop()
    assert values(await consume(consumer, 1)) == [b"000000"]


async def test_a_commit_that_comes_late_changes_nothing(log: Log) -> None:
    """A worker that lost its partitions while it was busy does not move the group's offsets."""
    await log.create()
    producer = await log.open_producer()
    appended = await append(producer, 30)
    busy = await log.open_consumer(session_seconds=1.5)
    in_hand = await consume(busy, 30)
    # As if it had been stopped: it takes no part in the group, and knows nothing of that.
    coordinator = (await busy._kept.get(seconds_max=1))._coordinator
    coordinator._heartbeat_task.cancel()
    other = await log.open_consumer(session_seconds=1.5)
    again = await consume(other, 30)
    assert values(again) == values(in_hand) == appended
    await other.commit(next_offsets(again))
    await busy.commit(next_offsets(in_hand[:10]))
    assert (await producer.backlog()).records == 0


async def test_a_worker_with_a_name_gets_its_partitions_back_at_once(log: Log) -> None:
    """It is not waited for, and the others keep theirs."""
    await log.create(partitions=4)
    producer = await log.open_producer()
    named = await log.open_consumer(instance_id="worker-1", session_seconds=30.0)
    await append(producer, 10)
    records = await consume(named, 10)
    await named.commit(next_offsets(records[:4]))
    await named.close()
    again = await log.open_consumer(instance_id="worker-1", session_seconds=30.0)
    assert values(await consume(again, 6, seconds_max=5)) == values(records[4:])


async def test_the_group_can_be_asked_about_while_it_rebalances(log: Log) -> None:
    """Its members have no assignment then, not even an empty one: that stopped a worker."""
    await log.create(partitions=4)
    topic = Topic(log.config)
    busy = await log.open_consumer(session_seconds=30.0)
    producer = await log.open_producer()
    await append(producer, 10)
    await consume(busy, 10)  # and holds the rebalance up until it has committed
    assert await topic.is_shared_out()
    joining = AIOKafkaConsumer(
        log.topic, bootstrap_servers=log.cluster.bootstrap_servers, group_id=log.config.group
    )
    started = asyncio.create_task(joining.start())
    try:
        for _ in range(50):
            assert await topic.is_shared_out()
            await asyncio.sleep(0.02)
    finally:
        await busy.close()
        await started
        await joining.stop()
        await topic.close()


async def _consume_for(consumer: KafkaConsumer, seconds: float) -> list[ConsumedRecord]:
    """Consume and commit for a while."""
    records: list[ConsumedRecord] = []
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        some = await consumer.consume(value_bytes_max=10**6, wait_seconds_max=0.2)
        await consumer.commit(next_offsets(some))
        records += some
    return records


async def append_to_each_partition(log: Log, partitions: int) -> None:
    """Append a record to each, where ours would fill one after the other."""
    producer = AIOKafkaProducer(bootstrap_servers=log.cluster.bootstrap_servers)
    await producer.start()
    try:
        for partition in range(partitions):
            await producer.send_and_wait(log.topic, b"x", partition=partition)
    finally:
        await producer.stop()


async def commit_by_hand(log: Log, offset: int, *, metadata: str) -> None:
    """Set the group's offset in partition 0, as tools for operators do."""
    place = TopicPartition(log.topic, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=log.cluster.bootstrap_servers,
        group_id=log.config.group,
        enable_auto_commit=False,
    )
    consumer.assign([place])
    await consumer.start()
    try:
        await consumer.commit({place: OffsetAndMetadata(offset, metadata)})
    finally:
        await consumer.stop()


async def cut_off(log: Log, offset: int) -> None:
    """Remove the records of partition 0 before an offset, as retention does in time."""
    async with administration(log) as admin:
        await admin.delete_records({TopicPartition(log.topic, 0): RecordsToDelete(offset)})


@asynccontextmanager
async def administration(log: Log) -> AsyncIterator[AIOKafkaAdminClient]:
    """Do what operators do."""
    admin = AIOKafkaAdminClient(bootstrap_servers=log.cluster.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()

"""A topic as an operator sees it: whether it is there and fit, who it is, and what it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError, NotLeaderForPartitionError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.offset import OffsetRequest
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from buffer.kafka.connection import (
    ANSWER_SECONDS_MAX,
    RECORD_BYTES_RESERVED,
    Kept,
    opened,
    options,
    translated,
)
from buffer.kafka.metadata import TopicMetadataRequest
from buffer.port import Offset, Partition
from runtime.config import KafkaBufferConfig
from runtime.errors import BufferUnavailable

EARLIEST, LATEST = -2, -1

_NOTHING_COMMITTED = -1
_STABLE = "Stable"
_NO_LEADER = -1
_UNKNOWN_TOPIC = 3
_ALREADY_EXISTS = 36
_RETRY_SECONDS = 0.1

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A topic at a moment. `id` is another one once it was deleted and created again."""

    id: str
    partitions: frozenset[Partition]
    leaders: Mapping[Partition, int]  # of the partitions that have one
    replicas: Sequence[tuple[Sequence[int], Sequence[int]]]  # of each, those in sync and all


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What the group committed for a partition: the next offset, and the id of the topic."""

    offset: Offset
    topic_id: str

    def counts_for(self, topic_id: str) -> bool:
        """Whether it was for the topic of that id. No id: somebody set the offset by hand."""
        return self.topic_id in {topic_id, ""}


class Topic:
    """Asks and, if allowed, creates. Every question is answered or given up in bounded time."""

    def __init__(self, config: KafkaBufferConfig) -> None:
        self.name = config.topic
        self._config = config
        self._options = options(config)
        self._kept = Kept("admin", open_=self._open, close=AIOKafkaAdminClient.close)

    async def prepare(self) -> int:
        """
        Return the largest message that the topic takes (bytes), once it is there and fit for spans.

        Raises:
            BufferUnavailable: it is not; the message says what to do.
        """
        try:
            await self.describe()
        except UnknownTopic:
            if not self._config.topics.create:
                raise
            await self._create()
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(UnknownTopic),  # some broker has not heard of it yet
                stop=stop_after_delay(ANSWER_SECONDS_MAX / 2),
                wait=wait_fixed(_RETRY_SECONDS),
                reraise=True,
            ):
                with attempt:
                    await self.describe()
        settings = await self._settings()
        # No settings: we may not read them. What does not fit will be refused by the broker.
        if "compact" in settings.get("cleanup.policy", ""):
            raise BufferUnavailable(
                f"The topic {self.name} is compacted, and would lose spans: set its cleanup.policy"
                " to delete"
            )
        needed = self._config.max_message_bytes + RECORD_BYTES_RESERVED
        message_bytes_max = int(settings.get("max.message.bytes", needed))
        if message_bytes_max < needed:
            raise BufferUnavailable(
                f"The topic {self.name} takes messages of {message_bytes_max} bytes at most: raise"
                f" its max.message.bytes to {needed}, or lower buffer.kafka.max_message_bytes"
            )
        return message_bytes_max

    async def describe(self) -> Description:
        """
        Return what the brokers know of the topic now.

        Raises:
            UnknownTopic: there is none of that name.
            BufferUnavailable: no broker answers.
        """
        try:
            response = await self._ask(partial(_send, None, TopicMetadataRequest(self.name)))
        except NotImplementedError as error:
            servers = ", ".join(self._config.bootstrap_servers)
            raise BufferUnavailable(f"Kafka at {servers} is older than 3.0.") from error
        [(error_code, _, topic_id, _, partitions, *_)] = response.topics
        if error_code == _UNKNOWN_TOPIC:
            raise UnknownTopic(
                f"The topic {self.name} does not exist: create it, or let it be created with"
                " buffer.kafka.topics.create"
            )
        with translated(self._config):
            _raise_for(error_code)
        return Description(
            id=topic_id.hex(),
            partitions=frozenset(partition for _, partition, *_ in partitions),
            leaders={
                partition: leader for _, partition, leader, *_ in partitions if leader != _NO_LEADER
            },
            replicas=[(in_sync, replicas) for _, _, _, _, replicas, in_sync, *_ in partitions],
        )

    async def check(self) -> None:
        """
        Return if a record could be appended now.

        Raises:
            BufferUnavailable: it could not, and why.
        """
        description = await self.describe()
        if without := sorted(description.partitions - description.leaders.keys()):
            raise BufferUnavailable(
                f"The topic {self.name} has no leader for the partitions {without}: is a broker"
                " away?"
            )
        needed = int((await self._settings()).get("min.insync.replicas", 1))
        if any(len(in_sync) < min(needed, len(all_)) for in_sync, all_ in description.replicas):
            raise BufferUnavailable(
                f"The topic {self.name} needs {needed} replicas in sync (min.insync.replicas), and"
                " some partition has fewer: is a broker away?"
            )

    async def offsets(self, partitions: Iterable[Partition], at: int) -> dict[Partition, Offset]:
        """
        Return where the partitions begin (EARLIEST), or where the next record goes (LATEST); those
        without a leader are left out.

        Raises:
            BufferUnavailable: some leader does not answer, or is none any more.
        """
        leaders = (await self.describe()).leaders
        by_leader: dict[int, list[tuple[Partition, int]]] = {}
        for partition in partitions:
            if partition in leaders:
                by_leader.setdefault(leaders[partition], []).append((partition, at))
        found: dict[Partition, Offset] = {}
        for leader, asked in by_leader.items():
            found |= await self._ask(partial(_list_offsets, leader, [(self.name, asked)]))
        return found

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, Committed]:
        """
        Return what the group committed, where it did.

        Raises:
            BufferUnavailable: the group's coordinator does not answer.
        """
        asked = [(self.name, list(partitions))]
        return await self._ask(partial(_list_committed, self._config.group, asked))

    async def is_shared_out(self) -> bool:
        """
        Return whether the members of the group have all partitions among them, or are about to.

        Raises:
            BufferUnavailable: the group's coordinator does not answer.
        """
        partitions = (await self.describe()).partitions
        [response] = await self._ask(
            lambda admin: admin.describe_consumer_groups([self._config.group])
        )
        [(error_code, _, state, _, _, members, *_)] = response.groups
        with translated(self._config):
            _raise_for(error_code)
        if state != _STABLE:  # members have no assignment then, not even an empty one
            return True
        given = {
            place.partition
            for *_, assignment in members
            if assignment
            for place in ConsumerProtocol.ASSIGNMENT.decode(assignment).partitions()
            if place.topic == self.name
        }
        return given >= partitions

    async def close(self) -> None:
        """Let go of the connections. May be called twice."""
        await self._kept.close()

    async def _create(self) -> None:
        wanted = self._config.topics
        admin = await self._kept.get(seconds_max=ANSWER_SECONDS_MAX)
        brokers = len((await self._ask(lambda admin: admin.describe_cluster()))["brokers"])
        replication = wanted.replication or min(3, brokers)
        topic = NewTopic(
            name=self.name,
            num_partitions=wanted.partitions,
            replication_factor=replication,
            topic_configs={
                "cleanup.policy": "delete",
                # A receiver's clock may be wrong: brokers would refuse what is of the future, and
                # retention would remove at once what is of long ago.
                "message.timestamp.type": "LogAppendTime",
                "min.insync.replicas": str(wanted.min_insync_replicas or max(1, replication - 1)),
            },
        )
        with translated(self._config):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                response = await admin.create_topics([topic])
        [(_, error_code, *message)] = response.topic_errors
        if error_code not in {0, _ALREADY_EXISTS}:
            raise BufferUnavailable(
                f"The topic {self.name} cannot be created: {message[0] or for_code(error_code)}"
            )

    async def _settings(self) -> dict[str, str]:
        """Return the settings of the topic that concern us; none where we may not read them."""
        names = ["cleanup.policy", "max.message.bytes", "min.insync.replicas"]
        asked = ConfigResource(ConfigResourceType.TOPIC, self.name, dict.fromkeys(names))
        [response] = await self._ask(lambda admin: admin.describe_configs([asked]))
        return {
            name: value
            for error_code, *_, entries in response.resources
            if error_code == 0
            for name, value, *_ in entries
        }

    async def _ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
        """Ask until there is an answer: brokers that are away are asked as well as others."""
        admin = await self._kept.get(seconds_max=ANSWER_SECONDS_MAX / 2)
        try:
            with translated(self._config):
                async with asyncio.timeout(ANSWER_SECONDS_MAX / 2):
                    async for attempt in AsyncRetrying(
                        retry=retry_if_exception(_may_pass), wait=wait_fixed(_RETRY_SECONDS)
                    ):
                        with attempt:
                            return await question(admin)
        except BufferUnavailable as error:
            # It may know brokers that are all gone: start again from the addresses in the settings.
            self._kept.give_up(admin, why=str(error))
            raise
        raise AssertionError("unreachable: the retry never gives up")

    async def _open(self) -> AIOKafkaAdminClient:
        admin = AIOKafkaAdminClient(**self._options)
        return await opened(
            admin, start=admin.start, close=AIOKafkaAdminClient.close, config=self._config
        )


class UnknownTopic(BufferUnavailable):
    """There is no topic of that name."""


def _may_pass(error: BaseException) -> bool:
    # Who does not lead any more will not do so soon: the topic has to be described again.
    may_pass = isinstance(error, KafkaError) and error.retriable
    return may_pass and not isinstance(error, NotLeaderForPartitionError)


def _raise_for(error_code: int) -> None:
    if error_code:
        raise for_code(error_code)


async def _send(node: int | None, request: object, admin: AIOKafkaAdminClient) -> Any:
    # The one way to send what its methods do not know.
    return await admin._send_request(request, node)  # noqa: SLF001


async def _list_offsets(
    leader: int, asked: list[tuple[str, list[tuple[Partition, int]]]], admin: AIOKafkaAdminClient
) -> dict[Partition, Offset]:
    response = await _send(leader, OffsetRequest(-1, 0, asked), admin)
    [(_, partitions)] = response.topics
    found = {}
    for partition, error_code, _, offset, *_ in partitions:
        _raise_for(error_code)
        found[partition] = offset
    return found


async def _list_committed(
    group: str, asked: list[tuple[str, list[Partition]]], admin: AIOKafkaAdminClient
) -> dict[Partition, Committed]:
    coordinator = await admin.find_coordinator(group)
    response = await _send(coordinator, OffsetFetchRequest(group, asked), admin)
    # A broker that does not coordinate the group, or not yet, says so here and names no partition.
    # aiokafka's own method does not look: all would be read anew, as if nothing were committed.
    _raise_for(response.error_code)
    found = {}
    for _, partitions in response.topics:
        for partition, offset, topic_id, error_code in partitions:
            _raise_for(error_code)
            if offset != _NOTHING_COMMITTED:
                found[partition] = Committed(offset=offset, topic_id=topic_id)
    return found

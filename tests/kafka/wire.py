"""What one certain broker says of its cluster, asked on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

ANSWER_SECONDS_MAX = 5.0
NO_LEADER = -1
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Partition:
    """Who has a partition: ids of nodes, or NO_LEADER."""

    leader: int
    replicas: frozenset[int]
    in_sync: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The brokers that serve, and the partitions of the topics that there are."""

    brokers: frozenset[int] = frozenset()
    topics: Mapping[str, Mapping[int, Partition]] = field(default_factory=dict)

    def leader_of(self, topic: str, partition: int) -> int:
        """Return the node that leads a partition, NO_LEADER where none does."""
        found = self.topics.get(topic, {}).get(partition)
        return NO_LEADER if found is None else found.leader

    def is_in_sync(self, topic: str) -> bool:
        """Return whether a topic is there, and every replica of it is in sync and led."""
        partitions = self.topics.get(topic, {}).values()
        return bool(partitions) and all(
            partition.leader in partition.in_sync == partition.replicas for partition in partitions
        )


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in a thread: the caller may have an event loop of its own."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def metadata(port: int) -> Metadata:
    """Return what the broker at a port knows: nothing when it does not answer."""
    try:
        answer = run(_ask(port))
    except (KafkaError, OSError, TimeoutError):
        return Metadata()
    return Metadata(
        brokers=frozenset(broker["node_id"] for broker in answer["brokers"]),
        topics={
            topic["topic"]: {
                partition["partition"]: Partition(
                    leader=partition["leader"],
                    replicas=frozenset(partition["replicas"]),
                    in_sync=frozenset(partition["isr"]),
                )
                for partition in topic["partitions"]
            }
            for topic in answer["topics"]
        },
    )


async def _ask(port: int) -> Mapping[str, Any]:
    timeout_ms = int(ANSWER_SECONDS_MAX * 1000)
    connection = await create_conn("127.0.0.1", port, request_timeout_ms=timeout_ms)
    try:
        answer = await connection.send(MetadataRequest(None))
        described: Mapping[str, Any] = answer.to_object()
        return described
    finally:
        await connection.close()

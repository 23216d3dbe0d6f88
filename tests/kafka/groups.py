"""How far a consumer group is, as an operator would ask."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.kafka.cluster import Cluster
from tests.kafka.wire import run


def lag(cluster: Cluster, *, group: str, topic: str) -> int:
    """Return how many records of a topic a group has not committed."""

    async def ask() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
        consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap_servers)
        try:
            await admin.start()
            await consumer.start()
            known = await admin.describe_topics([topic])
            places = [TopicPartition(topic, p["partition"]) for p in known[0]["partitions"]]
            ends = await consumer.end_offsets(places)
            begins = await consumer.beginning_offsets(places)
            committed = await admin.list_consumer_group_offsets(group, partitions=places)
        finally:
            await consumer.stop()
            await admin.close()
        return sum(
            ends[place] - max(begins[place], committed[place].offset if place in committed else 0)
            for place in places
        )

    return run(ask())

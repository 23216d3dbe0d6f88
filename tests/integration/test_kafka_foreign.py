"""Records that no client of ours could write, nor read."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from buffer.kafka import KafkaConsumer
from buffer.port import ConsumedRecord
from runtime.config import KafkaBufferConfig
from runtime.errors import BufferUnavailable
from tests.kafka.cluster import Cluster
from tests.kafka.topics import create_topic

# Writes records of which the second has a header with a name that is no text.
WRITER = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class Name(str):
    def encode(self, *_):
        return b"\\xff\\xfe"

async def write():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        for name in ("name", Name("name"), "name"):
            await producer.send_and_wait(sys.argv[2], b"x", headers=[(name, b"")])

asyncio.run(write())
"""


async def test_a_header_whose_name_is_no_text_ends_no_worker(
    kafka: Cluster, topic_name: str
) -> None:
    """Aiokafka cannot read past it. That is told, until somebody has deleted it."""
    await asyncio.to_thread(create_topic, kafka, topic_name)
    # Its compiled part asks for text.
    environment = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
    command = [sys.executable, "-c", WRITER, kafka.bootstrap_servers, topic_name]
    await asyncio.to_thread(subprocess.run, command, env=environment, check=True)
    servers = kafka.bootstrap_servers
    consumer = await KafkaConsumer.open(
        KafkaBufferConfig(bootstrap_servers=(servers,), topic=topic_name, group=topic_name)
    )
    try:
        with pytest.raises(BufferUnavailable, match="UnicodeDecodeError"):
            await asyncio.wait_for(_consume_for_ever(consumer), 30)
        await _delete_before(servers, TopicPartition(topic_name, 0), offset=2)
        async with asyncio.timeout(30):
            while not (records := await _consume(consumer)):
                pass
        assert [consumed.offset for consumed in records] == [2]
    finally:
        await consumer.close()


async def _consume_for_ever(consumer: KafkaConsumer) -> None:
    while True:
        await consumer.consume(value_bytes_max=1, wait_seconds_max=0.2)


async def _consume(consumer: KafkaConsumer) -> list[ConsumedRecord]:
    """Consume what there is, whatever Kafka says."""
    try:
        return list(await consumer.consume(value_bytes_max=10, wait_seconds_max=0.2))
    except BufferUnavailable:
        await asyncio.sleep(0.1)
        return []


async def _delete_before(servers: str, place: TopicPartition, *, offset: int) -> None:
    """Delete records as an operator would."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()

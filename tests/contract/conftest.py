"""The logs that the contract is held against. Another adapter joins by a line in `LOGS`."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.kafka import KafkaConsumer, KafkaProducer
from runtime.config import KafkaBufferConfig, KafkaTopicsConfig


class EmbeddedLog:
    """A log that a test has for itself. Whatever it opens is closed at its end."""

    def __init__(self, request: pytest.FixtureRequest, opened: AsyncExitStack) -> None:
        folder: Path = request.getfixturevalue("tmp_path")
        self._path = folder / "log.db"
        self._opened = opened

    async def open_producer(self) -> EmbeddedProducer:
        """Open one more writing end."""
        producer = await EmbeddedProducer.open(self._path, log_bytes_max=10**9)
        self._opened.push_async_callback(producer.close)
        return producer

    async def open_consumer(self) -> EmbeddedConsumer:
        """Open the reading end, where the last one committed."""
        consumer = await EmbeddedConsumer.open(self._path)
        self._opened.push_async_callback(consumer.close)
        return consumer


class KafkaLog:
    """A topic that a test has for itself, on a real broker. Whatever it opens is closed."""

    def __init__(self, request: pytest.FixtureRequest, opened: AsyncExitStack) -> None:
        self._config = KafkaBufferConfig(
            bootstrap_servers=(request.getfixturevalue("kafka").bootstrap_servers,),
            topic=f"contract-{secrets.token_hex(6)}",
            group=f"contract-{secrets.token_hex(6)}",
            max_message_bytes=9 * 2**20,  # the contract is held with values of 8 MB
            topics=KafkaTopicsConfig(create=True, partitions=3),
        )
        self._opened = opened

    async def open_producer(self) -> KafkaProducer:
        """Open one more writing end."""
        producer = await KafkaProducer.open(self._config)
        self._opened.push_async_callback(producer.close)
        return producer

    async def open_consumer(self) -> KafkaConsumer:
        """Open the reading end, where the last one committed."""
        consumer = await KafkaConsumer.open(self._config)
        self._opened.push_async_callback(consumer.close)
        return consumer


LOGS: dict[str, type[EmbeddedLog | KafkaLog]] = {"embedded": EmbeddedLog, "kafka": KafkaLog}


@pytest.fixture(params=LOGS)
async def log(request: pytest.FixtureRequest) -> AsyncIterator[EmbeddedLog | KafkaLog]:
    """Give an empty log of each kind."""
    async with AsyncExitStack() as opened:
        yield LOGS[request.param](request, opened)

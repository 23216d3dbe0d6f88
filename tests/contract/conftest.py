"""The logs that the contract is held against. Another adapter joins by a line in `LOGS`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from buffer.embedded import EmbeddedConsumer, EmbeddedProducer


class EmbeddedLog:
    """A log that a test has for itself. Whatever it opens is closed at its end."""

    def __init__(self, folder: Path, opened: AsyncExitStack) -> None:
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


LOGS = {"embedded": EmbeddedLog}


@pytest.fixture(params=LOGS)
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    """Give an empty log of each kind."""
    async with AsyncExitStack() as opened:
        yield LOGS[request.param](tmp_path, opened)

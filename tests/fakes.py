"""Stand-ins for what lies behind a port, for tests of one side of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from buffer.port import Backlog, Producer, Record
from ingest.service import IngestService, serve
from runtime.config import Config
from runtime.errors import BufferFull, BufferUnavailable
from runtime.signals import SignalName


class RecordingProducer:
    """A producer that remembers its records, unless it is told to fail or to dawdle."""

    def __init__(self, *, value_bytes_max: int = 512 * 1024 * 1024) -> None:
        self.value_bytes_max = value_bytes_max
        self.records: list[Record] = []
        self.mode: Literal["ok", "full", "failing", "slow", "broken"] = "ok"
        self.waiting = 0  # appends that a slow producer has not confirmed yet
        self.proceed = asyncio.Event()  # set: a slow producer confirms

    async def append(self, record: Record) -> None:
        """Remember the record, or do what the mode says."""
        if self.mode == "full":
            raise BufferFull("the log holds as much as it may")
        if self.mode == "failing":
            raise BufferUnavailable("the log is away")
        if self.mode == "broken":
            raise LookupError("a secret of the implementation")
        if self.mode == "slow":
            self.waiting += 1
            try:
                await self.proceed.wait()
            finally:
                self.waiting -= 1
        self.records.append(record)

    async def check(self) -> None:
        """Take records unless the mode says otherwise."""
        if self.mode == "full":
            raise BufferFull("the log holds as much as it may")
        if self.mode == "failing":
            raise BufferUnavailable("the log is away")

    async def backlog(self) -> Backlog:
        """Return what was appended: nobody consumes here."""
        value_bytes = sum(len(record.value) for record in self.records)
        return Backlog(records=len(self.records), value_bytes=value_bytes, oldest_seconds=0.0)

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def running_ingest(
    producer: Producer,
    *,
    rejected: Producer | None = None,
    keys_file: Path = Path(os.devnull),
    **settings: object,
) -> AsyncIterator[IngestService]:
    """Run a real ingest on free ports, with these settings of its section, without project keys."""
    rejected = rejected or RecordingProducer()
    free: dict[str, object] = {"endpoint": "127.0.0.1:0"}
    config = Config.model_validate(
        {"ingest": {"grpc": free, "http": free, **settings}, "keys": {"file": keys_file}}
    )
    producers: dict[SignalName, Producer] = {"traces": producer, "logs": producer}
    async with serve(config, producers, rejected=rejected) as service:
        yield service

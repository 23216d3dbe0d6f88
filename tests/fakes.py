"""Stand-ins for what lies behind a port, for tests of one side of it."""

from __future__ import annotations

import asyncio
from typing import Literal

from buffer.port import Record
from runtime.errors import BufferFull, BufferUnavailable


class RecordingProducer:
    """A producer that remembers its records, unless it is told to fail or to dawdle."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.mode: Literal["ok", "full", "failing", "slow"] = "ok"
        self.waiting = 0  # appends that a slow producer has not confirmed yet
        self.proceed = asyncio.Event()  # set: a slow producer confirms

    async def append(self, record: Record) -> None:
        """Remember the record, or do what the mode says."""
        if self.mode == "full":
            raise BufferFull("the log holds as much as it may")
        if self.mode == "failing":
            raise BufferUnavailable("the log is away")
        if self.mode == "slow":
            self.waiting += 1
            try:
                await self.proceed.wait()
            finally:
                self.waiting -= 1
        self.records.append(record)

    async def close(self) -> None:
        """Nothing is open."""

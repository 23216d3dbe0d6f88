"""How many queries run at a time, and how many may wait for their turn, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime.errors import StoreRefused

TOO_MANY_SIMULTANEOUS_QUERIES = 202


class Turns:
    """Admission in the order of arrival; beyond its bounds a query is refused, to be sent again."""

    def __init__(self, *, running_max: int, waiting_max: int, wait_seconds_max: float) -> None:
        self._free = asyncio.Semaphore(running_max)
        self._waiting_max = waiting_max
        self._wait_seconds_max = wait_seconds_max
        self._waiting = 0
        self.running = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        await self._wait()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._free.release()

    async def _wait(self) -> None:
        busy = StoreRefused(
            "Too many simultaneous queries: send it again later. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            code=TOO_MANY_SIMULTANEOUS_QUERIES,
        )
        if self._free.locked() and self._waiting >= self._waiting_max:
            raise busy
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds_max):
                await self._free.acquire()
        except TimeoutError:
            raise busy from None
        finally:
            self._waiting -= 1

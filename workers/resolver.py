"""
The resolving: from the spans that a batch touched, which session each trace belongs to, and the
figures of traces and sessions, always recomputed and never added to.

Any number of workers may resolve the same traces at once. Each takes the time, reads, and writes
rows with that time as their version: the row with the highest version was therefore computed from
all spans whose workers had stored them by then, and every worker resolves after it has stored.
"""

from __future__ import annotations

from schemas.statements import RESOLVE_RETIRE, RESOLVE_SESSIONS, RESOLVE_TRACES
from store.client import Store


class Resolver:
    """Makes sessions exact after each batch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def resolve(self, batch: str) -> None:
        """
        Bring every trace and session that the inserts of `batch` touched up to date.

        Raises:
            RetryableError, StoreRefused: it is safe to start over.
        """
        await self._store.execute(RESOLVE_RETIRE, {"batch": batch})
        for statement in (RESOLVE_TRACES, RESOLVE_SESSIONS):
            parameters = {"batch": batch, "version": await self._now()}
            await self._store.execute(statement, parameters)

    async def _now(self) -> str:
        # In a query of its own: within the INSERT … SELECT the engine may take its snapshot of the
        # spans before it looks at the clock. As text: Python's datetime has no nanoseconds.
        [[now]] = await self._store.query("SELECT toString(now64(9, 'UTC'))")
        return str(now)

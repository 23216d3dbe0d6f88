"""
From the spans that a batch touched: which session each trace belongs to, and the figures of traces
and sessions, always recomputed and never added to.

Anybody may resolve the same traces at the same time. Each takes the time, reads, and writes rows
with that time as their version: the row with the highest version was therefore computed from all
that had been stored by then, and everybody resolves after what they stored or erased.
"""

from __future__ import annotations

import secrets
import time

from schemas.statements import (
    REFIGURE_SESSION,
    RESOLVE_DUE,
    RESOLVE_PLACES,
    RESOLVE_RETIRE,
    RESOLVE_SESSIONS,
    RESOLVE_TRACES,
    RESOLVE_TRACES_DUE,
)
from store.client import Store

# How many traces a batch may have read for the figures of its sessions: about 0.1 s of a core. A
# session of 100,000 traces is not recomputed for each batch that adds one to it.
TRACES_MAX = 50_000
# How many spans of large traces a batch may have read: as much. A trace of 10,000 spans is not
# recomputed for each batch that adds one to it.
SPANS_MAX = 5_000
_HOURS = "SELECT max(HourCount) FROM batch_places WHERE Batch = {batch:String}"
# What must be exact at once is all read, however large it is.
ALL = 2**62


def new_batch() -> str:
    """Return the id of a new batch. Ids grow with time: looking one up touches the newest rows."""
    return f"{time.time_ns():016x}-{secrets.token_hex(4)}"


class Resolving:
    """Makes the sessions of one store exact. All methods raise RetryableError or StoreRefused."""

    def __init__(
        self, store: Store, *, traces_max: int = TRACES_MAX, spans_max: int = SPANS_MAX
    ) -> None:
        self._store = store
        self._traces_max = traces_max
        self._spans_max = spans_max

    async def resolve(self, batch: str) -> None:
        """
        Bring every trace in `batch_traces` of `batch` up to date, and its session, unless they are
        so large that they wait for a refresh. It is safe to start over.
        """
        # Before anything is read: see above.
        version = await self._now()
        await self._store.execute(RESOLVE_PLACES, {"batch": batch})
        [[hours]] = await self._store.query(_HOURS, {"batch": batch})
        if hours > 1:
            await self._store.execute(RESOLVE_RETIRE, {"batch": batch})
        if hours:
            due = {"batch": batch, "version": version, "spans_max": self._spans_max}
            await self._store.execute(RESOLVE_TRACES_DUE, due)
        await self._store.execute(RESOLVE_TRACES, {"batch": batch, "version": version})
        # From here on the traces can be read: figures with this version, or a later one, have them.
        version = await self._now()
        due = {"batch": batch, "version": version, "traces_max": self._traces_max}
        await self._store.execute(RESOLVE_DUE, due)
        await self._store.execute(RESOLVE_SESSIONS, {"batch": batch, "version": version})

    async def refigure(self, project: str, session_id: str) -> None:
        """Bring one session up to date, whose traces are."""
        session = {"project": project, "session_id": session_id, "version": await self._now()}
        await self._store.execute(REFIGURE_SESSION, session)

    async def _now(self) -> str:
        # In a query of its own: within the INSERT … SELECT the engine may take its snapshot of the
        # spans before it looks at the clock. As text: Python's datetime has no nanoseconds.
        [[now]] = await self._store.query("SELECT toString(now64(9, 'UTC'))")
        return str(now)

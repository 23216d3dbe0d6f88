"""
The resolving: from the spans that a batch touched, which session each trace belongs to, and the
figures of traces and sessions, always recomputed and never added to.

Any number of workers may resolve the same traces at once. Each takes the time, reads, and writes
rows with that time as their version: the row with the highest version was therefore computed from
all spans whose workers had stored them by then, and every worker resolves after it has stored.
"""

from __future__ import annotations

import time

from schemas.statements import (
    REFRESH_SESSIONS,
    RESOLVE_DUE,
    RESOLVE_RETIRE,
    RESOLVE_SESSIONS,
    RESOLVE_TRACES,
)
from store.client import Store

# How many traces a batch may have read for the figures of its sessions: about 0.1 s of a core. A
# session of 100,000 traces is not recomputed for each batch that adds one to it.
TRACES_MAX = 50_000
# Large sessions are refreshed together, for a tenth of the worker's time at the most …
_REFRESH_SHARE = 0.1
# … and now and then for the sake of workers that died before they came to it.
_REFRESH_SECONDS_MAX = 30.0
# A refresh looks back to the one before, and so much further for other clocks than the store's and
# for slow inserts. The first one of a worker looks back as far as sessions_due goes.
_OVERLAP_NS = 600 * 10**9
_KEPT_NS = 2 * 86_400 * 10**9


class Resolver:
    """Makes sessions exact after each batch, and large ones as soon as that is worth its cost."""

    def __init__(self, store: Store, *, traces_max: int = TRACES_MAX) -> None:
        self._store = store
        self._traces_max = traces_max
        self._refreshed_ns = time.time_ns() - _KEPT_NS
        self._something_changed = True
        self._refresh_from = 0.0  # not before, while batches come in
        self._refresh_until = 0.0  # not after, whatever happens

    async def resolve(self, batch: str) -> None:
        """
        Bring every trace that the inserts of `batch` touched up to date, and its sessions unless
        they are so large that they wait for refresh().

        Raises:
            RetryableError, StoreRefused: it is safe to start over.
        """
        await self._store.execute(RESOLVE_RETIRE, {"batch": batch})
        await self._store.execute(RESOLVE_TRACES, {"batch": batch, "version": await self._now()})
        # From here on the traces can be read: figures with this version, or a later one, have them.
        version = await self._now()
        due = {"batch": batch, "version": version, "traces_max": self._traces_max}
        await self._store.execute(RESOLVE_DUE, due)
        await self._store.execute(RESOLVE_SESSIONS, {"batch": batch, "version": version})
        self._something_changed = True

    async def refresh(self, *, idle: bool) -> None:
        """
        Bring the sessions up to date that resolving left out, if it is time, or nothing else to do.

        Raises:
            RetryableError, StoreRefused: it is safe to start over.
        """
        started, started_ns = time.monotonic(), time.time_ns()
        is_time = idle or started >= self._refresh_from
        if not (self._something_changed and is_time) and started < self._refresh_until:
            return
        since_ns = self._refreshed_ns - _OVERLAP_NS
        await self._store.execute(
            REFRESH_SESSIONS, {"since_ns": since_ns, "version": await self._now()}
        )
        ended = time.monotonic()
        self._refreshed_ns = started_ns
        self._refresh_from = ended + (ended - started) / _REFRESH_SHARE
        self._refresh_until = ended + _REFRESH_SECONDS_MAX
        self._something_changed = False

    async def _now(self) -> str:
        # In a query of its own: within the INSERT … SELECT the engine may take its snapshot of the
        # spans before it looks at the clock. As text: Python's datetime has no nanoseconds.
        [[now]] = await self._store.query("SELECT toString(now64(9, 'UTC'))")
        return str(now)

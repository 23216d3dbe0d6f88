"""Resolving as a worker does it: after each batch, and what is large when that is worth it."""

from __future__ import annotations

import time

from schemas.resolving import ALL, SPANS_MAX, TRACES_MAX, Resolving, new_batch
from schemas.statements import REFRESH_SESSIONS, TOUCH_DUE_TRACES
from store.client import Store

# Large traces and sessions are refreshed together, for a tenth of the worker's time at the most …
_REFRESH_SHARE = 0.1
# … and now and then for the sake of workers that died before they came to it.
_REFRESH_SECONDS_MAX = 30.0
# A refresh looks back to the one before, and so much further for other clocks than the store's and
# for slow inserts. The first one of a worker looks back as far as the due-lists go.
_OVERLAP_NS = 600 * 10**9
_KEPT_NS = 2 * 86_400 * 10**9


class Resolver(Resolving):
    """Makes sessions exact after each batch, and large ones as soon as that is worth its cost."""

    def __init__(
        self, store: Store, *, traces_max: int = TRACES_MAX, spans_max: int = SPANS_MAX
    ) -> None:
        super().__init__(store, traces_max=traces_max, spans_max=spans_max)
        self._refreshed_ns = time.time_ns() - _KEPT_NS
        self._something_changed = True
        self._refresh_from = 0.0  # not before, while batches come in
        self._refresh_until = 0.0  # not after, whatever happens

    async def resolve(self, batch: str) -> None:
        """Bring what a batch touched up to date, as any resolving does."""
        await super().resolve(batch)
        self._something_changed = True

    async def refresh(self, *, idle: bool) -> None:
        """
        Bring up to date what resolving left out, if it is time, or nothing else to do.

        Raises:
            RetryableError, StoreRefused: it is safe to start over.
        """
        started, started_ns = time.monotonic(), time.time_ns()
        is_time = idle or started >= self._refresh_from
        if not (self._something_changed and is_time) and started < self._refresh_until:
            return
        since_ns = self._refreshed_ns - _OVERLAP_NS
        await self._refresh_traces(since_ns)
        await self._store.execute(
            REFRESH_SESSIONS, {"since_ns": since_ns, "version": await self._now()}
        )
        ended = time.monotonic()
        self._refreshed_ns = started_ns
        self._refresh_from = ended + (ended - started) / _REFRESH_SHARE
        self._refresh_until = ended + _REFRESH_SECONDS_MAX
        self._something_changed = False

    async def _refresh_traces(self, since_ns: int) -> None:
        batch = new_batch()
        await self._store.execute(TOUCH_DUE_TRACES, {"batch": batch, "since_ns": since_ns})
        due = "SELECT 1 FROM batch_traces WHERE Batch = {batch:String} LIMIT 1"
        if await self._store.query(due, {"batch": batch}):
            whole = Resolving(self._store, traces_max=self._traces_max, spans_max=ALL)
            await whole.resolve(batch)

"""Resolving after a batch of log records: sessions change by those that say that one is over."""

from __future__ import annotations

from schemas.statements import END_SESSIONS, TOUCH_ENDED_SESSIONS
from workers.resolver import Resolver

_ANY = "SELECT 1 FROM otel_logs WHERE Batch = {batch:String} AND EventName = 'session.end' LIMIT 1"


class LogResolver(Resolver):
    """Brings the sessions up to date that a batch ended; most batches end none."""

    async def resolve(self, batch: str) -> None:
        """Bring the sessions up to date that a batch ended. It is safe to start over."""
        if await self._store.query(_ANY, {"batch": batch}):
            await self._store.execute(END_SESSIONS, {"batch": batch})
            await self._store.execute(TOUCH_ENDED_SESSIONS, {"batch": batch})
            await super().resolve(batch)

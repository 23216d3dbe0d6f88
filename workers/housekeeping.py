"""
Housekeeping: traces that are older than they may be are deleted, and tombstones that nobody needs
any more are swept away. Any number of workers may do the same at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

import structlog

from runtime.config import RetentionConfig
from runtime.errors import RetryableError, SchemaMismatch, StoreRefused
from schemas.erasing import Erasing
from store.client import Store

log = structlog.get_logger()

_PASS_SECONDS = 600.0
# What is deleted at a time, so that the store has its breath between.
TRACES_MAX = 10_000
_DAY_NS = 86_400 * 10**9


class Housekeeping:
    """Keeps one store as the settings want it."""

    def __init__(
        self, store: Store, config: RetentionConfig, *, traces_max: int = TRACES_MAX
    ) -> None:
        self._erasing = Erasing(store)
        self._config = config
        self._traces_max = traces_max

    async def run(self) -> None:
        """Do a pass now and then, until cancelled. What fails is done with the next one."""
        while True:
            try:
                await self.do_pass()
            except (RetryableError, StoreRefused, SchemaMismatch) as error:
                log.warning("housekeeping_failed", error=str(error))
            await asyncio.sleep(_PASS_SECONDS)

    async def do_pass(self) -> None:
        """
        Delete what is too old, and sweep.

        Raises:
            RetryableError, StoreRefused: it is safe to start over.
        """
        for days, projects, named in self._rules():
            before_ns = time.time_ns() - int(days * _DAY_NS)
            more = True
            while more:
                erased = await self._erasing.expire(
                    before_ns=before_ns,
                    projects=projects,
                    named=named,
                    traces_max=self._traces_max,
                )
                more = erased.traces > 0
                if erased.traces:
                    log.info("traces_expired", traces=erased.traces, spans=erased.spans)
        await self._erasing.sweep()

    def _rules(self) -> Iterator[tuple[float, Sequence[str], bool]]:
        """Yield after how many days traces go, and in which projects: those named, or others."""
        own = self._config.projects
        if self._config.days is not None:
            yield self._config.days, list(own), False
        for project, days in own.items():
            if days is not None:
                yield days, [project], True

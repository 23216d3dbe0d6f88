"""Whether the buffer would take what is received: asked seldom, however often others ask us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from buffer.port import Producer
from runtime.errors import PipelineError

# Load balancers ask often, and each of them.
CHECK_SECONDS_MIN = 1.0
_ANSWER_SECONDS_MAX = 3.0


class Readiness:
    """What an ingest waits for before it can do its work. One question at a time is under way."""

    def __init__(self, *producers: Producer) -> None:
        self._producers = producers
        self._check: asyncio.Task[Sequence[str]] | None = None
        self._answered_at = 0.0

    async def waits_for(self) -> Sequence[str]:
        """Return why the buffer takes nothing, in words; nothing when it does."""
        now = asyncio.get_running_loop().time()
        check = self._check
        if check is None or (check.done() and now - self._answered_at >= CHECK_SECONDS_MIN):
            check = self._check = asyncio.create_task(self._ask())
        # Not cancelled when it takes too long: asking again would not be answered sooner.
        answered, _ = await asyncio.wait({check}, timeout=_ANSWER_SECONDS_MAX)
        return check.result() if answered else ["buffer: no answer in time"]

    async def _ask(self) -> Sequence[str]:
        try:
            await asyncio.gather(*(producer.check() for producer in self._producers))
        except PipelineError as error:
            return [f"buffer: {error}"]
        finally:
            self._answered_at = asyncio.get_running_loop().time()
        return []

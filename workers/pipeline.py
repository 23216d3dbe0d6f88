"""
consume → insert → resolve → commit: what a worker does, again and again.

The promise: a record is committed only after its spans (or log records) are stored and their
sessions are exact. A crash anywhere repeats the work since the last commit, in whatever batches.
That is harmless, because every table is idempotent by construction (docs/delivery.md):
at-least-once delivery, each span counted exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    wait_exponential,
    wait_random,
)

from buffer.port import ConsumedRecord, Consumer, next_offsets
from runtime import events
from runtime.config import WorkerConfig
from runtime.errors import RetryableError, SchemaMismatch, StoreRefused
from schemas.erasing import Erasing
from schemas.otlp.signals import Signal
from schemas.otlp.traces import TRACES
from workers.batch import Batch
from workers.dead_letters import DeadLetters
from workers.inserter import Inserter
from workers.resolver import Resolver

T = TypeVar("T")

# Most of what the store does for a batch it does on one core.
_BATCHES_IN_HAND = 2
_MEASURED_EVERY_SECONDS = 5.0
# By then a step has been tried for two seconds or more.
_ATTEMPTS_UNTIL_STALLED = 5


class Pipeline:
    """What a worker does of one signal: a few batches in hand, committed in the order consumed."""

    def __init__(
        self,
        signal: Signal = TRACES,
        *,
        consumer: Consumer,
        inserter: Inserter,
        erasing: Erasing,
        resolver: Resolver,
        dead_letters: DeadLetters,
        config: WorkerConfig,
    ) -> None:
        self._signal = signal
        self._consumer = consumer
        self._inserter = inserter
        self._erasing = erasing
        self._resolver = resolver
        self._dead_letters = dead_letters
        self._config = config
        self._consuming = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        # Set once the batch that was consumed last is committed.
        self._latest = asyncio.Event()
        self._latest.set()
        self._refusals: dict[str, str] = {}  # by stage
        self._stalled: dict[str, str] = {}

    @property
    def refusals(self) -> Sequence[str]:
        """What the store refuses at present, and will until somebody mends it; with the stage."""
        return list(self._refusals.values())

    @property
    def stalled(self) -> Sequence[str]:
        """What has been tried in vain for a while, for another reason; with the stage."""
        return list(self._stalled.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the batches in hand are finished."""
        async with asyncio.TaskGroup() as tasks:
            measuring = tasks.create_task(self._measure_regularly())
            async with asyncio.TaskGroup() as lanes:
                for _ in range(_BATCHES_IN_HAND):
                    lanes.create_task(self._work(stop))
            measuring.cancel()

    async def _work(self, stop: asyncio.Event) -> None:
        while True:
            async with self._consuming:
                if stop.is_set():  # asked here, as the turn may have been long in coming
                    return
                records = await self._until_done("consume", self._consume)  # consume
                earlier, done = self._latest, asyncio.Event()
                self._latest = done
            if records:
                batch = await asyncio.to_thread(Batch.of, records, self._signal)
                await self._until_done("insert", self._inserter.insert, batch)  # insert
                await self._until_done("erase", self._erase, batch)
                await self._until_done("resolve", self._resolver.resolve, batch.id)  # resolve
                await self._until_done("dead_letter", self._dead_letters.keep, batch.unreadable)
                await earlier.wait()
                await self._until_done("commit", self._commit, batch)  # commit
                done.set()
                await self._measure_backlog()
            else:
                await earlier.wait()
                done.set()
            await self._until_done("refresh", self._refresh, not records)

    async def _refresh(self, idle: bool) -> None:  # noqa: FBT001 - an argument passed on
        if not self._refreshing.locked():
            async with self._refreshing:
                await self._resolver.refresh(idle=idle)

    async def _consume(self) -> Sequence[ConsumedRecord]:
        return await self._consumer.consume(
            value_bytes_max=self._config.batch_bytes_max,
            wait_seconds_max=self._config.batch_seconds_max,
        )

    async def _erase(self, batch: Batch) -> None:
        if batch.rows:
            received_ns = min(row.envelope.received_ns for row in batch.rows)
            await self._erasing.erase_deleted(batch.id, received_ns=received_ns)

    async def _commit(self, batch: Batch) -> None:
        await self._consumer.commit(next_offsets(batch.consumed))
        now_ns = time.time_ns()
        events.batch_committed(
            signal=self._signal.name,
            records=len(batch.consumed),
            items=batch.items,
            value_bytes=batch.value_bytes,
            seconds=time.monotonic() - batch.started,
            waited_seconds=[(now_ns - row.envelope.received_ns) / 1e9 for row in batch.rows],
        )

    async def _measure_regularly(self) -> None:
        """Measure what waits also while no batch is committed: that is when somebody must know."""
        while True:
            await self._measure_backlog()
            await asyncio.sleep(_MEASURED_EVERY_SECONDS)

    async def _measure_backlog(self) -> None:
        with suppress(RetryableError):  # it is measured again soon
            backlog = await self._consumer.backlog()
            events.backlog_measured(
                signal=self._signal.name,
                records=backlog.records,
                value_bytes=backlog.value_bytes,
                oldest_seconds=backlog.oldest_seconds,
            )

    async def _until_done(
        self, stage: str, attempt: Callable[..., Awaitable[T]], *arguments: Any
    ) -> T:
        """
        Repeat `attempt` until it is done, for as long as that takes: the log keeps what comes in
        meanwhile, and refuses more when it is full. What the store refuses for good is no fault of
        the records (those that are at fault are set aside), so that too waits, for somebody to mend
        the store.
        """

        def before_sleep(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = state.next_action.sleep if state.next_action else 0.0
            if isinstance(error, StoreRefused):
                self._refusals[stage] = f"{stage}: {error}"
            elif state.attempt_number >= _ATTEMPTS_UNTIL_STALLED:
                self._stalled[stage] = f"{stage}: {error}"
            events.stage_retried(stage=stage, error=str(error), wait_seconds=wait)

        retrying = AsyncRetrying(
            retry=retry_if_exception_type((RetryableError, StoreRefused, SchemaMismatch)),
            wait=wait_exponential(multiplier=0.1, max=10.0) + wait_random(0, 0.5),
            before_sleep=before_sleep,
        )
        async for attempting in retrying:
            with attempting, _timed(stage):
                done = await attempt(*arguments)
                self._refusals.pop(stage, None)
                self._stalled.pop(stage, None)
                return done
        raise AssertionError("unreachable: the retry never gives up")


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    events.stage_finished(stage=stage, seconds=time.perf_counter() - started)

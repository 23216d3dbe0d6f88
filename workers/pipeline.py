"""
consume → insert → resolve → commit: what a worker does, again and again.

The promise: a record is committed only after its spans are stored and their sessions are exact.
A crash anywhere repeats the work since the last commit, in whatever batches. That is harmless,
because every table is idempotent by construction (docs/delivery.md): at-least-once delivery, each
span counted exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

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
from workers.batch import Batch
from workers.dead_letters import DeadLetters
from workers.inserter import Inserter
from workers.resolver import Resolver

T = TypeVar("T")


class Pipeline:
    """One worker: one consumer, one store, one batch at a time."""

    def __init__(
        self,
        *,
        consumer: Consumer,
        inserter: Inserter,
        resolver: Resolver,
        dead_letters: DeadLetters,
        config: WorkerConfig,
    ) -> None:
        self._consumer = consumer
        self._inserter = inserter
        self._resolver = resolver
        self._dead_letters = dead_letters
        self._config = config

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; the batch in hand is finished."""
        while not stop.is_set():
            records = await self._until_done("consume", self._consume)  # consume
            if records:
                await self.process(records)
            refresh = partial(self._resolver.refresh, idle=not records)
            await self._until_done("refresh", refresh)

    async def process(self, records: Sequence[ConsumedRecord]) -> None:
        """Take records through the whole pipeline, however often the store must be asked."""
        started = time.perf_counter()
        batch = Batch.of(records)
        await self._until_done("insert", lambda: self._inserter.insert(batch))  # insert
        await self._until_done("resolve", lambda: self._resolver.resolve(batch.id))  # resolve
        await self._until_done("dead_letter", lambda: self._dead_letters.keep(batch.unreadable))
        await self._until_done("commit", lambda: self._commit(records))  # commit
        now_ns = time.time_ns()
        events.batch_committed(
            records=len(records),
            spans=batch.spans,
            value_bytes=batch.value_bytes,
            seconds=time.perf_counter() - started,
            waited_seconds=[(now_ns - row.envelope.received_ns) / 1e9 for row in batch.rows],
        )

    async def _consume(self) -> Sequence[ConsumedRecord]:
        return await self._consumer.consume(
            value_bytes_max=self._config.batch_bytes_max,
            wait_seconds_max=self._config.batch_seconds_max,
        )

    async def _commit(self, records: Sequence[ConsumedRecord]) -> None:
        await self._consumer.commit(next_offsets(records))
        backlog = await self._consumer.backlog()
        events.backlog_measured(
            records=backlog.records,
            value_bytes=backlog.value_bytes,
            oldest_seconds=backlog.oldest_seconds,
        )

    async def _until_done(self, stage: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """
        Repeat `attempt` until it is done, for as long as that takes: the log keeps what comes in
        meanwhile, and refuses more when it is full. What the store refuses for good is no fault of
        the records (those that are at fault are set aside), so that too waits, for somebody to mend
        the store.
        """

        def before_sleep(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = state.next_action.sleep if state.next_action else 0.0
            events.stage_retried(stage=stage, error=str(error), wait_seconds=wait)

        retrying = AsyncRetrying(
            retry=retry_if_exception_type((RetryableError, StoreRefused, SchemaMismatch)),
            wait=wait_exponential(multiplier=0.1, max=10.0) + wait_random(0, 0.5),
            before_sleep=before_sleep,
        )
        async for attempting in retrying:
            with attempting, _timed(stage):
                return await attempt()
        raise AssertionError("unreachable: the retry never gives up")


@contextmanager
def _timed(stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    events.stage_finished(stage=stage, seconds=time.perf_counter() - started)

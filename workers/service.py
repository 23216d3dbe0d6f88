"""One worker process, put together: a pipeline for each signal, and who asks how it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from buffer.port import Consumer
from runtime import telemetry
from runtime.config import Config
from runtime.errors import PipelineError
from schemas import migrate
from schemas.erasing import Erasing
from schemas.otlp.signals import Signal
from store.client import Store
from workers.dead_letters import DeadLetters
from workers.housekeeping import Housekeeping
from workers.inserter import Inserter
from workers.log_resolver import LogResolver
from workers.pipeline import Pipeline
from workers.resolver import Resolver

log = structlog.get_logger()

# How long a stop waits for the batches in hand; what is not committed is done again after it.
_DRAIN_SECONDS_MAX = 8.0
_CHECK_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A signal, the log that it comes from, and where the log's unreadable records go."""

    signal: Signal
    consumer: Consumer
    dead_letters: DeadLetters


async def work(config: Config, feeds: Sequence[Feed], *, stop: asyncio.Event) -> None:
    """Consume, insert, resolve and commit what each feed has until `stop` is set."""
    async with Store(config.store) as store:

        def checks() -> Iterator[Awaitable[str | None]]:
            yield _trouble("store", lambda: migrate.check(store))
            for feed in feeds:
                yield _trouble("buffer", feed.consumer.backlog)
                yield _trouble("dead letters", feed.dead_letters.check)

        async def waits_for() -> list[str]:
            troubles = filter(None, await asyncio.gather(*checks()))
            refusals = (refusal for pipeline in pipelines for refusal in pipeline.refusals)
            # What stands still has its cause among these. If not, nobody else would tell of it.
            reasons = list(dict.fromkeys([*troubles, *refusals]))
            return reasons or [stalled for pipeline in pipelines for stalled in pipeline.stalled]

        pipelines = [_pipeline(config, store, feed) for feed in feeds]
        async with telemetry.serve(config.worker.telemetry.endpoint, waits_for=waits_for):
            await _run(pipelines, Housekeeping(store, config.retention), stop)


def _pipeline(config: Config, store: Store, feed: Feed) -> Pipeline:
    return Pipeline(
        feed.signal,
        consumer=feed.consumer,
        inserter=Inserter(store, feed.signal, sessions=config.sessions, times=config.times),
        erasing=Erasing(store),
        resolver=LogResolver(store) if feed.signal.name == "logs" else Resolver(store),
        dead_letters=feed.dead_letters,
        config=config.worker,
    )


async def _run(
    pipelines: Sequence[Pipeline], housekeeping: Housekeeping, stop: asyncio.Event
) -> None:
    log.info("worker_started")
    keeping = asyncio.create_task(housekeeping.run(), name="housekeeping")
    running = asyncio.create_task(_run_all(pipelines, stop), name="pipelines")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({running, stopping, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            await keeping  # it only ends by a mistake of ours
        started = time.perf_counter()
        with suppress(TimeoutError):
            await asyncio.wait_for(running, _DRAIN_SECONDS_MAX)
        log.info("worker_stopped", drain_seconds=round(time.perf_counter() - started, 3))
    finally:
        stopping.cancel()
        keeping.cancel()


async def _run_all(pipelines: Sequence[Pipeline], stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        for pipeline in pipelines:
            tasks.create_task(pipeline.run(stop))


async def _trouble(name: str, check: Callable[[], Awaitable[object]]) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_SECONDS_MAX):
            await check()
    except (PipelineError, TimeoutError) as error:
        return f"{name}: {str(error) or 'no answer in time'}"
    return None

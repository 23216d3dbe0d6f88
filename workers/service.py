"""One worker process, put together: the pipeline, and who asks how it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from buffer.port import Consumer
from runtime import telemetry
from runtime.config import Config
from runtime.errors import PipelineError
from schemas import migrate
from store.client import Store
from workers.dead_letters import DeadLetters
from workers.inserter import Inserter
from workers.pipeline import Pipeline
from workers.resolver import Resolver

log = structlog.get_logger()

# How long a stop waits for the batches in hand; what is not committed is done again after it.
_DRAIN_SECONDS_MAX = 8.0
_CHECK_SECONDS_MAX = 5.0


async def work(
    config: Config, *, consumer: Consumer, dead_letters: DeadLetters, stop: asyncio.Event
) -> None:
    """Consume, insert, resolve and commit until `stop` is set."""
    async with Store(config.store) as store:
        pipeline = Pipeline(
            consumer=consumer,
            inserter=Inserter(store, sessions=config.sessions, times=config.times),
            resolver=Resolver(store),
            dead_letters=dead_letters,
            config=config.worker,
        )

        async def waits_for() -> list[str]:
            troubles = await asyncio.gather(
                _trouble("store", lambda: migrate.check(store)),
                _trouble("buffer", consumer.backlog),
                _trouble("dead letters", dead_letters.check),
            )
            return [trouble for trouble in troubles if trouble]

        async with telemetry.serve(config.worker.telemetry.endpoint, waits_for=waits_for):
            await _run(pipeline, stop)


async def _run(pipeline: Pipeline, stop: asyncio.Event) -> None:
    log.info("worker_started")
    running = asyncio.create_task(pipeline.run(stop), name="pipeline")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        started = time.perf_counter()
        with suppress(TimeoutError):
            await asyncio.wait_for(running, _DRAIN_SECONDS_MAX)
        log.info("worker_stopped", drain_seconds=round(time.perf_counter() - started, 3))
    finally:
        stopping.cancel()


async def _trouble(name: str, check: Callable[[], Awaitable[object]]) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_SECONDS_MAX):
            await check()
    except (PipelineError, TimeoutError) as error:
        return f"{name}: {error or 'no answer in time'}"
    return None

"""
What each process is composed of.

A process imports what it is made of and nothing else: the ClickHouse engine alone takes a quarter
of a gigabyte.
"""

from __future__ import annotations

import gc
from contextlib import AsyncExitStack

import structlog

from buffer.port import Producer
from cli import receivers
from cli.buffers import LOGS, name_of, open_consumer, open_producer
from cli.invocation import Invocation
from runtime import checks, lifecycle, members
from runtime.config import Config
from runtime.signals import SignalName


async def store(config: Config) -> None:
    """Serve the embedded store until told to stop."""
    from store.embedded import server

    checks.refuse(checks.embedded_store(config.store))
    async with (
        lifecycle.stop_signals() as stop,
        server.serve(
            folder=config.data_dir / "store",
            host=config.store.endpoint.host,
            port=config.store.endpoint.port,
            password=config.store.password.get_secret_value(),
            connections=config.store.connections,
        ),
    ):
        await stop.wait()


async def ingest(invocation: Invocation) -> None:
    """Receive until told to stop, in this process or in several children of it."""
    member = members.own_name()
    if invocation.config.ingest.processes == 1 or member:
        await _receive(invocation.config, member)
    else:
        await receivers.run(invocation)


async def _receive(config: Config, member: str | None) -> None:
    from ingest import service

    if member:
        structlog.contextvars.bind_contextvars(process=member)
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(lifecycle.stop_signals())
        producers: dict[SignalName, Producer] = {}
        for signal, name in LOGS.items():
            producers[signal] = await open_producer(config, name)
            stack.push_async_callback(producers[signal].close)
        rejected = await open_producer(config, "rejected")
        stack.push_async_callback(rejected.close)
        await stack.enter_async_context(
            service.serve(config, producers, rejected=rejected, share_ports=bool(member))
        )
        await stop.wait()


async def query(config: Config) -> None:
    """Serve pages and API until told to stop."""
    from query import service

    async with lifecycle.stop_signals() as stop, service.serve(config):
        # What is there now stays. A garbage collection that goes through all of it takes 40 ms and
        # more, in which nobody is answered.
        gc.freeze()
        await stop.wait()


async def worker(config: Config) -> None:
    """Work until told to stop."""
    from schemas.otlp.logs import Logs
    from schemas.otlp.traces import TRACES
    from workers import service
    from workers.dead_letters import DeadLetters

    checks.refuse(checks.store_url(config.store))
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(lifecycle.stop_signals())
        letters = await open_producer(config, "dead_letters")
        stack.push_async_callback(letters.close)
        feeds = []
        for signal in (TRACES, Logs(config.sessions.keys)):
            log = LOGS[signal.name]
            consumer = await open_consumer(config, log)
            stack.push_async_callback(consumer.close)
            dead_letters = DeadLetters(
                letters,
                topic=name_of(config, log),
                letters_max=config.worker.dead_letters_max,
            )
            feeds.append(service.Feed(signal=signal, consumer=consumer, dead_letters=dead_letters))
        await service.work(config, feeds, stop=stop)

"""
`sessiontrail up`: every process with embedded defaults, started in order, restarted when it
crashes, stopped in order.

The supervisor itself holds nothing: killing it leaves nothing behind and loses nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed

from cli.buffers import left_behind
from cli.child import Child, run_until_stopped
from cli.invocation import Invocation
from cli.status import StatusBoard
from runtime.config import Config
from runtime.errors import ConfigError, RetryableError
from runtime.section import HostPort
from schemas import migrate
from schemas.prices.table import Prices
from store.client import Store

log = structlog.get_logger()

# In all less than the 30 s in which a stop must be over.
_STOP_SECONDS_MAX = {"query": 6.0, "ingest": 11.0, "worker": 10.0, "store": 7.0}


async def up(invocation: Invocation) -> None:
    """
    Run everything until told to stop.

    Raises:
        ConfigError: a process cannot start with these settings; it has said why.
    """
    with _run_folder(invocation.config) as folder:
        telemetry = _Telemetry(invocation.config)

        kafka = _kafka(invocation.config)
        if records := left_behind(invocation.config):
            log.warning(
                "records_left_behind",
                records=records,
                what_to_do="start once with buffer.kind=embedded: they are acknowledged, and wait"
                f" in {invocation.config.data_dir / 'buffer'}",
            )

        def worker() -> list[str]:
            return invocation.command_line("worker", telemetry.assignment(), *kafka)

        commands = {
            "store": lambda: invocation.command_line("store"),
            "ingest": lambda: invocation.command_line("ingest", *kafka),
            "worker": worker,
            "query": lambda: invocation.command_line("query"),
        }
        children = {
            name: Child(
                name,
                command,
                folder=folder,
                stop_seconds_max=_STOP_SECONDS_MAX[name],
                output=_child_output(folder, name),
            )
            for name, command in commands.items()
        }
        board = StatusBoard(
            invocation.config,
            worker_telemetry=lambda: telemetry.address,
            restarts=lambda: sum(child.restarts for child in children.values()),
        )
        await run_until_stopped(_run(invocation.config, children, board), partial(_stop, children))


async def _run(config: Config, children: dict[str, Child], board: StatusBoard) -> None:
    async with asyncio.TaskGroup() as tasks:
        if not config.store.url:
            tasks.create_task(children["store"].keep_running())
        # Needs the buffer alone: what comes in before the store is there waits in it.
        tasks.create_task(children["ingest"].keep_running())
        tasks.create_task(children["query"].keep_running())
        tasks.create_task(board.show())
        await _migrate(config, board)
        tasks.create_task(children["worker"].keep_running())


async def _stop(children: dict[str, Child]) -> None:
    # Against the stream: nothing new comes in, what is in hand is finished, the store last.
    await asyncio.gather(children["query"].stop(), children["ingest"].stop())
    for name in ("worker", "store"):
        await children[name].stop()


async def _migrate(config: Config, board: StatusBoard) -> None:
    """Migrate as soon as the store answers, however long that takes."""

    def before_sleep(state: RetryCallState) -> None:
        board.store_trouble = f"store: {state.outcome.exception()}" if state.outcome else ""

    async with Store(config.store) as store:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(RetryableError),
            wait=wait_fixed(0.1),
            before_sleep=before_sleep,
        ):
            with attempt:
                await store.query("SELECT 1")
                # No more what it was: it answers, and a first migration takes a while.
                board.store_trouble = "store: it is being migrated"
                await migrate.migrate(store, config)
                await Prices(store).refresh()
    board.store_trouble = ""


def _kafka(config: Config) -> list[str]:
    """Return what one command for everything may decide, where the settings leave it open."""
    kafka = config.buffer.kafka
    assignments = []
    if "create" not in kafka.topics.model_fields_set:
        assignments.append("buffer.kafka.topics.create=true")
    if not kafka.instance_id:
        # There is one worker for each data folder, and it comes back to its partitions at once.
        here = f"{socket.gethostname()}:{config.data_dir.resolve()}"
        name = hashlib.sha256(here.encode()).hexdigest()[:16]
        assignments.append(f"buffer.kafka.instance_id=up-{name}")
    return assignments


class _Telemetry:
    """The worker's telemetry address: where none is set, a free one for each start of it."""

    def __init__(self, config: Config) -> None:
        self.address = config.worker.telemetry.endpoint
        self._is_free_choice = self.address.port == 0

    def assignment(self) -> str:
        if self._is_free_choice:
            with socket.create_server((self.address.host, 0)) as probe:
                self.address = HostPort(self.address.host, probe.getsockname()[1])
        return f"worker.telemetry.endpoint={self.address}"


@contextmanager
def _run_folder(config: Config) -> Iterator[Path]:
    """Yield DIR/run, owned by this supervisor: two of them would fight over one data folder."""
    folder = config.data_dir / "run"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "up.lock").open("w")
    except OSError as error:
        raise ConfigError(f"data_dir: {config.data_dir} cannot be used: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"data_dir: another 'sessiontrail up' runs on {config.data_dir}. Stop it, or give"
                " this one a folder of its own with --data-dir"
            ) from None
        yield folder


def _child_output(folder: Path, name: str) -> IO[bytes] | None:
    """On a terminal the children's lines go to DIR/run/NAME.log, and the status stays readable."""
    if not sys.stdout.isatty():
        return None
    return (folder / f"{name}.log").open("wb")

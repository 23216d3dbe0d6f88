"""Start, run, drain, stop: what every long-lived process does with signals and with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

# Set by the supervisor: the process stops when its standard input closes, so that no child
# outlives a supervisor that was killed.
FOLLOW_PARENT = "_SUPERVISED_BY_PARENT"
_STANDARD_INPUT = 0

T = TypeVar("T")


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set by SIGTERM, by Ctrl-C, and by the end of a supervising parent."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    supervised = FOLLOW_PARENT in os.environ
    if supervised:
        loop.add_reader(_STANDARD_INPUT, _watch_parent, loop, stop)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if supervised:
            loop.remove_reader(_STANDARD_INPUT)


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(_STANDARD_INPUT, 1024):
        loop.remove_reader(_STANDARD_INPUT)
        stop.set()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a process's main coroutine to its end, on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)

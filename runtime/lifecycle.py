"""Start, run, drain, stop: what every long-lived process does with signals and with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

# Set by the supervisor: the process stops when its standard input closes, so that no child
# outlives a supervisor that was killed.
FOLLOW_PARENT = "_SUPERVISED_BY_PARENT"


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set by SIGTERM, by Ctrl-C, and by the end of a supervising parent."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if os.environ.get(FOLLOW_PARENT):
        _watch_parent(lambda: loop.call_soon_threadsafe(stop.set))
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _watch_parent(when_gone: Callable[[], object]) -> None:
    def watch() -> None:
        sys.stdin.buffer.read()
        when_gone()

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's main coroutine to its end, on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)

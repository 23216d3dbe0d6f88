"""A child process: started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import structlog

from runtime import lifecycle
from runtime.errors import ConfigError

log = structlog.get_logger()

# How a process of ours ends when its settings cannot work: starting it again would not help.
EXIT_CONFIG = 2
# How the line begins in which it says why.
_SAYS = "sessiontrail: "

_BACKOFF_SECONDS_MIN = 0.1
_BACKOFF_SECONDS_MAX = 2.0
# A child that ran so long has recovered: its next crash is met with the shortest back-off again.
_STEADY_SECONDS = 10.0


class Child:
    """
    A process that is kept running until it is told to stop.

    Its id is in `folder`/NAME.pid, where a folder is given. `on_end` is called each time that it
    has ended, before it is started again.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        *,
        stop_seconds_max: float,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._stop_seconds_max = stop_seconds_max
        self._pid_file = folder / f"{name}.pid" if folder else None
        self._environment = environment or {}
        self._output = output
        self._on_end = on_end
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._stopping = False

    async def keep_running(self) -> None:
        """
        Run the process, again and again with a back-off, until stop() is called.

        Raises:
            ConfigError: it cannot start with its settings; it has said why.
        """
        backoff_seconds = _BACKOFF_SECONDS_MIN
        while not self._stopping:
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping:
                break
            if code == EXIT_CONFIG and self.restarts == 0:
                raise ConfigError(f"{self.name} cannot start{self._last_words()}")
            if time.monotonic() - started > _STEADY_SECONDS:
                backoff_seconds = _BACKOFF_SECONDS_MIN
            log.error("child_ended", child=self.name, exit_code=code, again_in=backoff_seconds)
            await asyncio.sleep(backoff_seconds)
            backoff_seconds = min(backoff_seconds * 2, _BACKOFF_SECONDS_MAX)
            self.restarts += 1

    async def stop(self) -> None:
        """Ask the process to stop; past its time, make it."""
        self._stopping = True
        async with self._starting:
            pass  # what is being started now has to be stopped as well
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), self._stop_seconds_max)
            except TimeoutError:
                log.error("child_killed", child=self.name, waited_seconds=self._stop_seconds_max)
                self._process.kill()
                await self._process.wait()

    def _last_words(self) -> str:
        """Return why it could not start: on a terminal its lines go to a file that nobody sees."""
        if self._output is None:
            return "; see its message above"
        file = Path(self._output.name)
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line.removeprefix(_SAYS) for line in lines if line.startswith(_SAYS)]
        return f": {'; '.join(said)}" if said else f"; see {file}"

    async def _run_once(self) -> int:
        async with self._starting:
            process = self._process = await self._start()
        if self._pid_file:
            self._pid_file.write_text(f"{process.pid}\n", encoding="ascii")
        try:
            return await process.wait()
        finally:
            if self._pid_file:
                self._pid_file.unlink(missing_ok=True)
            if self._on_end:
                self._on_end()

    async def _start(self) -> asyncio.subprocess.Process:
        # The child watches its standard input: it closes when its parent dies, however.
        return await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, **self._environment, lifecycle.FOLLOW_PARENT: "1"},
            # Ctrl-C reaches the whole terminal; the children are stopped in order instead.
            start_new_session=True,
        )


async def run_until_stopped(
    running: Coroutine[Any, Any, None], stop_children: Callable[[], Awaitable[None]]
) -> None:
    """
    Be the parent of what `running` keeps running, until told to stop or until it fails.

    Raises:
        ConfigError: a child cannot start with its settings; it has said why.
    """
    async with lifecycle.stop_signals() as stop:
        tasks = asyncio.create_task(running)
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            log.info("stopping")
            await stop_children()
        finally:
            stopping.cancel()
            tasks.cancel()
            await asyncio.gather(tasks, return_exceptions=True)
    if not tasks.cancelled() and (error := tasks.exception()):
        raise _first(error)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

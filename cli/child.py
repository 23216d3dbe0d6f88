"""One child process of the supervisor: started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import structlog

from runtime.errors import ConfigError
from runtime.lifecycle import FOLLOW_PARENT

log = structlog.get_logger()

# How a process of ours ends when its settings cannot work: starting it again would not help.
EXIT_CONFIG = 2

_BACKOFF_SECONDS_MIN = 0.1
_BACKOFF_SECONDS_MAX = 2.0
# A child that ran so long has recovered: its next crash is met with the shortest back-off again.
_STEADY_SECONDS = 10.0


class Child:
    """A process that is kept running until it is told to stop. Its id is in DIR/run/NAME.pid."""

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        *,
        folder: Path,
        stop_seconds_max: float,
        output: IO[bytes] | None = None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._pid_file = folder / f"{name}.pid"
        self._stop_seconds_max = stop_seconds_max
        self._output = output
        self._process: asyncio.subprocess.Process | None = None
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
                raise ConfigError(f"{self.name} cannot start; see its message above")
            if time.monotonic() - started > _STEADY_SECONDS:
                backoff_seconds = _BACKOFF_SECONDS_MIN
            log.error("child_ended", child=self.name, exit_code=code, again_in=backoff_seconds)
            await asyncio.sleep(backoff_seconds)
            backoff_seconds = min(backoff_seconds * 2, _BACKOFF_SECONDS_MAX)
            self.restarts += 1

    async def stop(self) -> None:
        """Ask the process to stop; past its time, make it."""
        self._stopping = True
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

    async def _run_once(self) -> int:
        # The child watches its standard input: it closes when the supervisor dies, however.
        self._process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, FOLLOW_PARENT: "1"},
            # Ctrl-C reaches the whole terminal; the children are stopped in order instead.
            start_new_session=True,
        )
        self._pid_file.write_text(f"{self._process.pid}\n", encoding="ascii")
        try:
            return await self._process.wait()
        finally:
            self._pid_file.unlink(missing_ok=True)

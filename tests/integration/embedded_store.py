"""
An embedded store in a process of its own: chDB allows one folder in a process.

Run as a module, it is that process: it serves the folder it is given, says on which port, and ends
in order on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from store.embedded.server import serve

_PROJECT = Path(__file__).parents[2]


class StoreProcess:
    """Starts the process, and kills it in the end."""

    def __init__(self, folder: Path, *, password: str = "", connections: int = 2) -> None:
        command = [sys.executable, "-m", "tests.integration.embedded_store"]
        folder.mkdir(exist_ok=True)
        self._printed = folder / "printed.log"
        with self._printed.open("w") as printed:
            self.process = subprocess.Popen(
                [*command, str(folder), password, str(connections)],
                cwd=_PROJECT,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
            )
        assert self.process.stdout is not None
        self._first_line = self.process.stdout.readline().strip()

    @property
    def port(self) -> int:
        """Where it serves; its first line of output says so."""
        assert self._first_line.isdigit(), self.printed()
        return int(self._first_line)

    @property
    def url(self) -> str:
        """The address for HTTP clients."""
        return f"http://127.0.0.1:{self.port}/"

    def printed(self) -> str:
        """What it has logged, or died of."""
        return self._printed.read_text()

    def stop(self, sent: signal.Signals = signal.SIGKILL) -> int:
        """End the process, and give its exit code."""
        self.process.send_signal(sent)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


async def _main(folder: str, password: str, connections: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(
        folder=Path(folder),
        host="127.0.0.1",
        port=0,
        password=password,
        connections=int(connections),
    ) as store:
        sys.stdout.write(f"{store.port}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_main(*sys.argv[1:]))

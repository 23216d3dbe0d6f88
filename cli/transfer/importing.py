"""What `sessiontrail import` does: files of OTLP, sent to whoever receives spans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeElapsedColumn

from cli.transfer.requests import STANDARD_INPUT, Reading, Request, requests
from cli.transfer.sending import Answer, Sender, tls
from runtime.errors import InvalidRequest

# Past them problems are only counted.
_PROBLEMS_SHOWN_MAX = 100


class Import:
    """One import: what was read, and what became of it."""

    def __init__(self, files: Sequence[str], *, bytes_max: int) -> None:
        self._files = files
        self._reading = Reading(complain=self._complain)
        self._requests = requests(files, self._reading, bytes_max=bytes_max)
        self._accepted = 0
        self.rejected = 0
        self.problems = 0

    async def run(self, endpoint: str) -> None:
        """
        Send all that can be read. One request is prepared while the one before it is under way:
        they arrive in order, and no more than two are held.

        Raises:
            ConfigError: as tls() does.
            NotAuthenticated, NotAllowed, NotFound, ReceiverUnavailable: as Sender.send() does.
        """
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls())) as session:
            sender = Sender(session, endpoint)
            with closing(self._requests), _progress(self._files) as advance:
                request = await self._prepare()
                while request:
                    advance(self._reading.bytes_read)
                    preparing = asyncio.create_task(self._prepare())
                    try:
                        await self._send(sender, request)
                    finally:
                        request = await preparing

    async def _prepare(self) -> Request | None:
        return await asyncio.to_thread(next, self._requests, None)

    async def _send(self, sender: Sender, request: Request) -> None:
        try:
            answer = await sender.send(request.body)
        except InvalidRequest as error:
            answer = Answer(rejected=request.spans, message=str(error))
        self._accepted += request.spans - answer.rejected
        self.rejected += answer.rejected
        if answer.message:
            self._complain(f"{request.origin}: {answer.message}")

    def _complain(self, problem: str) -> None:
        self.problems += 1
        if self.problems <= _PROBLEMS_SHOWN_MAX:
            click.echo(problem, err=True)

    def summary(self) -> str:
        """Return what became of all spans, in a line."""
        accepted = self._accepted + self._reading.superseded
        rejected = self.rejected + self._reading.rejected
        more = self.problems - _PROBLEMS_SHOWN_MAX
        hidden = f" ({more} problems more than are shown)" if more > 0 else ""
        return f"accepted {accepted} spans, rejected {rejected}, problems {self.problems}{hidden}"


@contextmanager
def _progress(files: Sequence[str]) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much of the files is read; yields what tells so many bytes."""
    console = Console(stderr=True)
    sizes = [Path(name).stat().st_size for name in files if Path(name).is_file()]
    columns = (BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=sum(sizes) if STANDARD_INPUT not in files else None)
        yield lambda bytes_read: progress.update(task, completed=bytes_read)

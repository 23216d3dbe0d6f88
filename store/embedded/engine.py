"""
chDB, the ClickHouse engine in this process: one folder, many queries side by side.

Every query gets a chDB connection of its own, which costs a quarter of a millisecond, and so
settings, parameters, SET, USE and temporary tables end with the query that they came with. chDB
blocks, so queries run on threads; how many run and how many wait for their turn is bounded.

A large result must not be held in memory. chDB can hand out a result in pieces, but formats each
piece as a result of its own, headers and all. So the engine writes the result into a pipe (INTO
OUTFILE), in any format, compressed if wished, and no faster than the client takes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import chdb
import structlog

from runtime.errors import StoreRefused
from store.embedded.folder import own
from store.embedded.scope import Scope
from store.embedded.turns import Turns

log = structlog.get_logger()

STD_EXCEPTION = 1001
ABORTED = 236
_EXIT_BROKEN = 70

# Half of the machine's memory (of the container's, if that has a limit): the rest of the
# processes that share the machine with an embedded store need some too.
_OF_THE_ENGINE = "max_server_memory_usage_to_ram_ratio=0.5"
# The SET that brings a connection into its scope may hold long parameters: arrays of many ids.
_OF_A_QUERY = f"max_query_size={64 << 20}"
_PIPE_BYTES = 1 << 20
_WAITING_MAX = 256
_WAIT_SECONDS_MAX = 30.0
_KILL_SECONDS_MAX = 10.0

_ERROR = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(.*)", re.DOTALL)
# Ours, and so not for the eyes of those who look for the fault in their own statement.
_OUTFILE = re.compile(r" INTO OUTFILE '/dev/fd/\d+' TRUNCATE( COMPRESSION '\w+')?( FORMAT \w+)?")
_connect: Callable[[str], Any] = chdb.connect
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a query read, gave and wrote."""

    read_rows: int = 0
    read_bytes: int = 0
    result_rows: int = 0
    written_rows: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A small answer, held in memory."""

    body: bytes
    counts: Counts


class Output:
    """The answer of a running query: bytes as they come, and in the end what was counted."""

    def __init__(self, source: int, query: asyncio.Future[Result]) -> None:
        self._source = source
        self._query = query

    async def read(self, size_max: int) -> bytes:
        """The next bytes; b"" once the query has ended, maybe by failing: `counts` tells."""
        while True:
            with suppress(BlockingIOError):
                return os.read(self._source, size_max)
            await self._readable()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._source, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._source)

    async def counts(self) -> Counts:
        """What the query counted; raises what it failed with."""
        return (await asyncio.shield(self._query)).counts


class Engine:
    """
    chDB over one folder. Errors of the engine are raised as StoreRefused, with ClickHouse's code.

    A statement once begun runs to its end even if the task that waits for it is cancelled, but for
    those that `reading` runs: they are killed.
    """

    def __init__(self, folder: Path, *, connections: int) -> None:
        """Open `folder`, for `connections` queries at a time; this blocks for half a second."""
        self._lock: IO[str] = own(folder)
        # chDB has the process to itself, and keeps the schemas that it is given in a folder
        # __cache__ of the working directory, whatever it is told.
        os.chdir(folder)
        self._path = str(folder / "engine")
        self._keeper = _connect(f"{self._path}?{_OF_THE_ENGINE}")  # chDB ends with its last one
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="store")
        self._turns = Turns(
            running_max=connections,
            waiting_max=_WAITING_MAX,
            wait_seconds_max=_WAIT_SECONDS_MAX,
        )
        self.version, self.timezone = self._constants()

    def _constants(self) -> tuple[str, str]:
        row = self._keeper.query("SELECT version(), timezone()", "TabSeparated").bytes()
        version, timezone = row.decode().strip().split("\t")
        return version, timezone

    async def run(self, scope: Scope, sql: str, format_name: str) -> Result:
        """Run a statement whose answer is small."""
        return await self._in_thread(self._query, scope, _mark(), sql, format_name)

    async def insert(
        self, scope: Scope, sql: str, format_name: str, chunks: Iterable[bytes]
    ) -> Result:
        """Insert the rows in `chunks`, which are taken one by one, on a thread."""
        return await self._in_thread(self._insert, scope, sql, format_name, chunks)

    @asynccontextmanager
    async def reading(
        self, scope: Scope, sql: str, format_name: str, *, encoding: str | None, rest: str
    ) -> AsyncIterator[Output]:
        """
        Run a query whose answer may be large, in this format and encoding.

        `rest` is what stands after the format, such as SETTINGS. Leaving this kills the query.
        """
        async with self._turns.turn():
            mark, loop = _mark(), asyncio.get_running_loop()
            source, target = os.pipe()
            os.set_blocking(source, False)
            fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            outfile = f" INTO OUTFILE '/dev/fd/{target}' TRUNCATE"
            outfile += f" COMPRESSION '{encoding}'" if encoding else ""
            statement = f"{sql}{outfile} FORMAT {format_name}{rest}"
            query = loop.run_in_executor(
                self._threads, self._fill, target, scope, mark, statement, format_name
            )
            try:
                yield Output(source, query)
            finally:
                # A transport (loop.connect_read_pipe) would spare these lines, but uvloop's closes
                # its descriptor twice: the second time it may be one that the engine just opened.
                os.close(source)
                await self._ended(query, mark)

    def _fill(self, target: int, *query: Any) -> Result:
        try:
            return self._query(*query)
        finally:
            os.close(target)

    def _query(self, scope: Scope, mark: str, sql: str, format_name: str) -> Result:
        with self._connection(scope, mark) as connection:
            result = connection.query(sql, format_name)
            return Result(
                result.bytes() or b"",
                Counts(
                    read_rows=result.storage_rows_read(),
                    read_bytes=result.storage_bytes_read(),
                    result_rows=result.rows_read(),
                    written_rows=result.rows_written(),
                    written_bytes=result.bytes_written(),
                ),
            )

    def _insert(self, scope: Scope, sql: str, format_name: str, chunks: Iterable[bytes]) -> Result:
        with (
            self._connection(scope, _mark()) as connection,
            connection.send_insert(sql, format_name) as rows,
        ):
            for chunk in chunks:
                rows.append(chunk)
            done = rows.finish()
            counts = Counts(written_rows=done.rows_written, written_bytes=done.bytes_written)
            return Result(b"", counts)

    @contextmanager
    def _connection(self, scope: Scope, mark: str) -> Iterator[Any]:
        connection = _connect(f"{self._path}?{_OF_A_QUERY}")
        try:
            for statement in scope.statements(mark):
                connection.query(statement)
            yield connection
        except RuntimeError as error:
            raise _refusal(str(error)) from None
        finally:
            connection.close()

    async def _in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        async with self._turns.turn():
            loop = asyncio.get_running_loop()
            call = loop.run_in_executor(self._threads, function, *arguments)
            try:
                return await asyncio.shield(call)
            finally:
                await self._ended(call)

    async def _ended(self, call: asyncio.Future[_T], mark: str | None = None) -> None:
        """Wait for the thread, even when cancelled: it holds a connection, and maybe files."""
        while not call.done():
            with suppress(asyncio.CancelledError):
                if mark is not None:
                    await asyncio.to_thread(self._kill, f"Settings['log_comment'] = '{mark}'")
                await asyncio.wait([call], timeout=0.2)
        call.exception()  # whoever wanted it has had it

    def _kill(self, condition: str) -> None:
        connection = _connect(self._path)
        try:
            connection.query(f"KILL QUERY WHERE {condition} ASYNC")
        finally:
            connection.close()

    async def aclose(self) -> None:
        """Kill what still runs, and leave the folder to the next process."""
        deadline = asyncio.get_running_loop().time() + _KILL_SECONDS_MAX
        while self._turns.running and asyncio.get_running_loop().time() < deadline:
            await asyncio.to_thread(self._kill, "1")
            await asyncio.sleep(0.1)
        if self._turns.running:
            # To close chDB below a running query would crash the process; its end closes all.
            log.warning("store_still_busy", queries=self._turns.running)
            return
        self._threads.shutdown()
        await asyncio.to_thread(self._keeper.close)
        self._lock.close()


def _mark() -> str:
    return uuid.uuid4().hex


def _refusal(text: str) -> StoreRefused:
    match = _ERROR.search(text)
    if match is None:
        return StoreRefused(f"{text} (STD_EXCEPTION)", code=STD_EXCEPTION)
    code, message = int(match[1]), _OUTFILE.sub("", match[2]).strip()
    if code == ABORTED and "fatal error" in message:
        # The engine has crashed within this process and will answer nothing else any more. Whoever
        # supervises it starts a new one; what was acknowledged is on the disk.
        log.critical("engine_crashed", message=message[:500])
        os._exit(_EXIT_BROKEN)
    return StoreRefused(message, code=code)

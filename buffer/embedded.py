"""
The embedded log behind the port: for one machine, where nothing else is to be installed.

Each end has one thread of its own for SQLite, so that the event loop never waits for a disk.
Appends that come while a transaction is being synced go together into the next one.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Self, TypeVar

import structlog

from buffer.port import Backlog, ConsumedRecord, Offset, Partition, Record
from buffer.sqlite_log import PARTITION, SqliteLog
from runtime.errors import BufferFull, BufferUnavailable

ANSWER_SECONDS_MAX = 10.0
POLL_SECONDS = 0.05
PENDING_BYTES_MAX = 256 * 1024 * 1024
VALUE_BYTES_MAX = 512 * 1024 * 1024  # SQLite itself takes 1 GB
_DISK_BYTES_MIN = 64 * 1024 * 1024
# Larger ones append no faster, and keep the consumer waiting for its turn to commit.
TRANSACTION_BYTES_MAX = 4 * 1024 * 1024
TRANSACTION_RECORDS_MAX = 1024

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Append:
    """A record on its way to the log, and the task that waits for it."""

    __slots__ = ("confirmed", "record")

    def __init__(self, record: Record, confirmed: asyncio.Future[None]) -> None:
        self.record = record
        self.confirmed = confirmed

    def settle(self, error: Exception | None) -> None:
        # The task may have given up by now.
        if self.confirmed.done():
            return
        if error is None:
            self.confirmed.set_result(None)
        else:
            self.confirmed.set_exception(error)


class EmbeddedProducer:
    """The writing end. Several may be open on one log, in one process or in many."""

    value_bytes_max = VALUE_BYTES_MAX

    def __init__(
        self, log: SqliteLog, path: Path, *, log_bytes_max: int, records_max: int | None
    ) -> None:
        self._log = log
        self._path = path
        self._log_bytes_max = log_bytes_max
        self._records_max = records_max
        self._loop = asyncio.get_running_loop()
        self._pending: SimpleQueue[_Append | None] = SimpleQueue()
        self._pending_bytes = 0
        self._closing = False
        self._closed = asyncio.Event()
        # A daemon, so that a disk that hangs cannot keep the process from ending.
        threading.Thread(target=self._write, name="log-producer", daemon=True).start()

    @classmethod
    async def open(cls, path: Path, *, log_bytes_max: int, records_max: int | None = None) -> Self:
        """
        Open the log at `path`, or a new one. It takes records up to `log_bytes_max` in all, and
        past `records_max` forgets the oldest for each new one, read or not.
        """
        log = await asyncio.to_thread(SqliteLog, path)
        return cls(log, path, log_bytes_max=log_bytes_max, records_max=records_max)

    async def append(self, record: Record) -> None:
        """Return once the record is on the disk."""
        if self._closing:
            raise BufferUnavailable(f"The log {self._path} is closed here.")
        if self._pending_bytes + len(record.value) > PENDING_BYTES_MAX:
            raise BufferUnavailable(
                f"The log {self._path}: the disk is too slow for what comes in."
            )
        append = _Append(record, self._loop.create_future())
        self._pending_bytes += len(record.value)
        self._pending.put(append)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await append.confirmed
        except TimeoutError as error:
            raise BufferUnavailable(f"The log {self._path} did not confirm in time.") from error

    async def check(self) -> None:
        """Return if there is room in the log and on its disk."""
        backlog = await self.backlog()
        if backlog.value_bytes >= self._log_bytes_max:
            raise BufferFull(self._full)
        free = shutil.disk_usage(self._path.parent).free
        if free < _DISK_BYTES_MIN:
            raise BufferUnavailable(
                f"The log {self._path}: the disk has {free} bytes left: free some space; nothing"
                " acknowledged is lost."
            )

    async def backlog(self) -> Backlog:
        """Return what is not committed yet."""
        if self._closing:
            raise BufferUnavailable(f"The log {self._path} is closed here.")
        # Through a connection of its own: the producer's belongs to the thread that writes.
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await asyncio.to_thread(_backlog, self._path)
        except TimeoutError as error:
            raise BufferUnavailable(f"The log {self._path} did not answer in time.") from error

    async def close(self) -> None:
        """Finish the appends under way, within a bound, and let go."""
        if not self._closing:
            self._closing = True
            self._pending.put(None)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._closed.wait()
        except TimeoutError:
            log.warning("log_close_timed_out", path=str(self._path))

    def _write(self) -> None:
        """Be the writer thread: one transaction after another until the producer closes."""
        for appends in iter(self._take, []):
            errors = self._append(appends)
            self._loop.call_soon_threadsafe(self._settle, appends, errors)
        try:
            self._log.close()
        except BufferUnavailable as error:
            log.warning("log_close_failed", error=str(error))
        self._loop.call_soon_threadsafe(self._closed.set)

    def _take(self) -> list[_Append]:
        """Wait for an append; return it with those behind it. Once closed, return none."""
        appends: list[_Append] = []
        value_bytes = 0
        append = self._pending.get()
        while append is not None:
            appends.append(append)
            value_bytes += len(append.record.value)
            full = value_bytes >= TRANSACTION_BYTES_MAX or len(appends) >= TRANSACTION_RECORDS_MAX
            if full or self._pending.empty():
                return appends
            append = self._pending.get()
        if appends:
            self._pending.put(None)
        return appends

    def _append(self, appends: list[_Append]) -> list[Exception | None]:
        """Append in one transaction; return what to tell each of the tasks that wait."""
        try:
            fits = self._log.append(
                [append.record for append in appends], value_bytes_max=self._log_bytes_max
            )
            if self._records_max is not None:
                self._log.forget(records_max=self._records_max)
        except Exception as error:  # noqa: BLE001 -- whatever it is belongs to the tasks that wait
            return [error] * len(appends)
        return [None if fit else BufferFull(self._full) for fit in fits]

    @property
    def _full(self) -> str:
        return f"The log {self._path} holds as much as it may; it drains as the worker catches up."

    def _settle(self, appends: list[_Append], errors: list[Exception | None]) -> None:
        for append, error in zip(appends, errors, strict=True):
            self._pending_bytes -= len(append.record.value)
            append.settle(error)


def _backlog(path: Path) -> Backlog:
    with closing(SqliteLog(path)) as log:
        return log.backlog()


class EmbeddedConsumer:
    """The reading end. A log has one at a time, among all processes."""

    _log: SqliteLog
    _next_offset: Offset

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-consumer")
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the log at `path`, or a new one, where it was committed last."""
        consumer = cls(path)
        try:
            await consumer._in_thread(consumer._open)
        except BaseException:
            consumer._thread.shutdown(wait=False)
            raise
        return consumer

    async def consume(
        self, *, value_bytes_max: int, wait_seconds_max: float
    ) -> Sequence[ConsumedRecord]:
        """Return the next records. What a cancelled call has read is read again by the next one."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait_seconds_max
        records: list[ConsumedRecord] = []
        offset, room = self._next_offset, value_bytes_max
        while True:
            read = partial(self._log.read, offset, value_bytes_max=room, one_at_least=not records)
            more, full = await self._run(read)
            records += more
            if records:
                offset = records[-1].offset + 1
                room -= sum(len(consumed.record.value) for consumed in more)
            if full or clock() >= deadline:
                self._next_offset = offset
                return records
            await asyncio.sleep(min(POLL_SECONDS, deadline - clock()))

    async def commit(self, next_offsets: Mapping[Partition, Offset]) -> None:
        """Remove the records before the next offset; the room is free for new ones at once."""
        if PARTITION in next_offsets:
            await self._run(partial(self._log.commit, next_offsets[PARTITION]))

    async def backlog(self) -> Backlog:
        """Return what is not committed yet."""
        return await self._run(self._log.backlog)

    async def close(self) -> None:
        """Let go of the log and of its one place for a consumer."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._in_thread(self._log.close)
        except BufferUnavailable as error:
            log.warning("log_close_failed", error=str(error))
        self._thread.shutdown(wait=False)

    async def _run(self, function: Callable[[], T]) -> T:
        if self._closed:
            raise BufferUnavailable(f"The log {self._path} is closed here.")
        return await self._in_thread(function)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await asyncio.get_running_loop().run_in_executor(self._thread, function)
        except TimeoutError as error:
            raise BufferUnavailable(f"The log {self._path} did not answer in time.") from error

    def _open(self) -> None:
        self._log = SqliteLog(self._path)
        try:
            self._log.take_consumer_place()
            self._next_offset = self._log.committed_offset()
        except BaseException:
            self._log.close()
            raise

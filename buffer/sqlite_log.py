"""
The embedded log's file: what is in it, and how it is written, read and trimmed. Blocking code;
buffer/embedded.py puts it behind the port.

The log is one SQLite file in WAL mode, shared by the processes that append (ingest) and the one
that reads and commits (the worker). Whatever dies, and whenever, the file stays whole: each change
is one transaction, and the three numbers of the table `state` change in the same transaction as the
records that they describe.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from io import FileIO
from pathlib import Path

from buffer.port import Backlog, ConsumedRecord, Offset, Record
from runtime.errors import BufferUnavailable, ConfigError

PARTITION = 0
LOCK_SECONDS_MAX = 5.0
LOCK_POLL_SECONDS = 0.0005

_FORMAT = 1

_PRAGMAS = """
-- Smaller pages are slower for records of megabytes, larger ones for records of kilobytes.
PRAGMA page_size = 16384;
PRAGMA journal_mode = WAL;
-- Acknowledged means on the disk; macOS needs the second line for that.
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
-- Some builds overwrite with zeros what is deleted, which would write each record once more.
PRAGMA secure_delete = OFF;
PRAGMA cache_size = -8192;
-- 64 MiB: a log kept near empty then writes most records once, as their pages are used again
-- before they are copied from the -wal file to the log.
PRAGMA wal_autocheckpoint = 4096;
PRAGMA journal_size_limit = 67108864;
"""

# Offsets come from `state` and not from what is in `record`, so that they go on where they were
# when the log has been emptied. They have no gaps: records are next_offset - committed_offset.
_SCHEMA = """
CREATE TABLE record (
    offset INTEGER PRIMARY KEY,
    appended_at_ns INTEGER NOT NULL,
    headers TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE TABLE state (
    next_offset INTEGER NOT NULL,
    committed_offset INTEGER NOT NULL,
    value_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (0, 0, 0);
"""

_WHAT_TO_DO = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space; nothing acknowledged is lost",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written: look at the system's log",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: stop every process, move it and its -wal away",
    sqlite3.SQLITE_NOTADB: "this file is no log: give another path, or move it out of the way",
    sqlite3.SQLITE_BUSY: "another process has kept it locked: see whether one of them hangs",
    sqlite3.SQLITE_READONLY: "the file is not writable: check its owner and its permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check its folder and its permissions",
}


class SqliteLog:
    """One connection to a log. To be used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _translated(path), ExitStack() as opened:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._consumer_place = opened.enter_context(FileIO(f"{path}.consumer.lock", "a"))
            self._lock = opened.enter_context(closing(_FairLock(path)))
            self._connection = sqlite3.connect(
                path, timeout=LOCK_SECONDS_MAX, isolation_level=None, check_same_thread=False
            )
            opened.enter_context(closing(self._connection))
            self._prepare()
            self._opened = opened.pop_all()

    def take_consumer_place(self) -> None:
        """Become the one consumer of the log, until `close`."""
        if not _try_lock(self._consumer_place):
            raise ConfigError(
                f"Another process consumes the log {self._path}. The embedded log takes one: stop"
                " the other one first, or use Kafka to run several."
            )

    def append(self, records: Sequence[Record], *, value_bytes_max: int) -> list[bool]:
        """Append in one transaction those `records` that fit; say of each whether it did."""
        fits = []
        rows = []
        with self._transaction() as connection:
            offset, value_bytes = connection.execute(
                "SELECT next_offset, value_bytes FROM state"
            ).fetchone()
            now_ns = time.time_ns()
            for record in records:
                fits.append(value_bytes + len(record.value) <= value_bytes_max)
                if fits[-1]:
                    rows.append((offset, now_ns, _encode(record.headers), record.value))
                    offset += 1
                    value_bytes += len(record.value)
            if rows:
                connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", rows)
                connection.execute(
                    "UPDATE state SET next_offset = ?, value_bytes = ?", (offset, value_bytes)
                )
        return fits

    def read(
        self, offset: Offset, *, value_bytes_max: int, one_at_least: bool
    ) -> tuple[list[ConsumedRecord], bool]:
        """Return the records from `offset` on that fit, and whether they fill `value_bytes_max`."""
        with _translated(self._path):
            next_offset, full = self._fit(offset, value_bytes_max, one_at_least=one_at_least)
            rows = self._connection.execute(
                "SELECT offset, appended_at_ns, headers, value FROM record"
                " WHERE offset >= ? AND offset < ? ORDER BY offset",
                (offset, next_offset),
            )
            return [_consumed(*row) for row in rows], full

    def commit(self, next_offset: Offset) -> None:
        """Remove the records before `next_offset` and start there from now on."""
        with self._transaction() as connection:
            removed_bytes = connection.execute(
                "SELECT coalesce(sum(length(value)), 0) FROM record WHERE offset < ?",
                (next_offset,),
            ).fetchone()[0]
            connection.execute("DELETE FROM record WHERE offset < ?", (next_offset,))
            connection.execute(
                "UPDATE state SET value_bytes = value_bytes - ?,"
                " committed_offset = max(committed_offset, min(next_offset, ?))",
                (removed_bytes, next_offset),
            )

    def forget(self, *, records_max: int) -> None:
        """Remove the oldest records, read or not, of more than so many."""
        if (too_many := self.backlog().records - records_max) > 0:
            self.commit(self.committed_offset() + too_many)

    def committed_offset(self) -> Offset:
        """Return where a new consumer starts."""
        with _translated(self._path):
            row = self._connection.execute("SELECT committed_offset FROM state").fetchone()
            return int(row[0])

    def backlog(self) -> Backlog:
        """Return what is not committed, from the running totals."""
        with _translated(self._path):
            records, value_bytes, oldest_ns = self._connection.execute(
                "SELECT next_offset - committed_offset, value_bytes,"
                " (SELECT appended_at_ns FROM record ORDER BY offset LIMIT 1) FROM state"
            ).fetchone()
        oldest_seconds = 0.0 if oldest_ns is None else max(0, time.time_ns() - oldest_ns) / 1e9
        return Backlog(records=records, value_bytes=value_bytes, oldest_seconds=oldest_seconds)

    def close(self) -> None:
        """Let go of the log. The last one to close also writes the -wal file back into it."""
        with self._opened, _translated(self._path), self._lock.held():
            self._connection.close()

    def _prepare(self) -> None:
        with self._lock.held():
            self._connection.executescript(_PRAGMAS)
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                self._connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_FORMAT}; COMMIT;"
                )
        if found not in {0, _FORMAT}:
            raise ConfigError(
                f"The log {self._path} has format {found}, this release knows {_FORMAT}: drain it"
                " with the release that wrote it, or give another path."
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _translated(self._path), self._lock.held():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def _fit(
        self, offset: Offset, value_bytes_max: int, *, one_at_least: bool
    ) -> tuple[Offset, bool]:
        """Return the offset after the last record that fits, and whether the next one would not."""
        room = value_bytes_max
        sizes = self._connection.execute(
            "SELECT offset, length(value) FROM record WHERE offset >= ? ORDER BY offset", (offset,)
        )
        with closing(sizes):
            for record_offset, value_bytes in sizes:
                if value_bytes > room and not one_at_least:
                    return offset, True
                one_at_least = False
                offset = record_offset + 1
                room -= value_bytes
                if room <= 0:
                    return offset, True
        return offset, False


class _FairLock:
    """
    The right to write to a log: whoever waits has it before its last owner has it again.

    SQLite's own lock does not see to that: a process that appends without a pause would leave
    another one hardly a moment to commit. Checkpoints are made under it too, never two at once,
    which could lose pages up to SQLite 3.51.2 (sqlite.org/wal.html, "The WAL-Reset Bug").
    """

    def __init__(self, path: Path) -> None:
        self._turn = FileIO(f"{path}.turn.lock", "a")
        self._writer = FileIO(f"{path}.writer.lock", "a")

    @contextmanager
    def held(self) -> Iterator[None]:
        # Who waits for the writer has the turn, and the writer needs it to write once more.
        deadline = time.monotonic() + LOCK_SECONDS_MAX
        _lock(self._turn, deadline)
        try:
            _lock(self._writer, deadline)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._writer, fcntl.LOCK_UN)

    def close(self) -> None:
        self._turn.close()
        self._writer.close()


def _lock(file: FileIO, deadline: float) -> None:
    while not _try_lock(file):
        if time.monotonic() > deadline:
            what_to_do = _WHAT_TO_DO[sqlite3.SQLITE_BUSY]
            raise BufferUnavailable(f"The lock {file.name!s}: {what_to_do}.")
        time.sleep(LOCK_POLL_SECONDS)


def _try_lock(file: FileIO) -> bool:
    """Take the lock if it is free. The system frees it when its owner dies."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _encode(headers: Mapping[str, bytes]) -> str:
    # Latin-1 has a character for each byte, so any bytes go through JSON and come back.
    return json.dumps({name: value.decode("latin-1") for name, value in headers.items()})


def _consumed(offset: int, appended_at_ns: int, headers: str, value: bytes) -> ConsumedRecord:
    decoded = {name: text.encode("latin-1") for name, text in json.loads(headers).items()}
    return ConsumedRecord(
        partition=PARTITION,
        offset=offset,
        appended_at_ns=appended_at_ns,
        record=Record(value=value, headers=decoded),
    )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system says into an error that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        # The low byte is the class of the error; the rest says where it came up.
        what_to_do = _WHAT_TO_DO.get(code & 0xFF, "SQLite refused")
        raise BufferUnavailable(f"The log {path}: {what_to_do} ({error}).") from error
    except OSError as error:
        raise BufferUnavailable(f"The log {path}: check its folder ({error}).") from error

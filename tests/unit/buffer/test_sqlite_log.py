"""What the file of the embedded log says when it cannot be used, and what it looks like inside."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from buffer import sqlite_log
from buffer.port import Record
from buffer.sqlite_log import SqliteLog
from runtime.errors import BufferUnavailable, ConfigError

ANY_SIZE = 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a log that is not there yet."""
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    """Give an empty log."""
    with closing(SqliteLog(path)) as log:
        yield log


def pragma(log: SqliteLog, name: str) -> object:
    """Ask the log's connection for a setting."""
    return log._connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_settings_that_carry_the_promise(log: SqliteLog) -> None:
    """The log is synced at each commit, and does not write zeros over what it deletes."""
    full = 2
    assert pragma(log, "journal_mode") == "wal"
    assert pragma(log, "synchronous") == full
    assert pragma(log, "secure_delete") == 0
    assert pragma(log, "page_size") == 16384


def test_full_disk(log: SqliteLog) -> None:
    """A full disk refuses the append, says what to do, and keeps what was there."""
    log.append([Record(value=b"kept")], value_bytes_max=ANY_SIZE)
    log._connection.execute("PRAGMA max_page_count = 10")
    with pytest.raises(BufferUnavailable, match="the disk is full: free some space"):
        log.append([Record(value=bytes(1_000_000))], value_bytes_max=ANY_SIZE)
    assert log.backlog().records == 1
    log._connection.execute("PRAGMA max_page_count = 1000000")
    assert log.append([Record(value=bytes(1_000_000))], value_bytes_max=ANY_SIZE) == [True]


def test_file_that_is_no_log(path: Path) -> None:
    """Another file at the path is left alone."""
    path.write_text("my diary\n" * 1000)
    with pytest.raises(BufferUnavailable, match="this file is no log"):
        SqliteLog(path)
    assert path.read_text() == "my diary\n" * 1000


def test_damaged_file(path: Path) -> None:
    """A log that was overwritten in the middle says that it is damaged."""
    with closing(SqliteLog(path)) as log:
        log.append([Record(value=bytes(500_000))] * 4, value_bytes_max=ANY_SIZE)
    whole = path.read_bytes()
    path.write_bytes(whole[:20_000] + b"\xff" * (len(whole) - 20_000))
    with closing(SqliteLog(path)) as log, pytest.raises(BufferUnavailable, match="is damaged"):
        log.read(0, value_bytes_max=ANY_SIZE, one_at_least=True)


def test_log_of_another_release(path: Path) -> None:
    """A format that this release does not know is refused, and not touched."""
    SqliteLog(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="format 99, this release knows 1"):
        SqliteLog(path)


def test_path_that_cannot_be(tmp_path: Path) -> None:
    """A path within a file is refused with the path in the message."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BufferUnavailable, match=r"file/log\.db"):
        SqliteLog(tmp_path / "file" / "log.db")


def test_path_that_is_a_folder(tmp_path: Path) -> None:
    """A folder in the place of the log is refused, and says to check it."""
    (tmp_path / "log.db").mkdir()
    with pytest.raises(BufferUnavailable, match="cannot be opened"):
        SqliteLog(tmp_path / "log.db")


def test_lock_that_is_never_free(
    log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a process that hangs gives up within a bound, and says so."""
    monkeypatch.setattr(sqlite_log, "LOCK_SECONDS_MAX", 0.05)
    with (
        closing(SqliteLog(path)) as other,
        log._lock.held(),
        pytest.raises(BufferUnavailable, match="see whether one of them hangs"),
    ):
        other.append([Record(value=b"x")], value_bytes_max=ANY_SIZE)


def test_lock_is_fair(log: SqliteLog, path: Path) -> None:
    """Who waits for the lock has it before its last owner has it again."""
    owners = []

    def wait_for_it() -> None:
        with other._lock.held():
            owners.append("who waited")

    with closing(SqliteLog(path)) as other:
        waiter = threading.Thread(target=wait_for_it)
        with log._lock.held():
            waiter.start()
            time.sleep(0.05)
        with log._lock.held():
            owners.append("last owner")
        waiter.join()
    assert owners == ["who waited", "last owner"]


def test_append_that_fails_half_way(log: SqliteLog) -> None:
    """A mistake of the caller in the middle of a transaction leaves nothing behind."""
    mistake = Record(value=b"x", headers=cast("dict[str, bytes]", {"no bytes": 1}))
    with pytest.raises(AttributeError):
        log.append([Record(value=b"x"), mistake], value_bytes_max=ANY_SIZE)
    assert log.append([Record(value=b"x")], value_bytes_max=ANY_SIZE) == [True]
    assert log.backlog().records == 1

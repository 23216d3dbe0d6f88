"""The embedded store when things go wrong: kills, vanishing clients, too much of everything."""

import signal
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from tests.integration.embedded_store import StoreProcess

SLOW = "SELECT count() FROM numbers(100000000000)"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreProcess]:
    """A store that runs one query at a time, so that one left running would be noticed."""
    with StoreProcess(tmp_path / "a folder", connections=1) as process:
        yield process


def ask(store: StoreProcess, sql: str, **headers: str) -> tuple[int, str]:
    """The status and the answer to a statement."""
    connection = HTTPConnection("127.0.0.1", store.port, timeout=60)
    connection.request("POST", "/", sql.encode(), headers)
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    return response.status, answer


def begin(store: StoreProcess, sql: str, *, length: int | None = None) -> socket.socket:
    """Send a request that promises `length` bytes, and do not wait for an answer."""
    connection = socket.create_connection(("127.0.0.1", store.port))
    body = sql.encode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length or len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_a_folder_has_one_owner(store: StoreProcess, tmp_path: Path) -> None:
    """A second process is told who has the folder and what to do."""
    with StoreProcess(tmp_path / "a folder") as second:
        second.process.wait(timeout=60)
        assert (
            "a folder is in use by another process (pid "
            f"{store.process.pid}). Stop that process, or give this one a folder of its own."
        ) in second.printed()


def test_a_killed_store_opens_again_with_all_that_was_answered(
    store: StoreProcess, tmp_path: Path
) -> None:
    """Kill -9 in the midst of inserts loses none that was answered and leaves no lock."""
    ask(store, "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    for number in range(20):
        ask(store, f"INSERT INTO t SELECT {number}, toString(number) FROM numbers(1000)")
    pending = begin(store, "INSERT INTO t SELECT 99, toString(number) FROM numbers(100000000)")
    time.sleep(0.3)
    store.stop(signal.SIGKILL)
    pending.close()
    with StoreProcess(tmp_path / "a folder") as again:
        counted = "SELECT uniqExact(a), count() FROM t WHERE a < 99"
        assert ask(again, counted) == (200, "20\t20000\n")
        assert {path.name for path in (tmp_path / "a folder").iterdir()} == {
            "engine",
            "lock",
            "printed.log",
        }


def test_a_client_that_vanishes_midway_leaves_nothing(store: StoreProcess) -> None:
    """Rows are inserted when all of them have come, or not at all."""
    ask(store, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    begin(store, "INSERT INTO t FORMAT CSV\n" + "1\n" * 3_000_000, length=10_000_000).close()
    begin(store, "INSERT INTO t SELECT a FROM input('a UInt64') FORMAT CSV\n1\n", length=99).close()
    begin(store, "INSERT INTO t VALUES (1), (2)", length=99).close()
    time.sleep(0.5)
    assert ask(store, "SELECT count() FROM t") == (200, "0\n")


@pytest.mark.parametrize("sql", [SLOW, "SELECT number FROM numbers(100000000000)"])
def test_a_query_ends_when_its_client_vanishes(store: StoreProcess, sql: str) -> None:
    """Whether it computes or puts out, the query is killed and the next one has its turn."""
    connection = begin(store, sql)
    time.sleep(0.3)
    connection.close()
    started = time.monotonic()
    assert ask(store, "SELECT 1") == (200, "1\n")
    assert time.monotonic() - started < 10


def test_a_large_result_is_never_in_memory(store: StoreProcess) -> None:
    """Five million rows go out to a slow client, in a format with a head and a tail, bounded."""
    ask(store, "SELECT number, toString(number) FROM numbers(10) FORMAT JSON")
    process = psutil.Process(store.process.pid)
    before = process.memory_info().rss
    sql = "SELECT number, hex(number) FROM numbers(5000000) FORMAT JSON"
    connection = HTTPConnection("127.0.0.1", store.port)
    connection.request("POST", "/", sql)
    response = connection.getresponse()
    received, peak = 0, 0
    while chunk := response.read(1 << 22):
        received += len(chunk)
        peak = max(peak, process.memory_info().rss)
    connection.close()
    assert received > 250_000_000
    assert peak - before < 150_000_000


def test_a_stopped_store_lets_queries_end(store: StoreProcess) -> None:
    """SIGTERM waits for what runs, answers it, and ends in order."""
    connection = begin(store, "SELECT sleep(2)")
    time.sleep(0.5)
    assert store.stop(signal.SIGTERM) == 0
    assert b"200 OK" in connection.recv(1 << 16)
    connection.close()


def test_a_stopped_store_does_not_wait_for_ever(store: StoreProcess) -> None:
    """A query that does not end within the grace is killed, and the exit is still in order."""
    connection = begin(store, SLOW)
    time.sleep(0.5)
    started = time.monotonic()
    assert store.stop(signal.SIGTERM) == 0
    assert time.monotonic() - started < 30
    connection.close()


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    """With a password set, only the health check is open to all."""
    with StoreProcess(tmp_path / "store", password="geheim") as store:
        assert ask(store, "SELECT 1")[0] == 403
        assert ask(store, "SELECT 1", **{"X-ClickHouse-Key": "geheim"}) == (200, "1\n")
        connection = HTTPConnection("127.0.0.1", store.port)
        connection.request("GET", "/ping")
        assert connection.getresponse().read() == b"Ok.\n"
        connection.close()


def test_a_disk_like_failure_to_keep_a_body_has_a_code(store: StoreProcess, tmp_path: Path) -> None:
    """A body that cannot be kept is refused with ClickHouse's code for it."""
    folder = tmp_path / "a folder"
    folder.rename(tmp_path / "moved")
    status, answer = ask(store, "INSERT INTO t FORMAT CSV\n" + "1\n" * 2_000_000)
    (tmp_path / "moved").rename(folder)
    assert (status, answer[:9]) == (500, "Code: 243")

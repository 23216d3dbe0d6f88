"""The embedded store as `sessiontrail store` runs it, asked by many at once."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import clickhouse_connect

from tests import processes

SECONDS = 6.0


def test_many_clients_at_once_all_get_their_own_answers(store: processes.Store) -> None:
    """Small and large reads and inserts side by side: no answer is cut, mixed up or lost."""
    table = f"concurrency_{secrets.token_hex(4)}"
    deadline = time.monotonic() + SECONDS
    inserted = [0] * 6
    together = threading.Barrier(6)

    def client(number: int) -> None:
        with clickhouse_connect.get_client(
            host=store.address.host, port=store.address.port, autogenerate_session_id=False
        ) as mine:
            if number == 0:
                mine.command(f"CREATE TABLE {table} (n UInt32) ENGINE = MergeTree ORDER BY n")
            together.wait()
            turn = 0
            while time.monotonic() < deadline:
                turn += 1
                token = f"{number}-{turn}"
                rows = mine.query("SELECT {token:String}", parameters={"token": token}).result_rows
                assert [tuple(row) for row in rows] == [(token,)]
                if turn % 5 == number % 5:
                    mine.insert(table, [[number]] * 3, column_names=["n"])
                    inserted[number] += 3
                if turn % 20 == number:
                    count = 300_000 + number
                    total = sum(
                        r[0] for r in mine.query(f"SELECT 1 FROM numbers({count})").result_rows
                    )
                    assert total == count

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(client, number) for number in range(6)]:
            done.result()
    counts = dict(store.query(f"SELECT n, count() FROM {table} GROUP BY n"))
    assert counts == dict(enumerate(inserted))

"""Starting while the store is away: alive, not ready, with the reason, and well again by itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from runtime.section import HostPort
from tests import processes
from tests.samples import request, span

BODY = request(span(1), span(2)).SerializeToString()


def test_a_worker_waits_for_the_store(tmp_path: Path) -> None:
    """It answers from the start, names the address, and is ready once the store is there."""
    address = HostPort("127.0.0.1", processes.free_port())
    telemetry = f"http://127.0.0.1:{processes.free_port()}"
    worker = subprocess.Popen(
        [
            processes.COMMAND,
            "worker",
            f"--data-dir={tmp_path}",
            f"--set=store.url=http://{address}",
            f"--set=worker.telemetry.endpoint={telemetry.removeprefix('http://')}",
        ]
    )
    try:
        processes.wait_until(
            lambda: processes.answer(f"{telemetry}/healthz")[0] == 200, what="it is alive"
        )
        status, body = processes.answer(f"{telemetry}/readyz")
        assert status == 503
        assert (
            f"store: ClickHouse at http://{address}: Connection refused"
            in json.loads(body)["waiting_for"]
        )
        with processes.store(tmp_path / "store", address=address):
            processes.wait_until(
                lambda: processes.answer(f"{telemetry}/readyz")[0] == 200, what="it is ready"
            )
            assert worker.poll() is None
            worker.terminate()
            assert worker.wait(timeout=30) == 0
    finally:
        worker.kill()
        worker.wait()


def test_a_first_start_is_no_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Asking whether query is ready leaves no refusals in the store's log before it is migrated."""
    with processes.pipeline(tmp_path) as running:
        assert running.stop() == 0
    told = capfd.readouterr()
    assert "schema_applied" in told.out + told.err
    assert "query_refused" not in told.out + told.err


def test_query_waits_for_the_migration(tmp_path: Path) -> None:
    """And says what makes the tables."""
    endpoint = f"127.0.0.1:{processes.free_port()}"
    with processes.store(tmp_path / "store", migrated=False) as store:
        query = subprocess.Popen(
            [processes.COMMAND, "query", f"--data-dir={tmp_path}",
             f"--set=query.endpoint={endpoint}", f"--set=store.endpoint={store.address}"]
        )  # fmt: skip
        try:
            url = f"http://{endpoint}/readyz"
            processes.wait_until(lambda: processes.answer(url)[0] == 503, what="it answers")
            [reason] = json.loads(processes.answer(url)[1])["waiting_for"]
            assert "no tables yet" in reason
            assert "sessiontrail migrate" in reason
            processes.migrate(store)
            processes.wait_until(lambda: processes.answer(url)[0] == 200, what="it is ready")
        finally:
            query.terminate()
            assert query.wait(timeout=30) == 0


def test_up_takes_spans_before_the_store_is_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """They wait in the log, the reason is told now and then, and the rest starts by itself."""
    address = HostPort("127.0.0.1", processes.free_port())
    url = f"http://{address}"
    with processes.pipeline(
        tmp_path, f"store.endpoint={address}", f"store.url={url}", ready=False
    ) as running:
        processes.wait_until(
            lambda: processes.answer(f"{running.http}/readyz")[0] == 200, what="ingest is ready"
        )
        running.send(BODY)
        told = ""

        def is_told() -> bool:
            nonlocal told
            told += capfd.readouterr().out
            return f"store: ClickHouse at {url}: Connection refused" in told

        processes.wait_until(is_told, what="the reason is told")
        assert told.count("Connection refused") < 3
        with processes.store(tmp_path / "elsewhere", address=address, migrated=False):
            processes.wait_until(running.is_ready, what="the pipeline is ready")
            running.wait_for_spans("default", 2)
            assert running.stop() == 0

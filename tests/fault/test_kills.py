"""Promises 1 and 2 with real processes: kill -9 at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import itertools
import os
import random
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests import model, processes, views
from tests.load import Load

KILLS = int(os.environ.get("KILLS", "24"))
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(2**32))))


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """Ingest, worker and store die in turn under load; then every figure is exact."""
    print(f"KILL_SEED={SEED}")
    dice = random.Random(SEED)
    with processes.pipeline(tmp_path) as running:
        load = Load(grpc_address=running.grpc, http_address=running.http, seed=SEED)
        load.start()
        killed = {"ingest": 0, "worker": 0, "store": 0}
        for child in itertools.islice(itertools.cycle(killed), KILLS):
            time.sleep(dice.uniform(0.0, 2.0))
            processes.wait_until(partial(running.kill, child), what=f"{child} runs")
            killed[child] += 1
        load.stop()
        processes.wait_until(running.is_ready, what="the pipeline is ready again")
        print(f"killed {killed}, acknowledged {len(load.acknowledged)}, retries {load.retries}")
        _assert_exact(running, load)
        assert running.stop() == 0


@pytest.mark.fault
def test_a_killed_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    """The children of a killed `up` end by themselves, and another `up` finds everything."""
    with processes.pipeline(tmp_path) as running:
        load = Load(grpc_address=running.grpc, http_address=running.http, seed=SEED)
        load.start()
        time.sleep(2)
        children = [psutil.Process(running.pid(name)) for name in ("ingest", "worker", "store")]
        running.process.kill()
        running.process.wait()
        # The senders are still trying; what they hold goes to the next one, on the same ports.
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive
        with _on_the_same_ports(running) as again:
            load.stop()
            _assert_exact(again, load)


def test_stop_under_load_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM in the middle of a load ends with 0 in time, and the next start has every span."""
    with processes.pipeline(tmp_path) as running:
        load = Load(grpc_address=running.grpc, http_address=running.http, seed=SEED)
        load.start()
        time.sleep(2)
        started = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - started < 30
        with _on_the_same_ports(running) as again:
            load.stop()
            _assert_exact(again, load)


def _on_the_same_ports(running: processes.Pipeline) -> AbstractContextManager[processes.Pipeline]:
    """Start the pipeline anew over the same folder, where the senders still look for it."""
    ingest = running.config.ingest
    return processes.pipeline(
        running.folder,
        f"ingest.grpc.endpoint={ingest.grpc.endpoint}",
        f"ingest.http.endpoint={ingest.http.endpoint}",
    )


def _assert_exact(running: processes.Pipeline, load: Load) -> None:
    sent = load.acknowledged
    assert sent
    running.wait_for_spans("default", len(sent), seconds_max=120)
    assert model.sessions(sent) == views.sessions(running.store.query, "default")
    assert model.traces(sent) == views.traces(running.store.query, "default")
    [[rows, distinct]] = running.store.query(
        "SELECT count(), uniqExact(TraceId, SpanId) FROM spans WHERE Project = 'default'"
    )
    assert (rows, distinct) == (len(sent), len(sent))

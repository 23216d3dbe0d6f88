"""`sessiontrail up` around an existing Kafka, and processes that are there before it."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest

from buffer.port import Record
from cli import buffers
from runtime.config import Config
from tests import model, processes, views
from tests.deployment import deployment
from tests.kafka.cluster import Cluster
from tests.kafka.groups import lag
from tests.load import Load
from tests.processes import answer, wait_until


def test_two_settings_are_enough(kafka: Cluster, topic_name: str, tmp_path: Path) -> None:
    """The rest runs around the brokers that are named, and creates the topics it needs."""
    with processes.pipeline(
        tmp_path,
        "buffer.kind=kafka",
        f"buffer.kafka.bootstrap_servers={kafka.bootstrap_servers}",
        f"buffer.kafka.topic={topic_name}",
        f"buffer.kafka.logs_topic={topic_name}.logs",
        f"buffer.kafka.dead_topic={topic_name}.dead",
        f"buffer.kafka.group={topic_name}",
    ) as running:
        load = Load(grpc_address=running.grpc, http_address=running.http, seed=1)
        load.start()
        time.sleep(2)
        # It comes back to its partitions at once, and not when its session is over.
        running.kill("worker")
        killed = time.monotonic()
        time.sleep(1)
        load.stop()
        wait_until(
            lambda: lag(kafka, group=topic_name, topic=topic_name) == 0, what="all is committed"
        )
        assert time.monotonic() - killed < 9
        assert model.sessions(load.acknowledged) == views.sessions(running.store.query, "default")
        assert not (tmp_path / "buffer").exists()
        assert running.stop() == 0


async def test_what_an_embedded_log_holds_is_not_forgotten(tmp_path: Path) -> None:
    """Who changes to Kafka is told of spans that are acknowledged and not stored yet."""
    embedded = Config(data_dir=tmp_path)
    producer = await buffers.open_producer(embedded, "spans")
    await producer.append(Record(value=b"x"))
    await producer.close()
    kafka = Config.model_validate({"data_dir": tmp_path, "buffer": {"kind": "kafka"}})
    assert buffers.left_behind(kafka) == 1
    assert buffers.left_behind(embedded) == 0
    assert buffers.left_behind(kafka.model_copy(update={"data_dir": tmp_path / "new"})) == 0


def _ready(url: str) -> tuple[int, list[str]]:
    """Return the status of /readyz and what it says is waited for."""
    status, text = answer(f"{url}/readyz")
    return status, json.loads(text)["waiting_for"]


def _is_alive(url: str) -> bool:
    return answer(f"{url}/healthz")[0] == 200


@pytest.mark.parametrize("processes_of_ingest", [1, 2])
def test_processes_wait_for_kafka(
    topic_name: str, tmp_path: Path, processes_of_ingest: int
) -> None:
    """
    Started before it, they live, say what they wait for, and work once it is there. A broker that
    answers nothing is a reason in words as well.
    """
    with Cluster(folder=tmp_path / "kafka") as cluster:
        cluster.kill(1)
        with deployment(
            cluster, tmp_path, topic_name, f"ingest.processes={processes_of_ingest}", is_ready=False
        ) as deployed:
            deployed.start_worker("worker-1")
            for name in ("ingest", "worker-1"):
                url = deployed.health[name]
                wait_until(partial(_is_alive, url), what=f"{name} is alive")
                status, reasons = _ready(url)
                assert status == 503
                assert any(
                    reason.startswith("buffer: Kafka at") and cluster.bootstrap_servers in reason
                    for reason in reasons
                ), reasons
            load = Load(grpc_address=deployed.grpc, http_address=deployed.http, seed=1)
            load.start()
            time.sleep(2)
            assert load.acknowledged == []
            assert load.retries > 0
            cluster.start(1)
            deployed.wait_until_ready("ingest", "worker-1")
            time.sleep(2)
            load.stop()
            deployed.assert_exact(load)
            cluster.freeze(1)
            status, reasons = _ready(deployed.health["worker-1"])
            cluster.thaw(1)
            assert status == 503
            assert all(reason.partition(": ")[2] for reason in reasons), reasons

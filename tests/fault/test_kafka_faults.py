"""Promises 1, 2 and 5 with real brokers, through every failure that a deployment meets."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.deployment import Deployment, deployment
from tests.kafka.cluster import Cluster
from tests.kafka.topics import configure_topic, delete_topic
from tests.load import Load
from tests.processes import wait_until

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(2**32))))
STEPS = ("consume", "insert", "resolve", "dead_letter", "commit", "refresh")

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]


@pytest.fixture
def deployed(kafka: Cluster, topic_name: str, tmp_path: Path) -> Iterator[Deployment]:
    """A store, receivers and no workers yet, around the Kafka that tests share."""
    with deployment(kafka, tmp_path, topic_name) as made:
        yield made


def _load(made: Deployment) -> Load:
    print(f"KILL_SEED={SEED}")
    load = Load(grpc_address=made.grpc, http_address=made.http, seed=SEED)
    load.start()
    return load


def test_killed_workers_lose_nothing_and_double_nothing(deployed: Deployment) -> None:
    """
    Two workers die between every two of their steps, while a third one joins and leaves, and now
    and then a receiver dies as well.
    """
    dice = random.Random(SEED)
    steps = itertools.cycle(STEPS)
    load = _load(deployed)
    names = ("worker-1", "worker-2")
    for name in names:
        deployed.start_worker(name, crash_after=next(steps))
    kills = 0
    while kills < KILLS:
        time.sleep(0.05)
        for name in names:
            # Those that do not come to their step in time die wherever they are.
            if deployed.has_ended(name) or dice.random() < 0.02:
                deployed.kill(name)
                deployed.start_worker(name, crash_after=next(steps))
                kills += 1
        if dice.random() < 0.03:
            _join_or_leave(deployed, dice)
        if dice.random() < 0.02:
            deployed.kill_receiver(dice)
    for name in names:
        deployed.kill(name)
        deployed.start_worker(name)
    load.stop()
    print(f"kills {kills}, acknowledged {len(load.acknowledged)}, retries {load.retries}")
    deployed.assert_exact(load)
    assert deployed.stop("worker-1") == deployed.stop("worker-2") == 0


def _join_or_leave(deployed: Deployment, dice: random.Random) -> None:
    """Make the group share out its partitions anew, in an orderly way or not."""
    if "guest" not in deployed.running:
        # Without a name of its own it is somebody new each time.
        deployed.start_worker("guest", "buffer.kafka.instance_id=")
    elif dice.random() < 0.5:
        deployed.kill("guest")
    else:
        deployed.stop("guest")


def test_a_worker_that_was_stopped_past_its_session_changes_nothing(deployed: Deployment) -> None:
    """Its partitions are another's by the time it goes on with what it had in hand."""
    dice = random.Random(SEED)
    deployed.start_worker("worker-1")
    deployed.start_worker("worker-2")
    deployed.wait_until_ready("worker-1", "worker-2")
    load = _load(deployed)
    for name in ("worker-1", "worker-2"):
        time.sleep(dice.uniform(1, 2))
        deployed.pause(name)
        time.sleep(6)  # twice its session
        deployed.resume(name)
        deployed.wait_until_ready(name)
    load.stop()
    deployed.assert_exact(load)


def test_the_store_is_away_for_a_minute(deployed: Deployment) -> None:
    """Spans are taken all the while, and stored once it is back."""
    deployed.start_worker("worker-1")
    load = _load(deployed)
    time.sleep(3)
    deployed.kill("store")
    acknowledged = len(load.acknowledged)
    time.sleep(60)
    assert len(load.acknowledged) > acknowledged
    assert not deployed.is_ready("worker-1")
    assert deployed.is_ready("ingest")
    deployed.start_store()
    deployed.wait_until_ready("worker-1")
    load.stop()
    deployed.assert_exact(load)


def test_a_topic_is_deleted_and_created_again(deployed: Deployment) -> None:
    """Offsets begin anew, and every span that is acknowledged after that is stored."""
    deployed.start_worker("worker-1")
    load = _load(deployed)
    for _ in range(3):
        time.sleep(3)
        with load.paused():
            wait_until(deployed.is_drained, what="everything is committed")
            delete_topic(deployed.cluster, deployed.topic)
        # Whoever comes first creates it: the receivers and the worker may.
    time.sleep(3)
    load.stop()
    deployed.assert_exact(load)


def test_the_only_broker_is_away_for_half_a_minute(topic_name: str, tmp_path: Path) -> None:
    """Spans are refused meanwhile, with the advice to come again, and nothing is lost."""
    with (
        Cluster(folder=tmp_path / "kafka") as cluster,
        deployment(cluster, tmp_path, topic_name) as deployed,
    ):
        deployed.start_worker("worker-1")
        load = _load(deployed)
        time.sleep(3)
        cluster.kill(1)
        time.sleep(30)
        assert not deployed.is_ready("ingest")
        assert not deployed.is_ready("worker-1")
        cluster.start(1)
        deployed.wait_until_ready("ingest", "worker-1")
        load.stop()
        deployed.assert_exact(load)


def test_leading_brokers_die(topic_name: str, tmp_path: Path) -> None:
    """Of three brokers one dies after the other, the leader of a partition each time."""
    with (
        Cluster(folder=tmp_path / "kafka", nodes=3) as cluster,
        deployment(cluster, tmp_path, topic_name) as deployed,
    ):
        for name in ("worker-1", "worker-2"):
            deployed.start_worker(name)
        deployed.wait_until_ready("worker-1", "worker-2")
        load = _load(deployed)
        for partition in range(3):
            time.sleep(2)
            leader = cluster.leader_of(topic_name, partition)
            cluster.kill(leader)
            acknowledged = len(load.acknowledged)
            wait_until(
                partial(lambda before: len(load.acknowledged) > before + 50, acknowledged),
                what="spans are taken without it",
            )
            cluster.start(leader)
            cluster.wait_in_sync(topic_name)
        configure_topic(cluster, topic_name, min_insync_replicas=3)
        cluster.kill(leader)
        wait_until(lambda: not deployed.is_ready("ingest"), what="too few replicas are a reason")
        retries = load.retries
        wait_until(lambda: load.retries > retries + load.senders, what="spans are refused")
        cluster.start(leader)
        deployed.wait_until_ready("ingest")
        load.stop()
        deployed.assert_exact(load)

"""The tests' Kafka is a real one: it keeps what was acknowledged, and elects new leaders."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from tests import processes
from tests.kafka.cluster import Cluster
from tests.kafka.properties import PASSWORD, USER
from tests.kafka.topics import create_topic, delete_topic

# A test session in a process of its own, which is killed.
SESSION = """
import sys, time
from pathlib import Path
from tests.kafka.cluster import Cluster

with Cluster(folder=Path(sys.argv[1])):
    print("serves", flush=True)
    time.sleep(60)
"""


async def produce(servers: str, topic: str, value: bytes, **settings: Any) -> None:
    """Append a record; return once every replica in sync has it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", request_timeout_ms=10_000, **settings
    )
    try:
        await producer.start()
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def first_value(servers: str, topic: str) -> object:
    """Return the value of a topic's first record."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    try:
        await consumer.start()
        return (await asyncio.wait_for(consumer.getone(), timeout=10)).value
    finally:
        await consumer.stop()


async def test_a_deleted_topic_is_gone(kafka: Cluster, topic_name: str) -> None:
    """And it begins anew when it is created again."""
    create_topic(kafka, topic_name, partitions=3, max_message_bytes=65536)
    await produce(kafka.bootstrap_servers, topic_name, b"old")
    delete_topic(kafka, topic_name)
    create_topic(kafka, topic_name)
    await produce(kafka.bootstrap_servers, topic_name, b"new")
    assert await first_value(kafka.bootstrap_servers, topic_name) == b"new"


async def test_a_record_survives_a_kill_of_the_only_node(tmp_path: Path, topic_name: str) -> None:
    """What was acknowledged is there when the node has been started again, on its old port."""
    with Cluster(folder=tmp_path / "kafka") as cluster:
        create_topic(cluster, topic_name)
        await produce(cluster.bootstrap_servers, topic_name, b"kept")
        cluster.kill(1)
        with pytest.raises(KafkaConnectionError):
            await produce(cluster.bootstrap_servers, topic_name, b"refused")
        cluster.start(1)
        assert await first_value(cluster.bootstrap_servers, topic_name) == b"kept"


async def test_three_nodes_elect_a_new_leader(tmp_path: Path, topic_name: str) -> None:
    """Two of three go on when the leader is killed or frozen, and it joins them again."""
    with Cluster(folder=tmp_path / "kafka", nodes=3) as cluster:
        create_topic(cluster, topic_name)
        killed = cluster.leader_of(topic_name)
        cluster.kill(killed)
        assert cluster.leader_of(topic_name) != killed
        await produce(cluster.bootstrap_servers, topic_name, b"by two")
        cluster.start(killed)
        cluster.wait_in_sync(topic_name)

        frozen = cluster.leader_of(topic_name)
        cluster.freeze(frozen)
        assert cluster.leader_of(topic_name) != frozen
        cluster.thaw(frozen)
        cluster.wait_in_sync(topic_name)
        assert await first_value(cluster.bootstrap_servers, topic_name) == b"by two"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cluster whose clients say who they are."""
    with Cluster(folder=tmp_path_factory.mktemp("secured"), security=True) as cluster:
        yield cluster


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL", "SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_secure_listeners_know_their_user(
    secured: Cluster, topic_name: str, listener: str, mechanism: str
) -> None:
    """The user's password, or a certificate of the cluster's authority, opens them."""
    create_topic(secured, topic_name)
    context = ssl.create_default_context(cafile=secured.certificates.ca)
    context.load_cert_chain(
        secured.certificates.client_certificate, secured.certificates.client_key
    )
    await produce(
        secured.bootstrap_servers_of(listener),
        topic_name,
        b"signed",
        security_protocol=listener,
        ssl_context=context if listener.endswith("SSL") else None,
        sasl_mechanism=mechanism,
        sasl_plain_username=USER,
        sasl_plain_password=PASSWORD,
    )
    assert await first_value(secured.bootstrap_servers, topic_name) == b"signed"


# aiokafka does not wait for the end of a connection that it gives up.
@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL", "SSL"])
def test_secure_listeners_refuse_everybody_else(secured: Cluster, listener: str) -> None:
    """A wrong password, or no certificate."""
    context = ssl.create_default_context(cafile=secured.certificates.ca)
    forged = produce(
        secured.bootstrap_servers_of(listener),
        "any",
        b"forged",
        security_protocol=listener,
        ssl_context=context if listener.endswith("SSL") else None,
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=USER,
        sasl_plain_password="a guess",
    )
    with pytest.raises(KafkaConnectionError):
        asyncio.run(forged)
    gc.collect()


def test_no_node_outlives_its_session(tmp_path: Path) -> None:
    """Not even when the session is killed, and can clean nothing up."""
    folder = tmp_path / "kafka"
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(folder)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert session.stdout is not None
    with session.stdout as said:
        assert said.readline() == b"serves\n"
        nodes = [child for child in psutil.Process(session.pid).children() if _is_java(child)]
        assert len(nodes) == 1
        session.send_signal(signal.SIGKILL)
        session.wait()
    processes.wait_until(lambda: not any(_is_alive(node) for node in nodes), what="no node lives")


def _is_java(process: psutil.Process) -> bool:
    return process.name() == "java"


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""Brokers that ask who we are, and that we ask who they are."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from buffer.kafka import KafkaConsumer, KafkaProducer
from buffer.port import Record
from runtime.config import KafkaBufferConfig
from runtime.errors import BufferUnavailable, ConfigError
from tests.kafka.cluster import Cluster
from tests.kafka.properties import PASSWORD, USER


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Kafka with every listener that there is."""
    with Cluster(folder=tmp_path_factory.mktemp("secure"), security=True) as cluster:
        yield cluster


def config(cluster: Cluster, protocol: str, mechanism: str, **given: object) -> KafkaBufferConfig:
    """Return the settings that reach a listener; `given` are those of its security."""
    certificates = cluster.certificates
    security: dict[str, object] = {"protocol": protocol}
    if "sasl" in protocol:
        security |= {"mechanism": mechanism, "user": USER, "password": PASSWORD}
    if "ssl" in protocol:
        security |= {"ca_file": certificates.ca}
    if protocol == "ssl":
        security |= {
            "cert_file": certificates.client_certificate,
            "key_file": certificates.client_key,
        }
    name = f"secure-{secrets.token_hex(6)}"
    return KafkaBufferConfig.model_validate(
        {
            "bootstrap_servers": cluster.bootstrap_servers_of(protocol.upper()),
            "topic": name,
            "group": name,
            "topics": {"create": True, "partitions": 1},
            "security": security | given,
        }
    )


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("sasl_plaintext", "PLAIN"),
        ("sasl_plaintext", "SCRAM-SHA-256"),
        ("sasl_ssl", "SCRAM-SHA-512"),
        ("ssl", ""),
    ],
)
async def test_records_pass_through_each_kind_of_listener(
    secure: Cluster, protocol: str, mechanism: str
) -> None:
    """With the right user, certificate and authority, a log is like any other."""
    settings = config(secure, protocol, mechanism)
    async with AsyncExitStack() as opened:
        producer = await KafkaProducer.open(settings)
        opened.push_async_callback(producer.close)
        await producer.append(Record(value=b"x"))
        consumer = await KafkaConsumer.open(settings)
        opened.push_async_callback(consumer.close)
        assert (await consumer.backlog()).records == 1
        [consumed] = await consumer.consume(value_bytes_max=10, wait_seconds_max=5)
        assert consumed.record.value == b"x"


@pytest.mark.parametrize(
    ("protocol", "given", "in_words"),
    [
        ("sasl_plaintext", {"password": "wrong"}, "invalid credentials"),
        ("sasl_ssl", {"ca_file": None}, "certificate verify failed"),
    ],
)
async def test_whoever_is_not_trusted_is_told_so(
    secure: Cluster, protocol: str, given: dict[str, object], in_words: str
) -> None:
    """A wrong password or a broker that we do not know is a reason, and no end."""
    producer = await KafkaProducer.open(config(secure, protocol, "SCRAM-SHA-512", **given))
    try:
        with pytest.raises(BufferUnavailable, match=in_words):
            await producer.append(Record(value=b"x"))
    finally:
        await producer.close()


@pytest.mark.parametrize(
    ("protocol", "listener"),
    [
        ("plaintext", "SASL_PLAINTEXT"),
        ("plaintext", "SSL"),
        ("sasl_plaintext", "SASL_SSL"),
        ("sasl_ssl", "SASL_PLAINTEXT"),
    ],
)
async def test_another_protocol_than_the_listeners_is_told_so(
    secure: Cluster, protocol: str, listener: str
) -> None:
    """Brokers hang up on it without a word; the setting is named instead."""
    servers = [secure.bootstrap_servers_of(listener)]
    settings = config(secure, protocol, "SCRAM-SHA-512")
    producer = await KafkaProducer.open(settings.model_copy(update={"bootstrap_servers": servers}))
    try:
        with pytest.raises(BufferUnavailable, match=rf"security\.protocol \({protocol}\) fit"):
            await producer.append(Record(value=b"x"))
    finally:
        await producer.close()


async def test_a_file_that_is_missing_ends_the_start(secure: Cluster) -> None:
    """Waiting would not help."""
    settings = config(secure, "sasl_ssl", "PLAIN", ca_file="/nowhere/ca.pem")
    with pytest.raises(ConfigError, match="ca_file"):
        await KafkaProducer.open(settings)

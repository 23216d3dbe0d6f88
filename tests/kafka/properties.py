"""The settings of a test's brokers: quick to start and to elect, and else as in production."""

from __future__ import annotations

from collections.abc import Mapping

from tests.kafka.certificates import Certificates
from tests.kafka.node import Node

USER, PASSWORD = "sessiontrail", "correct horse"
SECURE_LISTENERS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
SCRAM_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
CONTROLLER = "CONTROLLER"


def scram_users() -> list[str]:
    """Return the options of `kafka-storage format` that create the user for SCRAM."""
    credentials = f"[name={USER},password={PASSWORD}]"
    return [
        option
        for mechanism in SCRAM_MECHANISMS
        for option in ("--add-scram", f"{mechanism}={credentials}")
    ]


def of_node(node: Node, controllers: Mapping[int, int]) -> dict[str, str]:
    """Return a node's settings. `controllers` has the port of every node's controller."""
    replication = 3 if len(controllers) >= 3 else 1
    in_sync = max(1, replication - 1)
    clients = {name: port for name, port in node.ports.items() if name != CONTROLLER}
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(
            f"{id_}@127.0.0.1:{port}" for id_, port in controllers.items()
        ),
        "listeners": _addresses(node.ports),
        "advertised.listeners": _addresses(clients),
        "listener.security.protocol.map": ",".join(
            f"{name}:{'PLAINTEXT' if name == CONTROLLER else name}" for name in node.ports
        ),
        "controller.listener.names": CONTROLLER,
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(node.folder / "data"),
        # As in production: a topic is there because somebody decided its shape.
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "default.replication.factor": str(replication),
        "min.insync.replicas": str(in_sync),
        "message.max.bytes": "10485760",
        "replica.fetch.max.bytes": "10485760",
        # Fewer and smaller, so that it starts in seconds.
        **_internal_topics(replication, in_sync),
        "num.network.threads": "2",
        "num.io.threads": "2",
        "num.recovery.threads.per.data.dir": "1",
        "log.cleaner.dedupe.buffer.size": "16777216",
        # Groups and elections settle within seconds as well.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
    }


def of_security(certificates: Certificates) -> dict[str, str]:
    """Return the settings of the secure listeners."""
    module = "org.apache.kafka.common.security"
    plain = f'{module}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    scram = f"{module}.scram.ScramLoginModule required;"
    logins = {
        f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config": login
        for listener in ("sasl_plaintext", "sasl_ssl")
        for mechanism, login in {"PLAIN": plain, **dict.fromkeys(SCRAM_MECHANISMS, scram)}.items()
    }
    return logins | {
        "sasl.enabled.mechanisms": ",".join(("PLAIN", *SCRAM_MECHANISMS)),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates.broker),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates.ca),
        "listener.name.ssl.ssl.client.auth": "required",
    }


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


def _internal_topics(replication: int, in_sync: int) -> dict[str, str]:
    return {
        "offsets.topic.replication.factor": str(replication),
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": str(replication),
        "transaction.state.log.min.isr": str(in_sync),
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": str(replication),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        "share.coordinator.state.topic.num.partitions": "1",
    }

"""Which log is behind the port: the one place where adapters of the buffer are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal

from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.port import Consumer, Producer
from buffer.sqlite_log import SqliteLog
from runtime import checks
from runtime.config import Config, KafkaBufferConfig
from runtime.signals import SignalName

Log = Literal["spans", "logs", "dead_letters", "rejected"]

# Where each signal waits to be stored.
LOGS: Mapping[SignalName, Log] = {"traces": "spans", "logs": "logs"}

_FILES: dict[Log, str] = {
    "spans": "otlp_spans.db",
    "logs": "otlp_logs.db",
    "dead_letters": "otlp_spans.dead.db",
    "rejected": "otlp_spans.rejected.db",
}
# Nobody consumes what is there to be looked at: of such a log the newest records are kept. Kafka
# forgets them by the retention of its topics.
_RECORDS_MAX: dict[Log, int] = {"rejected": 1000}


async def open_producer(config: Config, log: Log) -> Producer:
    """
    Open the writing end of a log.

    Raises:
        ConfigError: the settings contradict.
    """
    checks.refuse(checks.buffer(config))
    if config.buffer.kind == "kafka":
        from buffer.kafka import KafkaProducer

        return await KafkaProducer.open(_kafka(config, log))
    log_bytes_max = config.buffer.embedded.value_bytes_max
    return await EmbeddedProducer.open(
        _path(config, log), log_bytes_max=log_bytes_max, records_max=_RECORDS_MAX.get(log)
    )


async def open_consumer(config: Config, log: Log) -> Consumer:
    """
    Open the reading end of a log.

    Raises:
        ConfigError: another process has the embedded log's one place for a consumer.
    """
    if config.buffer.kind == "kafka":
        from buffer.kafka import KafkaConsumer

        return await KafkaConsumer.open(_kafka(config, log))
    return await EmbeddedConsumer.open(_path(config, log))


def name_of(config: Config, log: Log) -> str:
    """Return what a log is called: Kafka's topic, or the file's name."""
    if config.buffer.kind == "kafka":
        return _kafka(config, log).topic
    return Path(_FILES[log]).stem


def left_behind(config: Config) -> int:
    """Return how many records wait in an embedded log that nobody reads with these settings."""
    if config.buffer.kind == "embedded":
        return 0
    return sum(_waiting(_path(config, log)) for log in LOGS.values())


def _waiting(path: Path) -> int:
    if not path.exists():
        return 0
    with closing(SqliteLog(path)) as log:
        return log.backlog().records


def _path(config: Config, log: Log) -> Path:
    return config.data_dir / "buffer" / _FILES[log]


def _kafka(config: Config, log: Log) -> KafkaBufferConfig:
    kafka = config.buffer.kafka
    if log == "spans":
        return kafka
    # Groups of their own: who reads the one must not make those share out anew who read the other.
    if log == "logs":
        others = {"topic": kafka.logs_topic, "group": f"{kafka.group}.logs"}
    elif log == "rejected":
        others = {
            "topic": f"{kafka.topic}.rejected",
            "group": f"{kafka.group}.rejected",
            "instance_id": "",
        }
    else:
        others = {"topic": kafka.dead_topic, "group": f"{kafka.group}.dead", "instance_id": ""}
    return kafka.model_copy(update=others)

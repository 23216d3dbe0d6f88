"""Log records by way of a real Kafka, in a topic of their own."""

from __future__ import annotations

from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from schemas.envelope import PROJECT
from tests import processes
from tests.kafka.cluster import Cluster
from tests.kafka.groups import lag
from tests.kafka.wire import run
from tests.otlp import key_values
from tests.processes import wait_until
from tests.samples import as_json, log_record, log_request, text


def test_log_records_go_through_a_topic_of_their_own(
    kafka: Cluster, topic_name: str, tmp_path: Path
) -> None:
    """What others wrote there is read too: a Collector's kafka exporter, in either encoding."""
    own = log_request(log_record(1), log_record(2))
    session = log_record(3, trace_id=b"", attributes=key_values({"session.id": "s"}))
    foreign = [
        log_request(session).SerializeToString(),
        as_json(log_request(log_record(4), log_record(5, trace_id=b"", body=text("nowhere")))),
    ]
    topic = f"{topic_name}.logs"
    with processes.pipeline(
        tmp_path,
        "buffer.kind=kafka",
        f"buffer.kafka.bootstrap_servers={kafka.bootstrap_servers}",
        f"buffer.kafka.topic={topic_name}",
        f"buffer.kafka.logs_topic={topic}",
        f"buffer.kafka.dead_topic={topic_name}.dead",
        f"buffer.kafka.group={topic_name}",
    ) as running:
        running.send(own.SerializeToString(), "logs")
        run(_append(kafka, topic, foreign))
        wait_until(lambda: _stored(running) == 4, what="all are stored")
        wait_until(lambda: lag(kafka, group=f"{topic_name}.logs", topic=topic) == 0, what="commit")
        rows = running.store.query("SELECT Body, SessionId FROM logs ORDER BY Body")
        assert rows == [(f"log record {n}", "s" if n == 3 else "") for n in (1, 2, 3, 4)]
        values = run(_read(kafka, topic))
        assert own in values
        assert running.store.query("SELECT count() FROM spans") == [(0,)]


def _stored(running: processes.Pipeline) -> int:
    [[count]] = running.store.query("SELECT count() FROM logs")
    return int(count)


async def _append(kafka: Cluster, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _read(kafka: Cluster, topic: str) -> list[ExportLogsServiceRequest]:
    """Return our own requests in a topic, as another reader of OTLP gets them."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found = await consumer.getmany(timeout_ms=10_000)
    finally:
        await consumer.stop()
    return [
        ExportLogsServiceRequest.FromString(record.value)
        for records in found.values()
        for record in records
        if PROJECT in dict(record.headers)
    ]

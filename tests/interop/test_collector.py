"""The OpenTelemetry Collector on the other side of the topic: what it writes, and what it reads."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests import otlp
from tests.deployment import deployment
from tests.interop import collector
from tests.kafka.cluster import Cluster
from tests.load import Load
from tests.processes import free_port, wait_until

# The first run builds the Collector.
pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200)]

LOAD_SECONDS = 3.0


def send(grpc: str, http: str) -> Load:
    """Send traces for a while, and return what was acknowledged."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    load = Load(grpc_address=grpc, http_address=http, seed=seed)
    load.start()
    time.sleep(LOAD_SECONDS)
    load.stop()
    return load


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
def test_what_the_collector_writes_is_consumed(
    kafka: Cluster, tmp_path: Path, topic_name: str, encoding: str
) -> None:
    """Records without our headers belong to the default project, and their sessions are exact."""
    grpc, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    receiver = {"otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}}
    exporter = {
        "kafka": {
            "brokers": kafka.bootstrap_servers.split(","),
            "traces": {"topic": topic_name, "encoding": encoding},
            # It acknowledges what Kafka has.
            "producer": {"required_acks": -1, "allow_auto_topic_creation": False},
            "sending_queue": {"enabled": False},
        }
    }
    with deployment(kafka, tmp_path, topic_name) as running:
        running.start_worker("worker-1")
        with collector.run(tmp_path, receiver=receiver, exporter=exporter):
            load = send(grpc, f"http://{http}")
        running.assert_exact(load)
        print(f"{encoding}: {len(load.acknowledged)} spans, {load.retries} retries")


def test_the_collector_reads_what_ingest_writes(
    kafka: Cluster, tmp_path: Path, topic_name: str
) -> None:
    """Nothing is lost, and every span arrives with all that it was sent with."""
    file = tmp_path / "spans.bin"
    receiver = {
        "kafka": {
            "brokers": kafka.bootstrap_servers.split(","),
            "traces": {"topics": [topic_name], "encoding": "otlp_proto"},
            "group_id": f"{topic_name}-collector",
            "initial_offset": "earliest",
        }
    }
    exporter = {"file": {"path": str(file), "format": "proto", "flush_interval": "200ms"}}
    with deployment(kafka, tmp_path, topic_name) as running:
        load = send(running.grpc, running.http)
        sent = dict(spans_of(otlp.request(load.acknowledged)))
        with collector.run(tmp_path, receiver=receiver, exporter=exporter):
            wait_until(lambda: read(file).keys() >= sent.keys(), what="the Collector has them all")
        assert read(file) == sent
        print(f"{len(sent)} spans, {load.retries} retries")


def read(file: Path) -> dict[bytes, tuple[bytes, Span]]:
    """Return the spans in a file of the Collector's: messages, each after its length."""
    written = file.read_bytes() if file.exists() else b""
    found: dict[bytes, tuple[bytes, Span]] = {}
    position = 0
    while position + 4 <= len(written):
        length = int.from_bytes(written[position : position + 4], "big")
        message = written[position + 4 : position + 4 + length]
        if len(message) < length:
            break  # it is being written
        found.update(spans_of(message))
        position += 4 + length
    return found


def spans_of(request: bytes) -> Iterator[tuple[bytes, tuple[bytes, Span]]]:
    """Yield the spans of a request by their ids, each with its resource."""
    for group in ExportTraceServiceRequest.FromString(request).resource_spans:
        resource = group.resource.SerializeToString(deterministic=True)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield span.span_id, (resource, span)

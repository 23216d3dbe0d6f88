"""Log records by real exporters into a running pipeline, and read back with plain SQL."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from buffer.port import Record
from cli.buffers import open_producer
from schemas.envelope import Envelope
from tests import processes

EXPORTERS: dict[str, Callable[[processes.Pipeline], LogRecordExporter]] = {
    "grpc": lambda at: GrpcExporter(at.grpc, insecure=True),
    "http/protobuf": lambda at: HttpExporter(f"{at.http}/v1/logs"),
    "http/protobuf, gzip": lambda at: HttpExporter(
        f"{at.http}/v1/logs", compression=Compression.Gzip
    ),
}
NOW_NS = time.time_ns()


@pytest.mark.parametrize("name", EXPORTERS)
def test_log_records_come_back_as_they_were_sent(running: processes.Pipeline, name: str) -> None:
    """Within a span and without one, with bodies of text and of maps."""
    session = f"logs-{secrets.token_hex(4)}"
    resource = Resource({"service.name": "shop"})
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{running.http}/v1/traces")))
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logs.add_log_record_processor(BatchLogRecordProcessor(EXPORTERS[name](running)))
    logger = logs.get_logger("tests")

    with tracers.get_tracer("tests").start_as_current_span(
        "turn", attributes={"session.id": session}
    ) as span:
        logger.emit(
            LogRecord(
                timestamp=NOW_NS,
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body="retrying",
                attributes={"attempt": 2},
            )
        )
        context = span.get_span_context()
    logger.emit(
        LogRecord(
            timestamp=NOW_NS + 1,
            event_name="gen_ai.user.message",
            body={"role": "user", "content": "hello", "parts": [{"type": "text"}]},
            attributes={"session.id": session},
        )
    )
    logs.shutdown()
    tracers.shutdown()

    found = wait_for(running, session, 2)
    within, alone = found
    trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    assert (within["TraceId"], within["SpanId"], within["Body"]) == (trace_id, span_id, "retrying")
    assert (within["SeverityText"], within["SeverityNumber"]) == ("WARN", 13)
    assert within["LogAttributes"] == {"attempt": "2"}
    assert (alone["TraceId"], alone["EventName"]) == ("", "gen_ai.user.message")
    assert json.loads(alone["Body"])["content"] == "hello"
    assert {row["ServiceName"] for row in found} == {"shop"}


def wait_for(running: processes.Pipeline, session: str, count: int) -> list[dict[str, Any]]:
    """Return the log records of a session once they are so many."""

    def rows() -> list[dict[str, Any]]:
        columns = ("TraceId", "SpanId", "SeverityText", "SeverityNumber", "ServiceName")
        names = (*columns, "EventName", "Body", "LogAttributes")
        view = f"session_logs(project='default', session_id='{session}')"
        found = running.store.query(f"SELECT {', '.join(names)} FROM {view}")
        return [dict(zip(names, row, strict=True)) for row in found]

    processes.wait_until(lambda: len(rows()) == count, what=f"{count} logs", seconds_max=20)
    return rows()


def send_json(
    running: processes.Pipeline,
    *records: Mapping[str, Any],
    resource: Mapping[str, str] | None = None,
) -> Any:
    """Send log records in OTLP/JSON, and return the answer."""
    attributes = [
        {"key": key, "value": {"stringValue": value}} for key, value in (resource or {}).items()
    ]
    tree = {
        "resourceLogs": [
            {"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": records}]}
        ]
    }
    request = urllib.request.Request(
        f"{running.http}/v1/logs",
        data=json.dumps(tree).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200
        return json.loads(response.read())


def record(body: str, **fields: Any) -> dict[str, Any]:
    """Return a log record in OTLP/JSON."""
    return {"timeUnixNano": str(NOW_NS), "body": {"stringValue": body}, **fields}


def test_what_belongs_nowhere_is_rejected_alone(running: processes.Pipeline) -> None:
    """Neither session id nor trace id, or ids that cannot be: the others are stored."""
    session = f"logs-{secrets.token_hex(4)}"
    mine = {"attributes": [{"key": "session.id", "value": {"stringValue": session}}]}

    answer = send_json(
        running,
        record("good", **mine),
        record("nowhere"),
        record("zeros", traceId="0" * 32),
        record("short", traceId="abcd", **mine),
        record("short span", traceId="1" * 32, spanId="abcd", **mine),
        record("wrong type", severityNumber="WARN", **mine),
        record("good too", **mine),
    )

    told = answer["partialSuccess"]
    assert told["rejectedLogRecords"] == "5"
    message = told["errorMessage"]
    assert "5 of 7 log records rejected" in message
    assert "2 with neither session id nor trace id" in message
    found = wait_for(running, session, 2)
    assert sorted(row["Body"] for row in found) == ["good", "good too"]


def test_a_session_id_on_the_resource_is_enough(running: processes.Pipeline) -> None:
    """As it is for spans."""
    session = f"logs-{secrets.token_hex(4)}"

    assert send_json(running, record("a"), resource={"session.id": session}) == {}

    [row] = wait_for(running, session, 1)
    assert row["Body"] == "a"


def test_equal_records_are_one_and_others_are_not(running: processes.Pipeline) -> None:
    """Whatever is sent again counts once; a difference anywhere makes another record."""
    session = f"logs-{secrets.token_hex(4)}"
    key = {"key": "session.id", "value": {"stringValue": session}}
    base = record("same", attributes=[key], traceId="2" * 32, spanId="3" * 16)
    different = [
        {**base, "timeUnixNano": str(NOW_NS + 1)},
        {**base, "observedTimeUnixNano": str(NOW_NS)},
        {**base, "severityNumber": 9},
        {**base, "severityText": "INFO"},
        {**base, "body": {"stringValue": "other"}},
        {**base, "attributes": [key, {"key": "a", "value": {"stringValue": "b"}}]},
        {**base, "traceId": "4" * 32},
        {**base, "spanId": "4" * 16},
        {**base, "eventName": "e"},
        {**base, "flags": 1},
    ]

    for _ in range(2):
        assert send_json(running, base, base, *different) == {}

    wait_for(running, session, 1 + len(different))
    processes.wait_until(lambda: running.is_drained("otlp_logs"), what="drained")
    wait_for(running, session, 1 + len(different))


def test_times_that_cannot_be_are_replaced(running: processes.Pipeline) -> None:
    """By when the record was observed, or else received; and the row says so."""
    session = f"logs-{secrets.token_hex(4)}"
    mine = {"attributes": [{"key": "session.id", "value": {"stringValue": session}}]}
    observed = {"observedTimeUnixNano": str(NOW_NS)}

    send_json(running, record("observed", **mine) | {"timeUnixNano": "0"} | observed)
    send_json(running, record("received", **mine) | {"timeUnixNano": "1"})
    wait_for(running, session, 2)

    rows = running.store.query(
        "SELECT Body, TimeRepairs, toUnixTimestamp64Nano(Timestamp), toUnixTimestamp64Nano(Version)"
        f" FROM logs WHERE SessionId = '{session}' ORDER BY Body"
    )
    assert rows[0][:3] == ("observed", ["time"], NOW_NS)
    assert rows[1][:2] == ("received", ["time", "observed"])
    assert rows[1][2] == rows[1][3]


def test_what_cannot_be_read_is_a_dead_letter_of_its_log(running: processes.Pipeline) -> None:
    """The others are stored, and it is replayed to where it came from."""
    session = f"logs-{secrets.token_hex(4)}"
    mine = {"attributes": [{"key": "session.id", "value": {"stringValue": session}}]}
    envelope = Envelope(project="default", received_ns=NOW_NS, spans=1)
    poison = b"\x0a\xff\xff\xff\xff\x0fnot protobuf"

    async def append() -> None:
        producer = await open_producer(running.config, "logs")
        await producer.append(Record(value=poison, headers=envelope.to_headers()))
        await producer.close()

    def letters(*command: str) -> str:
        return subprocess.run(
            [processes.COMMAND, "dead-letters", *command, f"--data-dir={running.folder}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    asyncio.run(append())
    send_json(running, record("behind it", **mine))
    wait_for(running, session, 1)
    [letter] = map(json.loads, letters("list", "--json").splitlines())
    assert letter["topic"] == "otlp_logs"
    assert "not protob" in letters("show", letter["id"])
    assert letters("replay", letter["id"]) == "replayed 1 dead letter to otlp_logs\n"
    processes.wait_until(lambda: running.is_drained("otlp_logs"), what="it was looked at again")
    [again] = map(json.loads, letters("list", "--json").splitlines())
    assert again["topic"] == "otlp_logs"
    assert again["id"] != letter["id"]
    letters("drop", "--all", "--yes")

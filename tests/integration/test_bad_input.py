"""Bad input against the whole pipeline: a reason for the sender, and nothing else is lost by it."""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests import model, otlp, processes, views
from tests.model import DAY_NS, SentSpan

NOW_NS = 1_795_391_999 * 10**9
PROTOBUF = "application/x-protobuf"


@pytest.fixture(scope="module")
def running(running: processes.Pipeline) -> Iterator[processes.Pipeline]:
    """The running pipeline; no process of it may die of the tests of this file."""
    pids = [running.pid(child) for child in ("ingest", "worker", "store")]
    yield running
    assert pids == [running.pid(child) for child in ("ingest", "worker", "store")]


def post(
    running: processes.Pipeline, body: bytes, *, content_type: str = PROTOBUF
) -> tuple[int, bytes]:
    """Send a request and return status and body, whatever they are."""
    request = urllib.request.Request(
        f"{running.http}/v1/traces", data=body, headers={"Content-Type": content_type}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def span(number: int, *, session: str, start_ns: int = NOW_NS, end_ns: int = NOW_NS) -> SentSpan:
    """Return a span of a trace of its own."""
    return SentSpan(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        start_ns=start_ns,
        end_ns=end_ns,
        attributes={"session.id": session},
        received_ns=NOW_NS,
    )


def stored(running: processes.Pipeline, session: str, count: int) -> list[tuple[int, int, str]]:
    """Wait for a session's spans; return start, duration and time repairs of each."""
    query = (
        "SELECT toUnixTimestamp64Nano(Timestamp), Duration, arrayStringConcat(TimeRepairs, ',')"
        " FROM spans WHERE SessionId = {session:String} ORDER BY SpanId"
    )
    parameters = {"session": session}
    processes.wait_until(
        lambda: len(running.store.query(query, parameters)) >= count and running.is_drained(),
        what=f"{count} spans of {session}",
    )
    return [
        (start, duration, repairs)
        for start, duration, repairs in running.store.query(query, parameters)
    ]


def test_one_invalid_span_among_a_hundred_is_rejected_alone(running: processes.Pipeline) -> None:
    """Ninety-nine are stored, and the sender learns how many were not, and why."""
    request = ExportTraceServiceRequest.FromString(
        otlp.request([span(1000 + number, session="ninety-nine") for number in range(100)])
    )
    request.resource_spans[0].scope_spans[0].spans[37].trace_id = bytes(16)
    status, body = post(running, request.SerializeToString())
    answer = ExportTraceServiceResponse.FromString(body).partial_success
    assert (status, answer.rejected_spans) == (200, 1)
    assert "trace_id" in answer.error_message
    assert len(stored(running, "ninety-nine", 99)) == 99
    assert views.sessions(running.store.query, "default")["ninety-nine"].trace_count == 99


@pytest.mark.parametrize("seed", range(5))
def test_bytes_that_are_no_request_are_refused_for_good(
    running: processes.Pipeline, seed: int
) -> None:
    """400 with a Status that says what is wrong; an exporter does not send it again."""
    dice = random.Random(seed)
    whole = otlp.request([span(1, session="never")])
    for body in (whole[: dice.randrange(1, len(whole) - 1)], b"\xff" + dice.randbytes(200)):
        status, answer = post(running, body)
        assert status == 400
        assert Status.FromString(answer).message


def test_impossible_times_are_stored_sane_and_flagged(running: processes.Pipeline) -> None:
    """No duration wraps, and no span of 1970 or 2106 makes a session last for decades."""
    import time  # noqa: PLC0415

    now_ns = time.time_ns()
    base = span(0, session="times", start_ns=now_ns, end_ns=now_ns + 7)
    sent = [
        base,
        replace(base, end_ns=now_ns - 1),
        replace(base, start_ns=0),
        replace(base, start_ns=now_ns + 30 * DAY_NS, end_ns=now_ns + 30 * DAY_NS + 7),
        replace(base, start_ns=2**63 + 5, end_ns=2**64 - 1),
        replace(base, end_ns=2**64 - 1),
    ]
    sent = [
        replace(each, trace_id=f"{2000 + n:032x}", span_id=f"{2000 + n:016x}")
        for n, each in enumerate(sent)
    ]
    status, _ = post(running, otlp.request(sent))
    assert status == 200
    rows = stored(running, "times", len(sent))
    assert [repairs for _, _, repairs in rows] == [
        "",
        "end",
        "start,end",
        "start",
        "start,end",
        "end",
    ]
    assert [duration for _, duration, _ in rows] == [7, 0, 0, 7, 0, 0]
    assert all(abs(start - now_ns) < 60 * 10**9 for start, _, _ in rows)
    session = views.sessions(running.store.query, "default")["times"]
    assert session.end_ns - session.start_ns < 60 * 10**9


def test_json_and_protobuf_store_the_same(running: processes.Pipeline) -> None:
    """The same span in both encodings is the same row."""
    sent = replace(
        span(3000, session="json"), parent_span_id="ab" * 8, name="größe", end_ns=NOW_NS + 5
    )
    as_json = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": sent.trace_id.upper(),
                                "spanId": f"{3001:016X}",
                                "parentSpanId": sent.parent_span_id,
                                "name": sent.name,
                                "kind": 1,
                                "startTimeUnixNano": str(sent.start_ns),
                                "endTimeUnixNano": sent.end_ns,
                                "attributes": [
                                    {"key": "session.id", "value": {"stringValue": "json"}}
                                ],
                                "status": {"code": 1},
                                "unknown": [],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    assert post(running, otlp.request([sent]))[0] == 200
    body = json.dumps(as_json).encode()
    assert post(running, body, content_type="application/json; charset=utf-8") == (200, b"{}")
    stored(running, "json", 2)
    rows = running.store.query(
        "SELECT TraceId, ParentSpanId, Timestamp, Duration, SpanName, SpanKind, StatusCode,"
        " SpanAttributes FROM spans WHERE SessionId = 'json'"
    )
    assert rows[0] == rows[1]
    assert model.newest([sent])[0].name == rows[0][4]

"""
What OTLP 1.11 asks of JSON (OTLP/HTTP, JSON Protobuf Encoding), and what is taken beyond it because
real senders write it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conformance.wires import HttpWire, Wire
from tests.fakes import RecordingProducer
from tests.otlp_json import IDS, body_of
from tests.samples import spans_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLES = Path(__file__).parent / "examples"


@pytest.fixture
def http(wires: dict[str, Wire]) -> HttpWire:
    """OTLP/JSON alone."""
    wire = wires["http json"]
    assert isinstance(wire, HttpWire)
    return wire


def _attribute(value: str) -> Mapping[str, Any]:
    return {"attributes": [{"key": "k", "value": json.loads(value)}]}


def _read(value: str) -> str:
    return f"attributes {{ key: 'k' value {{ {value} }} }}"


# What a span has in JSON beside its ids, and what it has in protobuf's text.
TAKEN: dict[str, tuple[Mapping[str, Any], str]] = {
    "ids are hex in lower case": ({"traceId": IDS["traceId"].lower()}, ""),
    "ids are hex in mixed case": ({"traceId": "5b8efFF798038103d269b633813fc60C"}, ""),
    "parentSpanId is hex": (
        {"parentSpanId": "0102030405060708"},
        r"parent_span_id: '\1\2\3\4\5\6\7\10'",
    ),
    "ids of links are hex": (
        {"links": [{"traceId": "FF" * 16, "spanId": "01" * 8}]},
        r"links { trace_id: '" + r"\377" * 16 + r"' span_id: '" + r"\1" * 8 + "' }",
    ),
    "other bytes are base64": (
        _attribute('{"bytesValue": "/+8="}'),
        _read(r"bytes_value: '\377\357'"),
    ),
    "64-bit integers are strings": (
        {"startTimeUnixNano": "1795391999000000001"},
        "start_time_unix_nano: 1795391999000000001",
    ),
    "or numbers": (
        {"startTimeUnixNano": 1795391999000000001},
        "start_time_unix_nano: 1795391999000000001",
    ),
    "of all 64 bits": (
        {"endTimeUnixNano": str(2**64 - 1)},
        "end_time_unix_nano: 18446744073709551615",
    ),
    "with a sign": (
        _attribute('{"intValue": "-9223372036854775808"}'),
        _read("int_value: -9223372036854775808"),
    ),
    "enums are integers": ({"kind": 3, "status": {"code": 2}}, "kind: 3 status { code: 2 }"),
    "keys are lowerCamelCase": (
        {"droppedAttributesCount": 3, "traceState": "a=1"},
        "dropped_attributes_count: 3 trace_state: 'a=1'",
    ),
    "snake_case keys are none": ({"start_time_unix_nano": 5, "trace_state": "a"}, ""),
    "unknown keys are ignored": ({"later": {"a": [1, None]}}, ""),
    "also within attributes": (
        {"attributes": [{"key": "k", "later": 1, "value": {"stringValue": "v", "later": {}}}]},
        _read("string_value: 'v'"),
    ),
    "an absent kind is UNSPECIFIED": ({}, "kind: 0"),
    "null is absent": (
        {"kind": None, "attributes": None, "status": None, "parentSpanId": None},
        "",
    ),
    "an empty parent is none": ({"parentSpanId": ""}, ""),
    "NaN and infinities are strings": (
        _attribute('{"doubleValue": "-Infinity"}'),
        _read("double_value: -inf"),
    ),
    "numbers may be strings": (_attribute('{"doubleValue": "0.5"}'), _read("double_value: 0.5")),
    "an empty value": (_attribute("{}"), _read("")),
    "an empty string": (_attribute('{"stringValue": ""}'), _read("string_value: ''")),
    "false": (_attribute('{"boolValue": false}'), _read("bool_value: false")),
    "an empty array": (_attribute('{"arrayValue": {}}'), _read("array_value {}")),
    "an empty map": (_attribute('{"kvlistValue": {"values": []}}'), _read("kvlist_value {}")),
    "ids in base64, of old SDKs (opentelemetry-swift#537, opentelemetry-php#969)": (
        {"traceId": "W47/95gDgQPSabYzgT/GDA==", "parentSpanId": "AQIDBAUGBwg="},
        r"parent_span_id: '\1\2\3\4\5\6\7\10'",
    ),
}
REFUSED: dict[str, Mapping[str, Any]] = {
    "names of enums": {"kind": "SPAN_KIND_SERVER"},
    "enums as strings": {"kind": "2"},
    "names of enums within": {"status": {"code": "STATUS_CODE_ERROR"}},
    "base64 of another size": {"traceId": "W47/95gDgQM="},
    "ids that are no hex": {"spanId": "EEE19B7EC3C1B17X"},
    "ids that are numbers": {"spanId": 7},
    "a span_id in snake_case, which is none": {"spanId": None, "span_id": IDS["spanId"]},
    "integers with a fraction": {"startTimeUnixNano": 1.5},
    "integers beyond 64 bits": {"startTimeUnixNano": str(2**64)},
    "integers in other digits": {"startTimeUnixNano": "٣"},
    "text that is a number": {"name": 5},
    "truth that is a number": {"attributes": [{"key": "k", "value": {"boolValue": 1}}]},
    "bytes that are not base64": {"attributes": [{"key": "k", "value": {"bytesValue": "*"}}]},
    "a map of attributes": {"attributes": {"session.id": "a"}},
    "a bare value": {"attributes": [{"key": "k", "value": "text"}]},
}


@pytest.mark.parametrize(("fields", "expected"), TAKEN.values(), ids=list(TAKEN))
async def test_taken(
    http: HttpWire, fields: Mapping[str, Any], expected: str, producer: RecordingProducer
) -> None:
    """The span is published as if it had been sent in protobuf."""
    answer = await http.send(body_of({**IDS, **fields}))

    assert answer.outcome == "full success", answer.message
    (span,) = spans_of(producer.records[0].value)
    trace_id, span_id = (bytes.fromhex(IDS[key]) for key in ("traceId", "spanId"))
    assert span == text_format.Parse(expected, Span(trace_id=trace_id, span_id=span_id))


@pytest.mark.parametrize("fields", REFUSED.values(), ids=list(REFUSED))
async def test_refused(
    http: HttpWire, fields: Mapping[str, Any], producer: RecordingProducer
) -> None:
    """The span is rejected alone, and its sender learns why."""
    answer = await http.send(body_of({**IDS, "name": "good"}, {**IDS, "name": "bad", **fields}))

    assert (answer.outcome, answer.rejected) == ("partial success", 1)
    assert [span.name for span in spans_of(producer.records[0].value)] == ["good"]


@pytest.mark.parametrize("name", ["trace", "logs", "events", "metrics"])
async def test_examples_are_taken(http: HttpWire, name: str) -> None:
    """Requests like those in opentelemetry-proto's examples/ are accepted whole."""
    path = {"trace": "traces", "metrics": "metrics"}.get(name, "logs")

    answer = await http.request((EXAMPLES / f"{name}.json").read_bytes(), path=f"/v1/{path}")

    assert (answer.outcome, answer.raw) == ("full success", b"{}")


async def test_examples_are_read_whole(http: HttpWire, producer: RecordingProducer) -> None:
    """Upper-case ids, times as strings, and every level are where they belong."""
    await http.send((EXAMPLES / "trace.json").read_bytes())
    await http.request((EXAMPLES / "logs.json").read_bytes(), path="/v1/logs")

    (span,) = spans_of(producer.records[0].value)
    assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert (span.kind, span.end_time_unix_nano) == (2, 1795391999250000000)
    assert span.attributes[1].value.int_value == 201
    assert span.events[0].attributes[0].value.int_value == 3
    assert span.links[0].span_id.hex() == "00f067aa0ba902b8"
    logs = ExportLogsServiceRequest.FromString(producer.records[1].value)
    record = logs.resource_logs[0].scope_logs[0].log_records[0]
    assert (record.severity_number, record.span_id.hex()) == (10, "b7ad6b7169203331")
    assert record.attributes[3].value.double_value == 637.704
    assert record.attributes[5].value.kvlist_value.values[0].value.string_value == "v"

"""Records of other writers: what they are taken for, and which receive time they get."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from buffer.port import ConsumedRecord, Record
from schemas.envelope import HEADERS, Envelope
from schemas.otlp.json_validation import is_json
from tests import samples
from tests.samples import as_json, request, span, spans_of, text
from workers.batch import Batch

APPENDED_NS = 1_795_391_999_123 * 10**6
OURS = Envelope(project="shop", received_ns=1, spans=2).to_headers()


def _record(value: bytes, headers: dict[str, bytes] | None = None, **fields: int) -> ConsumedRecord:
    coordinates = {"partition": 0, "offset": 7, "appended_at_ns": APPENDED_NS, **fields}
    return ConsumedRecord(**coordinates, record=Record(value=value, headers=headers or {}))


def _reasons(batch: Batch) -> list[str]:
    return [dead.reason for dead in batch.unreadable]


def test_a_record_without_our_headers_belongs_to_the_default_project() -> None:
    """Other headers are its writer's business. What is valid is taken as it is."""
    body = request(span(1), span(2)).SerializeToString()

    [row] = Batch.of([_record(body, {"traceparent": b"00-1-2-01"})]).rows

    assert (row.envelope.project, row.envelope.spans) == ("default", 2)
    assert row.value is body


@pytest.mark.parametrize("blank", [b"", b" ", b"\n", b"\r\n\t "])
def test_json_is_known_by_its_brace(blank: bytes) -> None:
    """Whatever whitespace stands before it."""
    message = request(span(1), span(2))

    [row] = Batch.of([_record(blank + as_json(message))]).rows

    assert spans_of(row.value) == [span(1), span(2)]


def test_a_length_of_123_is_no_brace() -> None:
    """Protobuf too may begin with what looks like whitespace and a brace."""
    scope = ScopeSpans(spans=[span(1)])
    resource_spans = ResourceSpans(scope_spans=[scope])
    attribute = KeyValue(key="k", value=text(""))
    resource_spans.resource.MergeFrom(Resource(attributes=[attribute]))
    attribute.value.string_value = "x" * (123 - resource_spans.ByteSize())
    resource_spans.resource.attributes[0].CopyFrom(attribute)
    body = ExportTraceServiceRequest(resource_spans=[resource_spans]).SerializeToString()
    assert body.startswith(b"\n{")

    [row] = Batch.of([_record(body)]).rows

    assert row.value is body


@given(
    samples.requests.filter(lambda message: bool(message.resource_spans[0].scope_spans[0].spans))
)
def test_protobuf_is_never_taken_for_json(message: ExportTraceServiceRequest) -> None:
    """Nor JSON for protobuf, whatever they hold."""
    body = message.SerializeToString()
    assert not is_json(body)
    assert is_json(as_json(message))
    assert is_json(b"\n" + orjson.dumps(orjson.loads(as_json(message))))


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_a_record_with_some_of_our_headers_is_broken(name: str) -> None:
    """It says whose it is, and half of that is lost: nobody may guess the rest."""
    body = request(span(1)).SerializeToString()
    one = {name: OURS[name]}
    others = {key: value for key, value in OURS.items() if key != name}

    batch = Batch.of([_record(body, one), _record(body, others, offset=8)])

    assert (batch.rows, _reasons(batch)) == ([], ["envelope", "envelope"])


@pytest.mark.parametrize("received", [b"-1", b"9223372036854775808", b"now"])
def test_a_receive_time_that_cannot_be_makes_no_sense(received: bytes) -> None:
    """It would be no number that the store holds."""
    headers = OURS | {"sessiontrail-received-unix-nano": received}

    assert _reasons(Batch.of([_record(b"", headers)])) == ["envelope"]


@pytest.mark.parametrize("spans", [b"-1", b"9" * 400, b"many"])
def test_a_number_of_spans_that_cannot_be_makes_no_sense(spans: bytes) -> None:
    """Nobody could count it."""
    assert _reasons(Batch.of([_record(b"", OURS | {"sessiontrail-spans": spans})])) == ["envelope"]


def test_a_writer_that_counts_in_other_than_milliseconds_is_set_aside() -> None:
    """Its records would be of a time that no store holds; what is beside them is read."""
    body = request(span(1)).SerializeToString()
    microseconds = APPENDED_NS // 10**3

    batch = Batch.of([_record(body, appended_at_ns=microseconds * 10**6), _record(body, offset=8)])

    [dead] = batch.unreadable
    assert (dead.consumed.offset, dead.reason) == (7, "envelope")
    assert "out of range" in dead.error
    assert [row.consumed.offset for row in batch.rows] == [8]


def test_the_receive_time_is_that_of_the_log() -> None:
    """The same for each delivery, and later for later records, of one millisecond too."""
    body = request(span(1)).SerializeToString()
    records = [_record(body, offset=offset) for offset in range(90, 110)]
    records.append(_record(body, offset=3, appended_at_ns=APPENDED_NS + 10**6))

    times = [row.envelope.received_ns for row in Batch.of(records).rows]

    assert times == sorted(set(times))
    assert times == [row.envelope.received_ns for row in Batch.of(records).rows]
    assert all(0 <= time - APPENDED_NS <= 10**6 + 3 for time in times)


def test_a_record_without_a_time_is_read() -> None:
    """Kafka says -1 for what a writer did not say."""
    body = request(span(1)).SerializeToString()

    [row] = Batch.of([_record(body, appended_at_ns=-(10**6), offset=7)]).rows

    assert row.envelope.received_ns == 7


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (b"\xff\xfenonsense", "otlp_proto"),
        (request(span(1)).SerializeToString()[:-1], "otlp_proto"),
        (b'{"resourceSpans":[{"scopeSpans":7}]}', "otlp_json"),
        (b'{"resourceSpans":', "otlp_json"),
        (b'{"resourceSpans":[],"a":"\x12"}', "otlp_json"),
    ],
)
def test_what_is_no_otlp_is_set_aside_with_what_would_be_read(value: bytes, encoding: str) -> None:
    """Its neighbours are read. The dead letter says what it was taken for."""
    good = request(span(1)).SerializeToString()

    batch = Batch.of([_record(value), _record(good, offset=8)])

    [dead] = batch.unreadable
    assert [row.value for row in batch.rows] == [good]
    assert dead.consumed.record.value == value
    assert dead.reason == "encoding"
    assert "otlp_proto, or otlp_json" in dead.error
    assert f"taken for {encoding}: " in dead.error


def test_an_empty_record_has_no_spans() -> None:
    """It is a valid request."""
    batch = Batch.of([_record(b""), replace(_record(b"{}"), offset=8)])

    assert [row.envelope.spans for row in batch.rows] == [0, 0]
    assert batch.items == 0

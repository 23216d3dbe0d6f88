"""Which log records are let in, and what is left of a request."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from runtime.errors import InvalidRequest
from schemas.otlp.json_validation import validate_json
from schemas.otlp.logs import Logs
from schemas.otlp.validation import validate
from tests import samples
from tests.samples import as_json, log_record, log_request, text

LOGS = Logs(["session.id", "thread.id"])


def own(value: AnyValue, key: str = "session.id") -> LogRecord:
    """Return a record without a trace, with an attribute."""
    return log_record(trace_id=b"", attributes=[KeyValue(key=key, value=value)])


def records_of(body: bytes) -> list[LogRecord]:
    """Return the log records of an encoded request."""
    request = ExportLogsServiceRequest.FromString(body)
    return [r for group in request.resource_logs for s in group.scope_logs for r in s.log_records]


def test_publishes_the_very_bytes_of_a_valid_request() -> None:
    """Where nothing is wrong, nothing is serialised again."""
    body = log_request(log_record(1), own(text("s")), log_record(1)).SerializeToString()

    validated = validate(body, LOGS)

    assert validated.body is body
    assert (validated.published, validated.received) == (3, 3)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (log_record(trace_id=b""), "session_id"),
        (log_record(trace_id=bytes(16)), "session_id"),
        (log_record(trace_id=b"", span_id=b"\1" * 8), "session_id"),
        (own(text("")), "session_id"),
        (own(AnyValue()), "session_id"),
        (own(text("s"), key="session"), "session_id"),
        (log_record(trace_id=b"\1" * 15), "trace_id"),
        (log_record(span_id=b"\1" * 9), "span_id"),
    ],
)
def test_rejects_a_record_that_belongs_nowhere_alone(record: LogRecord, reason: str) -> None:
    """The records around it are published unchanged."""
    validated = validate(
        log_request(log_record(1), record, own(text("s"))).SerializeToString(), LOGS
    )

    assert records_of(validated.body) == [log_record(1), own(text("s"))]
    assert validated.rejections.counts == {reason: 1}


@pytest.mark.parametrize("value", [text("s"), AnyValue(int_value=0), AnyValue(bool_value=False)])
@pytest.mark.parametrize("key", ["session.id", "thread.id"])
def test_any_value_of_any_session_key_is_enough(value: AnyValue, key: str) -> None:
    """On the record, or on its resource."""
    on_resource = log_request(log_record(trace_id=b""))
    on_resource.resource_logs[0].resource.attributes.add(key=key, value=value)

    for request in (log_request(own(value, key)), on_resource):
        assert not validate(request.SerializeToString(), LOGS).rejections.total


def test_ids_of_zeros_are_none() -> None:
    """As logs.proto says."""
    record = log_record(span_id=bytes(8))

    validated = validate(log_request(record).SerializeToString(), LOGS)

    assert records_of(validated.body) == [log_record()]
    assert validated.repairs == {"trace_id"}


def test_a_value_of_the_wrong_type_rejects_its_record_alone() -> None:
    """In JSON."""
    body = as_json(log_request(log_record(1), log_record(2))).replace(b'"2"', b'"late"')

    validated = validate_json(body, LOGS)

    assert records_of(validated.body) == [log_record(1)]
    assert validated.rejections.counts == {"json": 1}


_records = st.builds(
    LogRecord,
    time_unix_nano=st.integers(0, 2**64 - 1),
    severity_number=st.integers(0, 24),
    severity_text=st.text(max_size=8),
    body=st.none() | samples.any_values,
    attributes=st.lists(
        st.builds(KeyValue, key=st.sampled_from(["session.id", "a"]), value=samples.any_values),
        max_size=3,
    ),
    trace_id=st.sampled_from([b"", bytes(16), b"\1" * 16, b"\1"]),
    span_id=st.sampled_from([b"", bytes(8), b"\1" * 8, b"\1"]),
    event_name=st.text(max_size=8),
)


@given(st.lists(_records, max_size=4))
def test_what_is_published_is_valid_and_stays_so(records: list[LogRecord]) -> None:
    """Whatever comes in; and JSON says the same as protobuf."""
    request = log_request(*records)
    validated = validate(request.SerializeToString(), LOGS)

    assert validated.received == len(records)
    assert validate(validated.body, LOGS).body is validated.body
    assert validate_json(as_json(request), LOGS).rejections.counts == validated.rejections.counts


@given(st.binary(max_size=64))
def test_bytes_of_any_kind_are_a_request_or_refused(body: bytes) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(InvalidRequest):
        validate(body, LOGS)
    with contextlib.suppress(InvalidRequest):
        validate_json(body, LOGS)

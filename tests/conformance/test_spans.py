"""
Which spans are valid: trace.proto of OTLP 1.11 says so in its comments, on the fields that each
case is about.
"""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conformance.wires import Wire
from tests.fakes import RecordingProducer
from tests.samples import request, span, spans_of, text

pytestmark = pytest.mark.asyncio(loop_scope="session")

VALID = {
    "an empty name is an unknown one": {"name": ""},
    "an omitted kind is UNSPECIFIED": {"kind": 0},
    "a kind of a later version": {"kind": 17},
    "an end before the start": {"start_time_unix_nano": 9, "end_time_unix_nano": 1},
    "flags of which nothing is known": {"flags": 0xFFFF_FFFF},
    "a parent in another request": {"parent_span_id": b"\7" * 8},
    "counts of what was dropped": {
        "dropped_attributes_count": 1,
        "dropped_events_count": 2**32 - 1,
        "dropped_links_count": 3,
    },
    "keys that are not unique": {
        "attributes": [KeyValue(key="k", value=text("1")), KeyValue(key="k", value=text("2"))]
    },
    "an attribute without a value": {"attributes": [KeyValue(key="k")]},
    "an attribute without a key": {"attributes": [KeyValue(value=text("1"))]},
    "a link to an invalid span": {"links": [Span.Link(trace_id=b"\1", span_id=b"\2")]},
    "a status of a later version": {"status": {"code": 17}},
}
REJECTED = {
    "a trace_id of zeros": {"trace_id": bytes(16)},
    "no trace_id": {"trace_id": b""},
    "a short trace_id": {"trace_id": b"\1" * 15},
    "a long trace_id": {"trace_id": b"\1" * 17},
    "a span_id of zeros": {"span_id": bytes(8)},
    "no span_id": {"span_id": b""},
    "a short span_id": {"span_id": b"\1" * 7},
    "a long span_id": {"span_id": b"\1" * 9},
    "a parent_span_id of another length": {"parent_span_id": b"\1" * 9},
}


@pytest.mark.parametrize("fields", VALID.values(), ids=[f"{each} (trace.proto)" for each in VALID])
async def test_valid_spans_are_published_as_they_are(
    fields: dict[str, Any], wire: Wire, producer: RecordingProducer
) -> None:
    """What trace.proto does not call invalid is not ours to refuse."""
    message = request(span(5, **fields))

    answer = await wire.send(wire.encode(message))

    assert answer.outcome == "full success"
    assert spans_of(producer.records[0].value) == spans_of(message.SerializeToString())


@pytest.mark.parametrize(
    "fields", REJECTED.values(), ids=[f"{each} (trace.proto)" for each in REJECTED]
)
async def test_invalid_spans_are_rejected_alone(
    fields: dict[str, Any], wire: Wire, producer: RecordingProducer
) -> None:
    """The reference Collector refuses the whole request for an id of another length."""
    answer = await wire.send(wire.encode(request(span(1), span(5, **fields), span(9))))

    assert (answer.outcome, answer.rejected) == ("partial success", 1)
    assert spans_of(producer.records[0].value) == [span(1), span(9)]

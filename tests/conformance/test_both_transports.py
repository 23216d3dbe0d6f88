"""
What OTLP 1.11 asks of a server, however it is asked.

Each rule has the number that it has in our list of them, what it says, and the section of OTLP's
specification, or the file of its protobuf definitions, that it comes from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from runtime.config import Config
from tests.conformance.conftest import BYTES_MAX
from tests.conformance.wires import Answer, Outcome, Wire
from tests.fakes import RecordingProducer
from tests.samples import request, span, spans_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

Body = Callable[[Wire], bytes]
_EMPTY_ENVELOPES = ExportTraceServiceRequest(
    resource_spans=[ResourceSpans(scope_spans=[ScopeSpans()]), ResourceSpans()]
)


def _of(*spans: Span) -> Body:
    return lambda wire: wire.encode(request(*spans))


def _of_size(size: int) -> Body:
    """Return what makes a valid request of exactly so many bytes."""

    def body(wire: Wire) -> bytes:
        empty = len(wire.encode(request(span(1, name="x" * 1000)))) - 1000
        made = wire.encode(request(span(1, name="x" * (size - empty))))
        # Lengths of another number of digits; what is unknown is ignored.
        name = "x" * (size - empty - (len(made) - size))
        made = wire.encode(request(span(1, name=name)))
        assert len(made) == size
        return made

    return body


def _not_utf8(wire: Wire) -> bytes:
    body = wire.encode(request(span(1, name="cut ??")))
    return body.replace(b"??", b"\\ud83d" if wire.name == "http json" else b"\xc3\x28")


def _with_unknown_fields(wire: Wire) -> bytes:
    body = wire.encode(request(span(1)))
    if wire.name == "http json":
        return body.replace(b'"name":"span 1"', b'"name":"span 1","later":{"a":[1]}')
    unknown = b"\xfa\x3f\x05later"  # field 1023 of the request
    return body + unknown


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: what is sent, in which state of the buffer, and what must be answered."""

    id: str
    says: str
    section: str
    body: Body
    outcome: Outcome
    grpc: str = "OK"
    http: str = "200"
    is_packed: bool = False
    buffer: Literal["ok", "full", "failing", "slow", "broken"] = "ok"
    others: dict[str, Any] = field(default_factory=dict)  # further fields of the answer
    stored: int = 0

    def __str__(self) -> str:
        return f"{self.id} {self.says} ({self.section})"


INVALID = span(2, name="bad", trace_id=b"\1")
BAD = {"outcome": "not retryable", "grpc": "INVALID_ARGUMENT", "http": "400"}
LATER = {"outcome": "retryable", "grpc": "UNAVAILABLE", "http": "503"}
TOO_LARGE = {"outcome": "not retryable", "grpc": "RESOURCE_EXHAUSTED", "http": "413"}


def _rule(id_: str, says: str, section: str, body: Body, /, **others: Any) -> Rule:
    return Rule(id=id_, says=says, section=section, body=body, **others)


RULES = [
    _rule(
        "C1", "no compression", "Protocol Details", _of(span()), outcome="full success", stored=1
    ),
    _rule(
        "C1",
        "gzip",
        "Protocol Details",
        _of(span()),
        is_packed=True,
        outcome="full success",
        stored=1,
    ),
    _rule(
        "C2",
        "the limit itself is allowed",
        "Request",
        _of_size(BYTES_MAX),
        outcome="full success",
        stored=1,
    ),
    _rule("C2", "one byte more is not", "Request", _of_size(BYTES_MAX + 1), **TOO_LARGE),
    _rule(
        "C2",
        "nor after decompression",
        "Request",
        _of_size(5 * BYTES_MAX),
        is_packed=True,
        **TOO_LARGE,
    ),
    _rule(
        "C5",
        "a request without telemetry succeeds",
        "Full Success",
        lambda wire: wire.encode(ExportTraceServiceRequest()),
        outcome="full success",
    ),
    _rule(
        "C5",
        "so do empty envelopes",
        "Full Success",
        lambda wire: wire.encode(_EMPTY_ENVELOPES),
        outcome="full success",
    ),
    _rule(
        "C6",
        "full success leaves partial_success unset",
        "Full Success",
        _of(span(1), span(3)),
        outcome="full success",
        stored=2,
        others={"rejected": 0, "message": ""},
    ),
    _rule(
        "C7",
        "a partial accept says how many were rejected",
        "Partial Success",
        _of(span(1), INVALID, span(3), INVALID),
        outcome="partial success",
        stored=2,
        others={"rejected": 2},
    ),
    _rule(
        "C7",
        "also where none is left",
        "Partial Success",
        _of(INVALID),
        outcome="partial success",
        others={"rejected": 1},
    ),
    _rule(
        "C9",
        "a warning on full accept rejects none and says something",
        "Partial Success",
        _not_utf8,
        outcome="partial success",
        stored=1,
        others={
            "rejected": 0,
            "message": "all is accepted, with U+FFFD in place of what was not UTF-8: send valid "
            "UTF-8",
        },
    ),
    _rule(
        "C10",
        "what may pass is never rejected in part",
        "Partial Success",
        _of(span(1), INVALID),
        buffer="failing",
        **LATER,
    ),
    _rule(
        "C13",
        "unknown fields are ignored",
        "Future Versions and Interoperability",
        _with_unknown_fields,
        outcome="full success",
        stored=1,
    ),
    _rule(
        "",
        "what is no request is bad data",
        "Failures, Bad Data",
        lambda _: b"\xff\xff",
        others={"is_bad_request": True, "retry_seconds": None},
        **BAD,
    ),
    _rule(
        "",
        "what is cut off is bad data",
        "Failures, Bad Data",
        lambda wire: _of(span())(wire)[:-1],
        others={"is_bad_request": True, "retry_seconds": None},
        **BAD,
    ),
    _rule(
        "",
        "a transient failure tells when to come back",
        "Failures, Throttling",
        _of(span()),
        buffer="failing",
        others={"retry_seconds": 1},
        **LATER,
    ),
    _rule(
        "",
        "so does a buffer that is full",
        "Failures, Throttling",
        _of(span()),
        buffer="full",
        others={"retry_seconds": 3},
        **LATER,
    ),
    _rule(
        "",
        "and one that does not answer in time",
        "Failures, Throttling",
        _of(span()),
        buffer="slow",
        others={"retry_seconds": 1},
        **LATER,
    ),
    _rule(
        "",
        "a bug is not retryable, and tells nothing of the inside",
        "Failures",
        _of(span()),
        buffer="broken",
        outcome="not retryable",
        grpc="INTERNAL",
        http="500",
        others={"message": "internal error; see the server's log", "retry_seconds": None},
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
async def test_rule(rule: Rule, wire: Wire, producer: RecordingProducer) -> None:
    """The answer is what the rule says, and what was acknowledged is what was published."""
    producer.mode = rule.buffer

    answer = await wire.send(rule.body(wire), is_packed=rule.is_packed)

    code = rule.grpc if wire.transport == "grpc" else rule.http
    assert (answer.outcome, answer.code) == (rule.outcome, code), answer.message
    assert {name: getattr(answer, name) for name in rule.others} == rule.others
    assert bool(answer.message) == (rule.outcome != "full success")
    assert sum(len(spans_of(record.value)) for record in producer.records) == rule.stored


async def test_c8_messages_are_english_and_say_what_to_do(wire: Wire) -> None:
    """C8 (Partial Success): reasons are grouped, counted, and each has an example."""
    spans = [span(1), INVALID, INVALID, span(3, name="other", span_id=b"")]

    answer = await wire.send(wire.encode(request(*spans)))

    assert answer.message == (
        "3 of 4 spans rejected: "
        "1 with a span_id that is not 8 bytes (16 hex digits in JSON) or all zero "
        "(such as span 'other': span_id is empty); "
        "2 with a trace_id that is not 16 bytes (32 hex digits in JSON) or all zero "
        "(such as span 'bad': trace_id 01). "
        "Correct what makes these spans; all others are accepted."
    )


async def test_c3_c4_responses_are_bounded(wire: Wire) -> None:
    """C3, C4 (Response): 4 MiB are the limit; a message of ours takes a kilobyte."""
    names = ("\U0001f600" * 200, "é" * 300, "x" * 1000)
    spans = [
        span(number, name=name, **{ids: b"\1"})
        for number, name in enumerate(names, start=1)
        for ids in ("trace_id", "span_id", "parent_span_id")
    ]

    answer = await wire.send(wire.encode(request(*spans)))

    assert answer.rejected == len(spans)
    assert len(answer.raw) < 2048


async def test_concurrent_requests_are_answered_each(wire: Wire) -> None:
    """(Concurrent Requests): twenty at once, on one connection where there is one."""
    bodies = [wire.encode(request(span(number))) for number in range(1, 21)]

    answers: list[Answer] = await asyncio.gather(*map(wire.send, bodies))

    assert {answer.outcome for answer in answers} == {"full success"}


async def test_c2_the_default_limit_is_the_one_recommended() -> None:
    """C2 (Request): 64 MiB, after decompression."""
    assert Config().ingest.request_bytes_max == 64 * 2**20

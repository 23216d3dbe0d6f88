"""Valid requests, and what makes invalid ones of them."""

from __future__ import annotations

import gzip
import math
import random
import zlib
from pathlib import Path

import zstandard
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.samples import array, as_json, log_record, log_request, mapping, request, span, text

_EXAMPLES = Path(__file__).parent.parent / "conformance" / "examples"
_MUTATIONS_MAX = 6
# What parsers trip over: lengths, tags, groups, depth, surrogates, numbers at their limits.
_TOKENS = (
    *(b"\xff\xff\xff\xff\x0f", b"\x80" * 9 + b"\x01", b"\x0a\x00", b"\x12\x00", b"\x0b", b"\x0c"),
    *(b"\x2a\x02\x0a\x00", b"\x32\x00", b"\xc3\x28", b"\xed\xa0\x80", b"\x00", b"\x7b"),
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"NaN", b"1e999", b"-0.0"),
    *(b"18446744073709551616", rb"\ud800", b"[" * 300, b'{"arrayValue":{"values":[' * 60),
    *(b'"traceId":', b'"spans":', b'"attributes":', b'"value":{}', b'"kind":"2"', b"\x1f\x8b\x08"),
)


def seeds() -> list[bytes]:
    """Return what is changed: requests with every field, in every encoding."""
    values = (
        *(AnyValue(), text("grüße"), AnyValue(bool_value=True), AnyValue(int_value=-1)),
        *(AnyValue(double_value=math.nan), AnyValue(bytes_value=b"\xff\0"), array(text("a"))),
        *(mapping(k=text("v")), array(array(mapping(k=array())))),
    )
    attributes = [KeyValue(key=f"k{number}", value=value) for number, value in enumerate(values)]
    attributes.append(KeyValue(key="session.id", value=text("s")))
    full = span(
        1,
        parent_span_id=b"\1" * 8,
        trace_state="a=1",
        kind=2,
        start_time_unix_nano=2**63,
        end_time_unix_nano=5,
        attributes=attributes,
        events=[Span.Event(name="e", time_unix_nano=1, attributes=attributes[:2])],
        links=[Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, attributes=attributes[:1])],
        status={"code": 2, "message": "no luck"},
        flags=0x301,
    )
    spans = request(full, span(2), span(3, trace_id=b""), span(2))
    logs = log_request(
        log_record(1, attributes=attributes, event_name="e"), log_record(2, trace_id=b"")
    )
    plain = [
        *(spans.SerializeToString(), as_json(spans), logs.SerializeToString(), as_json(logs)),
        *(file.read_bytes() for file in sorted(_EXAMPLES.glob("*.json"))),
    ]
    packers = (gzip.compress, zlib.compress, zstandard.compress)
    return [*plain, *(pack(body) for body in plain[:2] for pack in packers)]


def mutated(seeds: list[bytes], dice: random.Random) -> bytes:
    """Return one of the seeds after a few changes."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, _MUTATIONS_MAX)):
        at, length = dice.randint(0, len(data)), dice.randint(1, 16)
        match dice.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 1 if at < len(data):
                data[at] = dice.randrange(256)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = dice.choice(_TOKENS)
            case 4:
                data[at:at] = data[at : at + length * dice.randint(1, 32)]
            case 5:
                other = dice.choice(seeds)
                start = dice.randrange(len(other))
                data[at : at + length] = other[start : start + length * 4]
            case _:
                del data[at:]
    return bytes(data)

"""What OTLP 1.11 asks of OTLP/HTTP beyond what it asks of both transports."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zstandard

from tests.conformance.conftest import BYTES_MAX
from tests.conformance.wires import JSON, PROTOBUF, HttpWire, Wire
from tests.fakes import RecordingProducer
from tests.samples import request, span, spans_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

MESSAGE = request(span(1), span(2))
INVALID = request(span(1), span(2, trace_id=b"\1"))
# Refusals of every kind, and what brings them about. OTLP/HTTP Response, Failures: the body of each
# is a Status, in the encoding of the request; which one is more of HTTP's own than of OTLP.
REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "400 what is no request (Bad Data)": (400, {"body": b"\xff\xff"}),
    "400 what is not gzip": (400, {"headers": {"Content-Encoding": "gzip"}}),
    "404 another path": (404, {"path": "/v1/nothing"}),
    "404 no path, as a base address gives by mistake": (404, {"path": "/"}),
    "404 profiles, which are not taken": (404, {"path": "/v1development/profiles"}),
    "405 GET": (405, {"method": "GET", "body": None}),
    "405 PUT": (405, {"method": "PUT"}),
    "413 too large (OTLP/HTTP Request)": (413, {"body": b"x" * (BYTES_MAX + 1)}),
    "415 another Content-Encoding": (415, {"headers": {"Content-Encoding": "br"}}),
}


@pytest.mark.parametrize(("code", "given"), REFUSALS.values(), ids=list(REFUSALS))
async def test_refusals_are_statuses_in_the_encoding_of_the_request(
    http: HttpWire, code: int, given: dict[str, Any], producer: RecordingProducer
) -> None:
    """None of them is worth a retry, so none says when to come back."""
    answer = await http.request(**{"body": http.encode(MESSAGE), **given})

    assert (answer.outcome, answer.code) == ("not retryable", str(code))
    assert answer.message
    assert answer.retry_seconds is None
    assert answer.is_bad_request == (code in {400, 415})
    assert ("Allow" in answer.headers) == (code == 405)
    assert producer.records == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
async def test_415_other_content_types_are_answered_in_protobuf(
    wires: dict[str, Wire], content_type: str
) -> None:
    """(OTLP/HTTP Request): the reference Collector answers in plain text."""
    wire = wires["http x-protobuf"]
    assert isinstance(wire, HttpWire)

    answer = await wire.request(wire.encode(MESSAGE), {"Content-Type": content_type})

    assert answer.code == "415"
    assert PROTOBUF in answer.message
    assert JSON in answer.message


@pytest.mark.parametrize("spelling", ["{}; charset=utf-8", "{};charset=UTF-8", "{} ; a=b"])
async def test_content_types_may_have_parameters(http: HttpWire, spelling: str) -> None:
    """(OTLP/HTTP Request): and are the same in any case; one port takes both encodings."""
    for content_type in (http.content_type, http.content_type.upper(), http.content_type.title()):
        given = {"Content-Type": spelling.format(content_type)}
        assert (await http.request(http.encode(MESSAGE), given)).code == "200"


async def test_success_is_an_encoded_response(http: HttpWire) -> None:
    """(OTLP/HTTP Response, Full Success): 200, and a response without fields."""
    answer = await http.send(http.encode(MESSAGE))

    assert (answer.code, answer.raw) == ("200", b"{}" if http.content_type == JSON else b"")


async def test_partial_success_is_200(http: HttpWire) -> None:
    """(OTLP/HTTP Response, Partial Success): in JSON, 64-bit integers are strings."""
    answer = await http.send(http.encode(INVALID))

    assert (answer.code, answer.rejected) == ("200", 1)
    if http.content_type == JSON:
        assert answer.raw.startswith(b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": ')


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.compress),
    ],
)
async def test_c1_content_encodings(
    http: HttpWire, encoding: str, pack: Any, producer: RecordingProducer
) -> None:
    """C1 (Protocol Details): gzip is a must; the others are common."""
    body = pack(http.encode(MESSAGE))

    answer = await http.request(body, {"Content-Encoding": encoding})

    assert answer.outcome == "full success"
    assert spans_of(producer.records[0].value) == [span(1), span(2)]


@pytest.mark.parametrize("encoding", ["deflate", "zstd"])
async def test_c2_every_encoding_has_the_same_limit(http: HttpWire, encoding: str) -> None:
    """C2 (OTLP/HTTP Request): also after decompression; the reference Collector answers 400."""
    pack: Any = {"deflate": zlib.compress, "zstd": zstandard.compress}[encoding]

    answer = await http.request(pack(b" " * (BYTES_MAX + 1)), {"Content-Encoding": encoding})

    assert answer.code == "413"


async def test_c2_bodies_of_unknown_length_have_the_same_limit(http: HttpWire) -> None:
    """C2 (OTLP/HTTP Request): chunks are counted as they come."""

    async def chunks(count: int) -> AsyncIterator[bytes]:
        yield http.encode(MESSAGE)
        for _ in range(count):
            yield (b" " if http.content_type == JSON else b"\x0a\x00") * (BYTES_MAX // 20)

    assert (await http.request(chunks(9))).outcome == "full success"
    assert (await http.request(chunks(21))).code == "413"


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
@pytest.mark.parametrize("prefix", ["", "/api/public/otel"])
async def test_the_paths_of_all_signals(http: HttpWire, prefix: str, signal: str) -> None:
    """(OTLP/HTTP Request): /v1/traces, /v1/metrics, /v1/logs; Langfuse's SDKs add a prefix."""
    empty = b"{}" if http.content_type == JSON else b""

    answer = await http.request(empty, path=f"{prefix}/v1/{signal}")

    assert (answer.outcome, answer.raw) == ("full success", empty)


async def test_connections_are_kept(http: HttpWire) -> None:
    """(OTLP/HTTP Connection): a client may send the next request on the same one."""
    for _ in range(3):
        answer = await http.send(http.encode(MESSAGE))
        assert answer.headers.get("Connection", "keep-alive") == "keep-alive"

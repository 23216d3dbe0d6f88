"""Files of OTLP, cut into requests by nothing but what they begin with."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cli.transfer import documents as cutting
from cli.transfer.documents import Document, documents
from cli.transfer.requests import Reading, Request, requests
from cli.transfer.unpacking import unpacked
from schemas.otlp.wire import varint
from tests import samples


def _line(number: int = 1, **fields: str) -> bytes:
    return samples.as_json(samples.request(samples.span(number, **fields)))


_LINE = _line()
_messages = st.lists(samples.requests.map(ExportTraceServiceRequest.SerializeToString), min_size=1)


def cut(content: bytes) -> list[Document]:
    """Return the documents of a file that holds this."""
    return list(documents(unpacked(io.BytesIO(content), advance=lambda _: None)))


def bodies(content: bytes) -> list[bytes]:
    """Return the requests of a file in which nothing is wrong."""
    found = cut(content)
    assert [document.problem for document in found] == [""] * len(found)
    return [document.body for document in found]


def behind_four_bytes(messages: list[bytes]) -> bytes:
    """Return messages as the Collector's file exporter writes them."""
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


def behind_varints(messages: list[bytes]) -> bytes:
    """Return messages as protobuf's libraries write them."""
    return b"".join(varint(len(message)) + message for message in messages)


@settings(max_examples=50)
@given(messages=_messages)
def test_protobuf_comes_back_whichever_way_it_was_framed(messages: list[bytes]) -> None:
    """As one request, behind four bytes each, behind a varint each."""
    assert bodies(messages[0]) == messages[:1]
    assert bodies(behind_four_bytes(messages)) == messages
    # A shorter message would be one of no spans, and is taken for a request as it is.
    long_enough = [message for message in messages if len(message) > 10]
    assert bodies(behind_varints(long_enough)) == long_enough


@pytest.mark.parametrize("length", [123, 32, 13, 9 + 128, 0x227B])
def test_a_length_that_reads_like_json_is_none(length: int) -> None:
    """Bytes that are a brace or white space in text are lengths all the same."""
    message = samples.request(samples.span()).SerializeToString()
    padded = samples.request(samples.span(name="x" * (length - len(message) - 10)))
    message = padded.SerializeToString()
    assert bodies(behind_varints([message, message])) == [message, message]


def test_json_lines_and_json_as_a_whole() -> None:
    """A line each, in one line, or over many lines; with a byte order mark, and blank lines."""
    line = _LINE
    pretty = line.replace(b"{", b"{\n  ").replace(b",", b",\r\n")
    mark = b"\xef\xbb\xbf"
    assert bodies(line) == [line]
    assert bodies(mark + line + b"\r\n\n" + line + b"\n") == [line, line]
    assert bodies(pretty) == [pretty]
    assert bodies(mark + b"\n" + pretty) == [b"\n" + pretty]
    assert bodies(b"") == []


def read(path: Path, *, bytes_max: int = 2**26) -> tuple[list[Request], list[str], Reading]:
    """Return the requests that a file becomes, and what was complained of."""
    complaints: list[str] = []
    reading = Reading(complain=complaints.append)
    return list(requests([str(path)], reading, bytes_max=bytes_max)), complaints, reading


@pytest.mark.parametrize("bad", [_LINE[:-9], _LINE[9:], b"x", b"\xff\x00", b"{", b"[]", b"{}"])
def test_a_bad_line_costs_no_other(tmp_path: Path, bad: bytes) -> None:
    """First, in the middle, last, cut off in front or behind: each is named by its number."""
    for lines in ([bad, _LINE, _LINE], [_LINE, bad, _LINE], [_LINE, _LINE, bad], [bad, bad, _LINE]):
        file = tmp_path / "spans.jsonl"
        file.write_bytes(b"\n".join(lines))
        found, complaints, _ = read(file)
        assert sum(request.spans for request in found) == lines.count(_LINE)
        numbers = [number for number, line in enumerate(lines, start=1) if line == bad]
        assert len(complaints) == len(numbers)
        for number, complaint in zip(numbers, complaints, strict=True):
            assert complaint.startswith(f"{file}, line {number}: ")


def test_only_invalid_spans_of_a_line_are_left_out(tmp_path: Path) -> None:
    """What is wrong with them is told with the line, and they are counted."""
    invalid = samples.span(2, name="no trace", trace_id=b"")
    mixed = samples.as_json(samples.request(samples.span(1), invalid, samples.span(3)))
    file = tmp_path / "spans.jsonl"
    file.write_bytes(_LINE + b"\n" + mixed)
    [request], [complaint], reading = read(file)
    assert [span.name for span in samples.spans_of(request.body)] == ["span 1", "span 1", "span 3"]
    assert complaint.startswith(f"{file}, line 2: 1 of 3 spans rejected")
    assert "'no trace'" in complaint
    assert (request.spans, reading.rejected) == (3, 1)


@pytest.mark.parametrize("cut_off", [1, 5, 300])
def test_a_message_that_is_cut_off_costs_no_other(tmp_path: Path, cut_off: int) -> None:
    """What stands before it is imported."""
    file = tmp_path / "spans.bin"
    message = samples.request(*map(samples.span, range(1, 20))).SerializeToString()
    file.write_bytes(behind_four_bytes([message, message])[:-cut_off])
    [request], [complaint], _ = read(file)
    assert request.body == message
    assert f"{file}, message 2: it is cut off" in complaint


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_is_packed_is_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """In one piece or several; what is damaged is told, and what came before it is there."""
    lines = [_line(number) + b"\n" for number in range(1, 2000)]
    file = tmp_path / "spans"
    whole = pack(b"".join(lines[:1000])) + pack(b"".join(lines[1000:]))
    file.write_bytes(whole)
    found, complaints, reading = read(file)
    assert (sum(request.spans for request in found), complaints) == (1999, [])
    assert reading.bytes_read == len(whole)
    for damaged in (whole[:-9], whole[:-9] + bytes(9), whole + b"garbage"):
        file.write_bytes(damaged)
        found, complaints, _ = read(file)
        assert sum(request.spans for request in found) >= 1000
        assert complaints
        assert "corrupt" in complaints[-1] or "cut off" in complaints[-1]


def test_messages_that_are_packed_one_by_one(tmp_path: Path) -> None:
    """The Collector's file exporter writes them so when it compresses."""
    file = tmp_path / "spans.bin"
    message = samples.request(samples.span()).SerializeToString()
    packed = [zstandard.compress(message), zstandard.compress(_LINE)]
    file.write_bytes(behind_four_bytes([*packed, packed[0][:-3], packed[0]]))
    [request], [complaint], _ = read(file)
    assert request.spans == 3
    assert complaint.startswith(f"{file}, message 3: ")


def test_requests_are_of_a_few_mebibytes(tmp_path: Path) -> None:
    """Small documents go together in their order; one that is too large is split."""
    file = tmp_path / "spans.jsonl"
    lines = [_line(number, name="x" * 10_000) for number in range(1, 1001)]
    file.write_bytes(b"\n".join(lines))
    found, complaints, _ = read(file)
    assert complaints == []
    assert 2 < len(found) < 5
    assert max(len(request.body) for request in found) <= 4 * 2**20
    ids = [span.span_id for request in found for span in samples.spans_of(request.body)]
    assert ids == [number.to_bytes(8, "big") for number in range(1, 1001)]
    file.write_bytes(
        samples.as_json(samples.request(*(samples.span(n, name="x" * 1000) for n in range(1, 301))))
    )
    found, complaints, _ = read(file, bytes_max=100_000)
    assert sum(request.spans for request in found) == 300
    assert max(len(request.body) for request in found) <= 4 * 2**20


def test_a_line_that_is_too_long_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it is, no more of it than the limit is held."""
    monkeypatch.setattr(cutting, "DOCUMENT_BYTES_MAX", 2000)
    file = tmp_path / "spans.jsonl"
    file.write_bytes(b"\n".join([_LINE, _line(2, name="x" * 9000), _LINE]))
    found, [complaint], _ = read(file)
    assert sum(request.spans for request in found) == 2
    assert complaint.startswith(f"{file}, line 2: it is longer than")


def test_other_signals_are_named(tmp_path: Path) -> None:
    """Logs and metrics are no traces of nothing."""
    file = tmp_path / "logs.jsonl"
    file.write_bytes(b'{"resourceLogs": []}')
    found, [complaint], _ = read(file)
    assert found == []
    assert "only traces" in complaint

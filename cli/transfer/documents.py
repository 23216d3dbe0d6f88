"""
A file of OTLP cut into the requests that it is made of, whichever way they were written one after
the other: nothing says how, so it is told by how the file begins.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import NamedTuple

from cli.transfer.unpacking import ZSTD
from ingest.body import unpack
from runtime.errors import InvalidRequest
from schemas.otlp.json_validation import is_json, loads
from schemas.otlp.wire import read_varint

# Of one request. Parsed it takes some ten times as much memory.
DOCUMENT_BYTES_MAX = 128 * 2**20
# How JSON begins, and no length in front of protobuf does: a name has no control characters.
_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*\{\s*(\}|\"[^\x00-\x1f])")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RESOURCE_SPANS = b"\x0a"
_FIRST_FIELDS = (b"\x0a", b"\x12", b"\x1a")  # of ResourceSpans
_PEEK_BYTES = 64
_TOO_LONG = f"it is longer than {DOCUMENT_BYTES_MAX} bytes, which is the limit for one request"

_ReadLength = Callable[[io.BufferedReader], int | None]  # None at the end of the file


class Document(NamedTuple):
    """One request, and where in the file it is. With a `problem` it could not be cut out."""

    place: str
    body: bytes = b""
    problem: str = ""

    @property
    def is_json(self) -> bool:
        """Whether it is JSON, rather than protobuf."""
        return is_json(self.body)


def documents(file: io.BufferedReader) -> Iterator[Document]:
    """
    Yield the requests of a file: JSON lines, or JSON as a whole; protobuf as a whole, or message by
    message, each behind its length. What is wrong with one is told in its place.
    """
    head = file.peek(_PEEK_BYTES)
    if _JSON.match(head):
        yield from _json(file)
    elif head[:1] < _RESOURCE_SPANS:  # such a length is below 160 MiB
        yield from _messages(file, _big_endian)
    elif head[:1] == _RESOURCE_SPANS:
        yield _whole(file)
    elif _is_behind_a_varint(head):
        yield from _messages(file, _varint)
    else:
        yield from _json_lines(enumerate(_lines(file), start=1))


def _json(file: io.BufferedReader) -> Iterator[Document]:
    first = file.readline(DOCUMENT_BYTES_MAX).removeprefix(_BYTE_ORDER_MARK)
    if _is_a_value(first):
        lines = chain([first], _lines(file))
    else:  # it goes on in the next line, or it is broken
        rest = file.read(DOCUMENT_BYTES_MAX - len(first))
        if not file.peek(1) and _is_a_value(first + rest):
            yield Document("line 1", first + rest)
            return
        begun = io.BytesIO(first + rest + file.readline(DOCUMENT_BYTES_MAX))
        lines = chain(begun, _lines(file))
    yield from _json_lines(enumerate(lines, start=1))


def _json_lines(lines: Iterator[tuple[int, bytes]]) -> Iterator[Document]:
    for number, line in lines:
        place = f"line {number}"
        if len(line) >= DOCUMENT_BYTES_MAX:
            yield Document(place, problem=_TOO_LONG)
        elif line := line.strip():
            if line.startswith(b"{"):
                yield Document(place, line)
            else:
                yield Document(place, problem="it is neither OTLP's JSON nor its protobuf")


def _lines(file: io.BufferedReader) -> Iterator[bytes]:
    """Yield each line. Of one that is too long its beginning stands for it."""
    while line := file.readline(DOCUMENT_BYTES_MAX):
        yield line
        while len(line) == DOCUMENT_BYTES_MAX and not line.endswith(b"\n"):
            line = file.readline(DOCUMENT_BYTES_MAX)


def _is_a_value(text: bytes) -> bool:
    try:
        loads(text)
    except InvalidRequest:
        return False
    return True


def _whole(file: io.BufferedReader) -> Document:
    body = file.read(DOCUMENT_BYTES_MAX + 1)
    if len(body) > DOCUMENT_BYTES_MAX:
        return Document("its one request", problem=_TOO_LONG)
    return Document("its one request", body)


def _messages(file: io.BufferedReader, read_length: _ReadLength) -> Iterator[Document]:
    for number in count(1):
        place = f"message {number}"
        length = read_length(file)
        if length is None:
            return
        body = file.read(length) if length <= DOCUMENT_BYTES_MAX else b""
        if len(body) < length:  # where the next one begins is not known
            said = f"its length says {length} bytes"
            if length > DOCUMENT_BYTES_MAX:
                yield Document(place, problem=f"{said}, and {DOCUMENT_BYTES_MAX} are the limit")
            else:
                yield Document(place, problem=f"it is cut off: {said}, and {len(body)} are there")
            return
        if body.startswith(ZSTD):  # the Collector's file exporter packs each by itself
            try:
                body = unpack(body, "zstd", bytes_max=DOCUMENT_BYTES_MAX)
            except InvalidRequest as error:
                yield Document(place, problem=str(error))
                continue
        yield Document(place, body)


def _big_endian(file: io.BufferedReader) -> int | None:
    """Read a length as the Collector's file exporter writes it: four bytes."""
    head = file.read(4)
    return int.from_bytes(head.ljust(4, b"\0"), "big") if head else None


def _varint(file: io.BufferedReader) -> int | None:
    """Read a length as protobuf's own libraries write it."""
    head = file.peek(10)[:10]
    if not head:
        return None
    length, size = read_varint(head.ljust(10, b"\0"), 0)
    file.read(size)
    return length


def _is_behind_a_varint(head: bytes) -> bool:
    """Whether a length comes first, and then resource_spans that fit into it."""
    try:
        length, start = read_varint(head, 0)
        inner, content = read_varint(head, start + 1)
    except IndexError:
        return False
    fits = head[start : start + 1] == _RESOURCE_SPANS and content - start + inner <= length
    return fits and (inner == 0 or head[content : content + 1] in _FIRST_FIELDS)

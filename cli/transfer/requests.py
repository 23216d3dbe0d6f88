"""
Files become requests: what each document holds is validated, as ingest would, so that whatever is
wrong is named by file and place; what is left goes together into requests of a few MiB.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cli.transfer.documents import Document, documents
from cli.transfer.unpacking import unpacked
from ingest.splitting import Part, split
from runtime.errors import InvalidRequest
from schemas.otlp.json_validation import validate_json
from schemas.otlp.traces import TRACES
from schemas.otlp.validation import Validated, validate

STANDARD_INPUT = "-"
# What goes together into one request. A document that is larger goes by itself.
_TOGETHER_BYTES = 4 * 2**20


class Request(NamedTuple):
    """An encoded ExportTraceServiceRequest, how many spans it holds, and where they are from."""

    body: bytes
    spans: int
    origin: str


@dataclass(slots=True, kw_only=True)
class Reading:
    """What was read so far, and who is told what is wrong."""

    complain: Callable[[str], None]
    bytes_read: int = 0  # as they lie on the disk
    rejected: int = 0  # spans
    superseded: int = 0  # earlier versions of spans that a document has twice

    def advance(self, size: int) -> None:
        """Note that so many bytes more were read."""
        self.bytes_read += size


def requests(names: Sequence[str], reading: Reading, *, bytes_max: int) -> Generator[Request]:
    """Yield all files as requests, in their order: of two versions of a span the later one wins."""
    filling = _Filling()
    for name in names:
        try:
            with ExitStack() as opened:
                file = (
                    sys.stdin.buffer
                    if name == STANDARD_INPUT
                    else opened.enter_context(Path(name).open("rb"))
                )
                for document in documents(unpacked(file, advance=reading.advance)):
                    origin = f"{name}, {document.place}"
                    for part in _parts(document, origin, reading, bytes_max=bytes_max):
                        if filling.size + len(part.body) > _TOGETHER_BYTES and filling.spans:
                            yield filling.take()
                        filling.add(part, origin)
        except OSError as error:
            reading.complain(f"{name}: cannot be read: {error.strerror or error}")
        except InvalidRequest as error:
            reading.complain(f"{name}: {error}")
    if filling.spans:
        yield filling.take()


def _parts(document: Document, origin: str, reading: Reading, *, bytes_max: int) -> Iterator[Part]:
    """Yield what is valid in a document, and complain of the rest."""
    if document.problem:
        reading.complain(f"{origin}: {document.problem}")
        return
    try:
        validated = _validated(document)
    except InvalidRequest as error:
        reading.complain(f"{origin}: {error}")
        return
    reading.superseded += validated.superseded
    if len(validated.body) <= bytes_max:
        if validated.published:
            yield Part(validated.body, validated.published)
    else:
        yield from split(
            validated.body, TRACES, bytes_max=bytes_max, rejections=validated.rejections
        )
    _tell_rejections(validated, origin, reading)


def _validated(document: Document) -> Validated:
    validated = (validate_json if document.is_json else validate)(document.body)
    if document.is_json and not validated.received and b'"resourceSpans"' not in document.body:
        raise InvalidRequest("it has no resourceSpans: only traces can be imported")
    return validated


def _tell_rejections(validated: Validated, origin: str, reading: Reading) -> None:
    rejections = validated.rejections
    if rejections.total:
        reading.rejected += rejections.total
        reading.complain(f"{origin}: {rejections.message(received=validated.received)}")


@dataclass(slots=True)
class _Filling:
    """The request that is being filled: messages that are concatenated are merged."""

    bodies: list[bytes] = field(default_factory=list)
    size: int = 0
    spans: int = 0
    first: str = ""
    last: str = ""

    def add(self, part: Part, origin: str) -> None:
        self.bodies.append(part.body)
        self.size += len(part.body)
        self.spans += part.items
        self.first, self.last = self.first or origin, origin

    def take(self) -> Request:
        origin = self.first if self.first == self.last else f"{self.first} to {self.last}"
        request = Request(b"".join(self.bodies), self.spans, origin)
        self.bodies, self.size, self.spans, self.first = [], 0, 0, ""
        return request

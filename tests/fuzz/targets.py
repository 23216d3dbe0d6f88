"""
What hostile bytes are given to, and what must hold whatever they are: an answer or one of the
errors that a sender is told, never another one, and a result that the pipeline can take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from buffer.port import Record
from cli.letter_text import as_page
from cli.letters import Letter
from ingest.body import unpack
from ingest.splitting import split
from runtime.config import SESSION_KEYS
from runtime.errors import InvalidRequest, RequestTooLarge
from schemas.dead_letter import DeadLetter
from schemas.otlp.bombs import _has_more
from schemas.otlp.json_validation import validate_json
from schemas.otlp.logs import Logs
from schemas.otlp.signals import Signal
from schemas.otlp.traces import TRACES
from schemas.otlp.validation import Validated, validate

_UNPACKED_MAX = 100_000
_PART_BYTES_MAX = 200
_LOGS = Logs(SESSION_KEYS)
_LABEL = DeadLetter(reason="r", error="e", topic="t", partition=0, offset=0, dead_ns=0)


def _protobuf(signal: Signal) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        with suppress(InvalidRequest):
            _check(validate(data, signal), signal)

    return target


def _json(signal: Signal) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        with suppress(InvalidRequest):
            _check(validate_json(data, signal), signal)

    return target


def _check(validated: Validated, signal: Signal) -> None:
    """What is published is valid, and holds as many items as was said; so do its parts."""
    assert sum(1 for _ in _items(validated.body, signal)) == validated.published
    assert validate(validated.body, signal).body is validated.body
    said = signal.response_to(
        validated.rejections, received=validated.received, repairs=validated.repairs
    )
    assert len(said.SerializeToString()) < 2000
    rejections = signal.rejections()
    parts = list(split(validated.body, signal, bytes_max=_PART_BYTES_MAX, rejections=rejections))
    assert sum(part.items for part in parts) + rejections.total == validated.published
    for part in parts:
        assert len(part.body) <= _PART_BYTES_MAX
        assert validate(part.body, signal).body is part.body


def _items(body: bytes, signal: Signal) -> Iterator[object]:
    for resource in getattr(signal.request.FromString(body), signal.resources.name):
        for scope in getattr(resource, signal.scopes.name):
            yield from getattr(scope, signal.items.name)


def _unpack(encoding: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        with suppress(InvalidRequest, RequestTooLarge):
            assert len(unpack(data, encoding, bytes_max=_UNPACKED_MAX)) <= _UNPACKED_MAX

    return target


def _shown(data: bytes) -> None:
    """An operator can look at anything that was refused, and it steers no terminal."""
    letter = Letter(label=_LABEL, record=Record(value=data, headers={"h": data}))
    for request in (ExportTraceServiceRequest, ExportLogsServiceRequest):
        assert all(line.isprintable() for line in as_page(letter, request).split("\n"))


def _counted(data: bytes) -> None:
    """Nothing hides from the bound that says whether the messages are to be counted."""
    for signal in (TRACES, _LOGS):
        bound = len(data) - len(data.translate(None, delete=signal.messages.first_bytes))
        assert not _has_more(data, signal.messages, min(bound, len(data) // 2))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "spans in protobuf": _protobuf(TRACES),
    "spans in JSON": _json(TRACES),
    "log records in protobuf": _protobuf(_LOGS),
    "log records in JSON": _json(_LOGS),
    "counting messages": _counted,
    "gzip": _unpack("gzip"),
    "deflate": _unpack("deflate"),
    "zstd": _unpack("zstd"),
    "what an operator is shown": _shown,
}

"""Dead letters in words: a table, a line of JSON, a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from cli.letters import Letter
from schemas.envelope import PROJECT, SPANS
from schemas.otlp.json_validation import is_json

_ERROR_WIDTH_MIN = 20
_DUMP_BYTES_MAX = 512
_DUMP_BYTES_PER_LINE = 16
_ID_KEYS = frozenset({"traceId", "spanId", "parentSpanId"})


def as_table(letters: Sequence[dict[str, Any]], *, width: int) -> Iterator[str]:
    """Yield lines for rows of as_dict(): errors are cut to what fits into `width`, ids never."""
    rows: list[tuple[str, ...]] = [("id", "time", "project", "reason", "spans", "bytes", "error")]
    for letter in letters:
        values = ("" if letter[key] is None else str(letter[key]) for key in rows[0])
        rows.append(tuple(" ".join(_printable(value).split()) for value in values))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, error in rows:
        line = "".join(f"{cell:{size}}  " for cell, size in zip(cells, widths, strict=False))
        room = max(width - len(line), _ERROR_WIDTH_MIN)
        yield line + (error if len(error) <= room else f"{error[: room - 1]}…")


def as_dict(letter: Letter) -> dict[str, Any]:
    """Return what there is to say about a letter, without its content."""
    label = letter.label
    spans = letter.record.headers.get(SPANS, b"")
    return {
        "id": label.id,
        "time": _time(label.dead_ns),
        "project": _text(letter.record.headers.get(PROJECT, b"")),
        "reason": label.reason,
        "spans": int(spans) if spans.isdigit() else None,
        "bytes": len(letter.record.value),
        "topic": label.topic,
        "partition": label.partition,
        "offset": label.offset,
        "error": label.error,
    }


def as_page(letter: Letter, request: Any) -> str:
    """
    Return everything about a letter: its label, its record's headers, its content. `request` is the
    class of what the content should be.
    """
    label, record = letter.label, letter.record
    parts = [
        f"id: {label.id}",
        f"time: {_time(label.dead_ns)}",
        f"reason: {label.reason}",
        f"error: {label.error}",
        "headers:",
        *(f"  {name}: {_text(value)}" for name, value in record.headers.items()),
        f"content: {len(record.value)} bytes",
        *_content(record.value, request),
    ]
    return _printable("\n".join(parts))


def _content(value: bytes, request: Any) -> Iterator[str]:
    tree = _otlp(value, request)
    if tree is not None:
        yield json.dumps(tree, indent=2, ensure_ascii=False)
        return
    for start in range(0, min(len(value), _DUMP_BYTES_MAX), _DUMP_BYTES_PER_LINE):
        line = value[start : start + _DUMP_BYTES_PER_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        yield f"  {start:06x}  {line.hex(' '):<47}  {text}"
    if len(value) > _DUMP_BYTES_MAX:
        yield f"  … and {len(value) - _DUMP_BYTES_MAX} bytes more; --raw FILE writes them all"


def _otlp(value: bytes, request: Any) -> Any:
    """Return a request in OTLP's JSON, None where it is not readable as one."""
    try:
        if is_json(value):
            return json.loads(value)
        message = request.FromString(value)
        if not message.ListFields():
            return None
        return _with_hex_ids(MessageToDict(message, use_integers_for_enums=True))
    except (ValueError, DecodeError, RecursionError):
        return None


def _with_hex_ids(tree: Any) -> Any:
    """Protobuf's JSON has ids in base 64, OTLP's in hex."""
    if isinstance(tree, list):
        return [_with_hex_ids(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        key: base64.b64decode(item).hex() if key in _ID_KEYS else _with_hex_ids(item)
        for key, item in tree.items()
    }


def _time(unix_ns: int) -> str:
    seconds = datetime.fromtimestamp(unix_ns // 10**9, UTC)
    return f"{seconds:%Y-%m-%dT%H:%M:%S}Z"


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace").replace("\n", "\\n")


def _printable(text: str) -> str:
    """Escape what could steer a terminal: senders chose these bytes."""
    return "\n".join(
        line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n")
    )


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]

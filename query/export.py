"""Rows as files: CSV, JSON and JSONL, written as they are read."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
# A spreadsheet would take text that begins so for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FLUSH_BYTES = 64 * 1024


async def response(rows: AsyncIterator[BaseModel], form: str, *, name: str) -> Response:
    """Return the rows as a file to be kept. What fails before the first row is an error still."""
    writers = {"csv": _csv, "json": _json, "jsonl": _jsonl}
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return await _started(writers[form](rows), _MEDIA_TYPES[form], headers)


async def ndjson(rows: AsyncIterator[BaseModel]) -> Response:
    """Return the rows line by line, each as soon as it is read."""
    return await _started(_jsonl(rows, flush_bytes=0), _MEDIA_TYPES["jsonl"], {})


async def _started(
    chunks: AsyncIterator[bytes], media_type: str, headers: dict[str, str]
) -> Response:
    first = await anext(chunks, b"")

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return StreamingResponse(body(), media_type=media_type, headers=headers)


def _plain(row: BaseModel) -> dict[str, Any]:
    return row.model_dump(mode="json", by_alias=True, exclude_none=True)


async def _jsonl(
    rows: AsyncIterator[BaseModel], flush_bytes: int = _FLUSH_BYTES
) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for row in rows:
        buffer += orjson.dumps(_plain(row), option=orjson.OPT_APPEND_NEWLINE)
        if len(buffer) > flush_bytes:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


async def _json(rows: AsyncIterator[BaseModel]) -> AsyncIterator[bytes]:
    opened = b"["
    async for line in _jsonl(rows, flush_bytes=0):
        yield opened + line.rstrip(b"\n")
        opened = b",\n"
    yield b"]\n" if opened != b"[" else b"[]\n"


async def _csv(rows: AsyncIterator[BaseModel]) -> AsyncIterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text)
    is_first = True
    async for row in rows:
        cells = _plain(row)
        if is_first:
            writer.writerow(cells)
            is_first = False
        writer.writerow(_cell(cell) for cell in cells.values())
        if text.tell() > _FLUSH_BYTES:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        value = orjson.dumps(value).decode()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value

"""What goes back to a client: headers, errors, and results of any size."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from runtime.errors import StoreRefused
from store.embedded import encoding
from store.embedded.engine import Counts, Output, Result
from store.embedded.scope import Scope
from store.embedded.status import content_type, status_of

log = structlog.get_logger()

# An answer begins to be sent once it is this large, or complete: so a query that fails early gets
# a proper status, and a small answer comes with its summary.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A request, read and let in."""

    request: web.Request
    arguments: Mapping[str, str]
    scope: Scope
    headers: Mapping[str, str]
    started: float

    @property
    def format(self) -> str:
        """The format of the answer where the SQL names none."""
        named = self.request.headers.get("X-ClickHouse-Format", "TabSeparated")
        return self.arguments.get("default_format", named)

    @property
    def encoding(self) -> str | None:
        """The encoding of the answer; like a server of today, we encode unless told not to."""
        if self.arguments.get("enable_http_compression", "1") not in {"1", "true"}:
            return None
        return encoding.accepted(self.request.headers.get("Accept-Encoding", ""))

    @property
    def whole(self) -> bool:
        """Whether the answer must be complete before any of it is sent."""
        return self.arguments.get("wait_end_of_query") in {"1", "true"}


def refused(refusal: StoreRefused, *, version: str, headers: Mapping[str, str]) -> web.Response:
    """An error as ClickHouse words it."""
    log.info("query_refused", code=refusal.code, error=str(refusal)[:500])
    text = f"Code: {refusal.code}. DB::Exception: {refusal}"
    if "(version " not in text:
        text += f" (version {version})"
    return web.Response(
        text=text + "\n",
        status=status_of(refusal.code),
        headers={**headers, "X-ClickHouse-Exception-Code": str(refusal.code)},
    )


def complete(query: Query, result: Result, *, format_name: str | None) -> web.Response:
    """An answer that is all there; `format_name` is None where a statement has none to give."""
    # By the format in the headers, clients tell no rows from no answer.
    headers = _headers(query, format_name, None) if format_name else dict(query.headers)
    return web.Response(body=result.body, headers=headers | _summary(query, result.counts))


async def send(query: Query, format_name: str, output: Output, folder: Path) -> web.StreamResponse:
    """Send what a query puts out; no more than a few blocks are in memory at a time."""
    headers = _headers(query, format_name, query.encoding)
    first, ended = await _block(output)
    if ended:
        summary = _summary(query, await output.counts())
        return web.Response(body=first, headers=headers | summary)
    if query.whole:
        return await _send_whole(query, headers, first, output, folder)
    return await _send_along(query, headers, first, output)


async def _send_whole(
    query: Query, headers: Mapping[str, str], first: bytes, output: Output, folder: Path
) -> web.StreamResponse:
    with tempfile.TemporaryFile(dir=folder) as file:
        block = first
        while block:
            await asyncio.to_thread(file.write, block)
            block, _ = await _block(output)
        summary = _summary(query, await output.counts())
        response = web.StreamResponse(headers={**headers, **summary})
        response.content_length = file.tell()
        await response.prepare(query.request)
        file.seek(0)
        while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
            await response.write(block)
        return response


async def _send_along(
    query: Query, headers: Mapping[str, str], first: bytes, output: Output
) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(query.request)
    await response.write(first)
    while part := await output.read(_BLOCK_BYTES):
        await response.write(part)
    try:
        await output.counts()
    except StoreRefused as refusal:
        # Too late for a status: cut the connection, or the part would look like the whole.
        log.info("query_refused", code=refusal.code, error=str(refusal)[:500], cut=True)
        if query.request.transport is not None:
            query.request.transport.abort()
    return response


async def _block(output: Output) -> tuple[bytes, bool]:
    """The next block of the answer, and whether that is all."""
    parts: list[bytes] = []
    while sum(map(len, parts)) < _BLOCK_BYTES:
        part = await output.read(_BLOCK_BYTES)
        if not part:
            return b"".join(parts), True
        parts.append(part)
    return b"".join(parts), False


def _headers(query: Query, format_name: str, encoded: str | None) -> dict[str, str]:
    return {
        **query.headers,
        "Content-Type": content_type(format_name),
        "X-ClickHouse-Format": format_name,
        **({"Content-Encoding": encoded} if encoded else {}),
    }


def _summary(query: Query, counts: Counts) -> dict[str, str]:
    figures = {
        "read_rows": counts.read_rows,
        "read_bytes": counts.read_bytes,
        "written_rows": counts.written_rows,
        "written_bytes": counts.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": counts.result_rows,
        "result_bytes": 0,
        "elapsed_ns": int((time.monotonic() - query.started) * 1e9),
    }
    return {"X-ClickHouse-Summary": json.dumps({k: str(v) for k, v in figures.items()})}

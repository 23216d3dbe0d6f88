"""ClickHouse's HTTP interface: from a request to the engine, and from the engine to the answer."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import IO

import structlog
from aiohttp import web

from runtime.errors import StoreRefused
from store.embedded import answer, body, encoding, statement
from store.embedded.auth import authenticate
from store.embedded.engine import Engine, Output, Result
from store.embedded.scope import Scope
from store.embedded.statement import Kind, Statement

log = structlog.get_logger()

NOT_IMPLEMENTED = 48
QUERY_IS_TOO_LARGE = 229
SYNTAX_ERROR = 62

# A statement without its rows. ClickHouse itself parses no more than 256 KiB unless told.
_SQL_BYTES_MAX = 1 << 20
# An answer begins to be sent once it is this large, or complete: so a query that fails early gets
# a proper status, and a small answer comes with its summary.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """A request, read and let in."""

    request: web.Request
    arguments: Mapping[str, str]
    scope: Scope
    headers: dict[str, str]
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


class Interface:
    """The handlers of the paths that a ClickHouse server has, as far as they make sense here."""

    def __init__(self, engine: Engine, *, folder: Path, password: str) -> None:
        self._engine = engine
        self._folder = folder
        self._password = password

    def application(self) -> web.Application:
        """The routes; any other path is a 404."""
        application = web.Application(client_max_size=_SQL_BYTES_MAX)
        application.router.add_get("/ping", _ok)
        application.router.add_get("/replicas_status", _ok)
        application.router.add_get("/", self._get)
        application.router.add_post("/", self._post)
        return application

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if not request.query.get("query"):
            return await _ok(request)
        return await self._post(request)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        headers = {
            "X-ClickHouse-Server-Display-Name": gethostname(),
            "X-ClickHouse-Query-Id": request.query.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        try:
            query = await self._admit(request, headers)
            content_encoding = request.headers.get("Content-Encoding", "").lower()
            with await body.receive(request.content, content_encoding, self._folder) as received:
                return await self._run(query, received)
        except StoreRefused as refusal:
            log.info("query_refused", code=refusal.code, error=str(refusal)[:500])
            return answer.error(refusal, version=self._engine.version, headers=headers)

    async def _admit(self, request: web.Request, headers: dict[str, str]) -> _Query:
        started = time.monotonic()
        arguments = dict(request.query)
        authenticate(request.headers, arguments, self._password)
        if request.content_type == "multipart/form-data":
            arguments.update(await _form(request))
        if "1" in {arguments.get("compress"), arguments.get("decompress")}:
            raise StoreRefused(
                "compress=1 and decompress=1 (blocks in ClickHouse's own framing) are not served "
                "here: use Content-Encoding and Accept-Encoding. (NOT_IMPLEMENTED)",
                code=NOT_IMPLEMENTED,
            )
        database = request.headers.get("X-ClickHouse-Database", "")
        scope = Scope.of(
            arguments,
            database=arguments.get("database", database),
            readonly=request.method != "POST",
        )
        return _Query(
            request=request,
            arguments=arguments,
            scope=scope,
            headers=headers,
            started=started,
        )

    async def _run(self, query: _Query, received: IO[bytes]) -> web.StreamResponse:
        parsed, prefix = _parted(query.arguments.get("query", "").encode(), received)
        if parsed.kind is Kind.READ:
            return await self._read(query, parsed)
        if parsed.kind is Kind.INSERT:
            return _complete(
                query, query.format, await self._insert(query, parsed, prefix, received)
            )
        result = await self._engine.run(query.scope, parsed.sql, query.format)
        return _complete(query, query.format, result)

    async def _insert(
        self, query: _Query, parsed: Statement, prefix: bytes, received: IO[bytes]
    ) -> Result:
        if parsed.input_call is None:
            rows = body.blocks(prefix, received)
            return await self._engine.insert(query.scope, parsed.sql, parsed.format, rows)
        # chDB streams only into plain inserts, so a SELECT from input() reads a file instead.
        with await asyncio.to_thread(body.as_file, prefix, received, self._folder) as file:
            sql = parsed.input_call.from_file(f"/dev/fd/{file.fileno()}", parsed.format)
            return await self._engine.run(query.scope, sql, "Null")

    async def _read(self, query: _Query, parsed: Statement) -> web.StreamResponse:
        format_name = parsed.format or query.format
        async with self._engine.reading(
            query.scope, parsed.sql, format_name, encoding=query.encoding, rest=parsed.rest
        ) as output:
            first, ended = await _block(output)
            if ended:
                return _complete(query, format_name, Result(first, await output.counts()))
            return await _stream(query, format_name, first, output)


def _parted(url_sql: bytes, received: IO[bytes]) -> tuple[Statement, bytes]:
    """The statement, and those of its rows that came in the URL; `received` is at the others."""
    text = url_sql + b"\n" if url_sql else b""
    parsed = statement.parse(text)
    if parsed.kind is Kind.INSERT:
        return parsed, text[parsed.data_at :]
    if sql := received.read(_SQL_BYTES_MAX + 1):
        parsed = statement.parse(text + sql)
        if parsed.kind is Kind.INSERT:
            received.seek(parsed.data_at - len(text))
        elif len(sql) > _SQL_BYTES_MAX:
            raise StoreRefused(
                f"The statement is larger than {_SQL_BYTES_MAX} bytes. (QUERY_IS_TOO_LARGE)",
                code=QUERY_IS_TOO_LARGE,
            )
    if parsed.kind is Kind.EMPTY:
        raise StoreRefused("Empty query. (SYNTAX_ERROR)", code=SYNTAX_ERROR)
    return parsed, b""


async def _block(output: Output) -> tuple[bytes, bool]:
    """The next block of the answer, and whether that is all."""
    parts: list[bytes] = []
    while sum(map(len, parts)) < _BLOCK_BYTES:
        part = await output.read(_BLOCK_BYTES)
        if not part:
            return b"".join(parts), True
        parts.append(part)
    return b"".join(parts), False


def _headers(query: _Query, format_name: str) -> dict[str, str]:
    return {
        **query.headers,
        "Content-Type": answer.content_type(format_name),
        "X-ClickHouse-Format": format_name,
    }


def _complete(query: _Query, format_name: str, result: Result) -> web.Response:
    summary = answer.summary(result.counts, started=query.started)
    return web.Response(body=result.body, headers=_headers(query, format_name) | summary)


async def _stream(
    query: _Query, format_name: str, first: bytes, output: Output
) -> web.StreamResponse:
    response = web.StreamResponse(headers=_headers(query, format_name))
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


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form: clients send parameters so when they are too long for a URL."""
    fields = {}
    for name, value in (await request.post()).items():
        if not isinstance(value, str):
            raise StoreRefused(
                "External tables are not served here. (NOT_IMPLEMENTED)", code=NOT_IMPLEMENTED
            )
        fields[name] = value
    return fields


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")

"""ClickHouse's HTTP interface: from a request to the engine, and from the engine to the answer."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from socket import gethostname
from typing import IO

from aiohttp import web

from runtime import telemetry
from runtime.errors import StoreRefused
from store.embedded import body, reply, statement
from store.embedded.auth import authenticate
from store.embedded.engine import Engine, Result
from store.embedded.reply import Query
from store.embedded.scope import Scope
from store.embedded.statement import Kind, Statement

NOT_ENOUGH_SPACE = 243
NOT_IMPLEMENTED = 48
QUERY_IS_TOO_LARGE = 229
SYNTAX_ERROR = 62

# A statement without its rows. ClickHouse itself parses no more than 256 KiB unless told.
_SQL_BYTES_MAX = 1 << 20
# Parameters that are too long for a URL; the engine takes as much.
_FORM_BYTES_MAX = 64 << 20


class Interface:
    """The handlers of the paths that a ClickHouse server has, as far as they make sense here."""

    def __init__(self, engine: Engine, *, folder: Path, password: str) -> None:
        self._engine = engine
        self._folder = folder
        self._password = password

    def application(self) -> web.Application:
        """The routes; any other path is a 404."""
        application = web.Application(client_max_size=_FORM_BYTES_MAX)
        application.router.add_get("/ping", _ok)
        application.router.add_get("/replicas_status", _ok)
        telemetry.add_routes(application, waits_for=_waits_for)
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
        except StoreRefused as error:
            refusal = error
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            # Ours to open are only the files that bodies and answers wait in.
            refusal = StoreRefused(
                f"{self._folder}: {error}. (NOT_ENOUGH_SPACE)", code=NOT_ENOUGH_SPACE
            )
        return reply.refused(refusal, version=self._engine.version, headers=headers)

    async def _admit(self, request: web.Request, headers: dict[str, str]) -> Query:
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
        return Query(
            request=request,
            arguments=arguments,
            scope=scope,
            headers=headers,
            started=started,
        )

    async def _run(self, query: Query, received: IO[bytes]) -> web.StreamResponse:
        parsed, prefix = _parted(query.arguments.get("query", "").encode(), received)
        if parsed.kind is Kind.READ:
            return await self._read(query, parsed)
        if parsed.kind is Kind.INSERT:
            result = await self._insert(query, parsed, prefix, received)
            return reply.complete(query, result, format_name=None)
        format_name = parsed.format or query.format
        result = await self._engine.run(query.scope, parsed.sql + parsed.rest, format_name)
        answers = parsed.kind is Kind.SHOW or result.body
        return reply.complete(query, result, format_name=format_name if answers else None)

    async def _insert(
        self, query: Query, parsed: Statement, prefix: bytes, received: IO[bytes]
    ) -> Result:
        if parsed.input_call is None:
            rows = body.blocks(prefix, received)
            return await self._engine.insert(query.scope, parsed.sql, parsed.format, rows)
        # chDB streams only into plain inserts, so a SELECT from input() reads a file instead.
        with await asyncio.to_thread(body.as_file, prefix, received, self._folder) as file:
            sql = parsed.input_call.from_file(f"/dev/fd/{file.fileno()}", parsed.format)
            return await self._engine.run(query.scope, sql, "Null")

    async def _read(self, query: Query, parsed: Statement) -> web.StreamResponse:
        format_name = parsed.format or query.format
        async with self._engine.reading(
            query.scope, parsed.sql, format_name, encoding=query.encoding, rest=parsed.rest
        ) as output:
            return await reply.send(query, format_name, output, self._folder)


# The statements of a worker are always the same few, and the longest takes 12 ms to be read.
_parsed = lru_cache(maxsize=64)(statement.parse)


def _parted(url_sql: bytes, received: IO[bytes]) -> tuple[Statement, bytes]:
    """The statement, and those of its rows that came in the URL; `received` is at the others."""
    text = url_sql + b"\n" if url_sql else b""
    parsed = _parsed(text)
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


async def _waits_for() -> Sequence[str]:
    return ()  # who answers has the folder and its engine


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")

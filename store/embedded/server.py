"""The embedded store as a server: opens the folder, serves it, and closes it in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web

from runtime.errors import ConfigError
from store.embedded.engine import Engine
from store.embedded.interface import Interface

log = structlog.get_logger()

# ClickHouse's own bound on a URL: clients put settings there, such as the text of a schema.
_URL_BYTES_MAX = 1 << 20
_READ_BUFFER_BYTES = 1 << 20
_GRACE_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedStore:
    """A store that is being served."""

    port: int


@asynccontextmanager
async def serve(
    *, folder: Path, host: str, port: int, password: str, connections: int
) -> AsyncIterator[EmbeddedStore]:
    """
    Serve the store in `folder` on `host` and `port` (0: any free one) until this is left.

    `connections` queries run at a time. On leaving, no request is let in any more, those that run
    have some seconds to end, and the rest are killed. Raises ConfigError where the folder is in use
    by another process, or the address cannot be had.
    """
    folder = folder.absolute()  # noqa: ASYNC240 - reads nothing but the working directory
    engine = await asyncio.to_thread(Engine, folder, connections=connections)
    async with aclosing(engine):
        application = Interface(engine, folder=folder, password=password).application()
        runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,  # a query is killed when its client vanishes
            max_line_size=_URL_BYTES_MAX,
            read_bufsize=_READ_BUFFER_BYTES,
            auto_decompress=False,  # ours, as aiohttp does not know lz4
            shutdown_timeout=_GRACE_SECONDS,
        )
        await runner.setup()
        try:
            await _listen(runner, host, port)
            actual = runner.addresses[0][1]
            log.info("store_serving", folder=str(folder), host=host, port=actual)
            yield EmbeddedStore(port=actual)
        finally:
            await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise ConfigError(f"The store cannot listen on {host}:{port}: {error.strerror}") from error

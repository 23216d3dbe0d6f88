"""One query process, put together: the application behind an HTTP server of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn

from query.app import create_app
from query.langfuse.ingest import Ingest
from query.services import Services
from runtime import checks
from runtime.config import Config
from runtime.errors import ConfigError
from runtime.section import HostPort
from store.client import Store

log = structlog.get_logger()

# How long an answer under way may take to end when the process is told to stop.
_GRACE_SECONDS = 5


@contextlib.asynccontextmanager
async def serve(config: Config) -> AsyncIterator[HostPort]:
    """
    Answer for as long as the context lasts, and yield the address in use.

    Raises:
        ConfigError: the address must not or cannot be listened on, or nobody could be let in.
    """
    checks.refuse(checks.store_url(config.store))
    checks.refuse(checks.query(config.query))
    checks.refuse(checks.ingest_url(config.query))
    async with Store(config.store) as store, Ingest(config) as ingest:
        listener = _listen(config.query.endpoint)
        address = HostPort(*listener.getsockname()[:2])
        server = _Server(
            uvicorn.Config(
                create_app(Services(config=config, store=store, ingest=ingest)),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            log.info("query_started", address=str(address))
            yield address
        finally:
            server.should_exit = True
            await serving
            log.info("query_stopped")


def _listen(endpoint: HostPort) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    try:
        return socket.create_server(endpoint, family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(
            f"query.endpoint: cannot listen on {endpoint}: {error.strerror}"
        ) from error


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are lifecycle.stop_signals' business, as in every other process.
        yield

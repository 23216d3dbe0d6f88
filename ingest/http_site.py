"""Where the HTTP server listens: as aiohttp's own sites do, with bounds that those lack."""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import web

from runtime import events
from runtime.section import HostPort

HANDSHAKE_SECONDS_MAX = 10.0
_BACKLOG = 1024


class Site(web.BaseSite):
    """An address that is listened on, for so many connections at a time."""

    def __init__(
        self,
        runner: web.AppRunner,
        endpoint: HostPort,
        *,
        connections_max: int,
        share_port: bool,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(runner)
        self._endpoint = endpoint
        self._connections_max = connections_max
        self._share_port = share_port
        self._context = context

    @property
    def name(self) -> str:
        """The address as a URL."""
        return f"{'https' if self._context else 'http'}://{self._endpoint}"

    async def start(self) -> None:
        """Listen, or raise OSError."""
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._connection,
            *self._endpoint,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX if self._context else None,
            backlog=_BACKLOG,
            reuse_port=self._share_port,
        )

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(server.connections) >= self._connections_max:
            events.connection_refused()
            return _Refused()
        return server()


class _Refused(asyncio.Protocol):
    """A connection too many: it is closed at once, which exporters try again after."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()

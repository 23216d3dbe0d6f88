"""
What every process tells about itself over HTTP: alive, ready, and its metrics.

Alive and ready are apart: a process that waits for a broker or a store is alive and must not be
restarted for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import prometheus_client
import structlog
from aiohttp import web

from runtime import members
from runtime.errors import ConfigError
from runtime.metrics import REGISTRY
from runtime.section import HostPort

log = structlog.get_logger()

# Returns what the process waits for before it can do its work, in words; nothing when it is ready.
WaitsFor = Callable[[], Awaitable[Sequence[str]]]


def exposition() -> tuple[bytes, str]:
    """Return all metrics of the process in Prometheus' text format, and its content type."""
    body = prometheus_client.generate_latest(members.exposed(REGISTRY))
    return body, prometheus_client.CONTENT_TYPE_LATEST


def add_routes(application: web.Application, *, waits_for: WaitsFor) -> None:
    """Add `/healthz`, `/readyz` and `/metrics`."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        reasons = list(await waits_for())
        return web.json_response(
            {"ready": not reasons, "waiting_for": reasons}, status=503 if reasons else 200
        )

    async def metrics(_: web.Request) -> web.Response:
        body, content_type = exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", metrics)


@asynccontextmanager
async def serve(endpoint: HostPort, *, waits_for: WaitsFor) -> AsyncIterator[HostPort]:
    """
    Serve the three for as long as the context lasts, and yield the address in use.

    Raises:
        ConfigError: the address cannot be had.
    """
    application = web.Application()
    add_routes(application, waits_for=waits_for)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, endpoint.host, endpoint.port).start()
        except OSError as error:
            raise ConfigError(
                f"worker.telemetry.endpoint: cannot listen on {endpoint}; is another process doing"
                " so?"
            ) from error
        address = HostPort(*runner.addresses[0][:2])
        log.info("telemetry_listening", address=str(address))
        yield address
    finally:
        await runner.cleanup()

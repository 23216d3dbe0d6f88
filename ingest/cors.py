"""
CORS: what browsers ask before a page of another origin may send here.

Off unless origins are allowed. Any header may be sent: nothing here trusts one for being there.
Credentials are allowed because `navigator.sendBeacon`, which exporters use when a page is left,
always sends them; there are no cookies here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiohttp import web

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_REMEMBER_SECONDS = "7200"  # more than that no browser does


class Origins:
    """The origins whose pages may send: `https://app.example.com`, or `https://*.example.com`."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._exact = frozenset(allowed)
        self._below = [origin.split("*") for origin in allowed if "*" in origin]

    def allow(self, origin: str) -> bool:
        """Return whether pages of an origin may send."""
        return origin in self._exact or any(
            origin.startswith(scheme)
            and origin.endswith(domain)
            and len(origin) > len(scheme) + len(domain)
            for scheme, domain in self._below
        )


def middleware(origins: Origins, paths: Collection[str]) -> Any:
    """Return what answers preflights for some paths, and lets pages read the other answers."""

    @web.middleware
    async def cors(request: web.Request, handler: _Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if request.path not in paths or not origins.allow(origin):
            return await handler(request)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response: web.StreamResponse = web.Response(status=204, headers=_permit(request))
        else:
            response = await handler(request)
            response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Vary"] = "Origin"
        return response

    return cors


def _permit(preflight: web.Request) -> dict[str, str]:
    headers = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Max-Age": _REMEMBER_SECONDS,
    }
    if asked := preflight.headers.get("Access-Control-Request-Headers"):
        headers["Access-Control-Allow-Headers"] = asked
    return headers

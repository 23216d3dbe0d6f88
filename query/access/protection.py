"""
What holds for every answer and every request, whoever asks: headers that keep a browser from doing
more than a page needs, and no changes on behalf of other sites.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from query.wire import Problem

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
# Forms and JSON are small. Exports of spans are handed on as they come in, and ingest bounds them.
BODY_BYTES_MAX = 4 * 2**20
_HANDED_ON = "/api/public/otel/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Protection:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        if refusal := _refusal(scope):
            await refusal(scope, receive, send_protected)
        else:
            await self._app(scope, receive, send_protected)


def _refusal(scope: Scope) -> Problem | None:
    if scope["method"] in _SAFE_METHODS:
        return None
    headers = Headers(scope=scope)
    if is_cross_site(headers):
        detail = (
            "this came from a page of another site, or through a proxy that changes Host and"
            " not Origin; let the proxy hand on the Host that it was asked for"
        )
        return Problem(status=403, detail=detail)
    if scope["path"].startswith(_HANDED_ON):
        return None
    if "transfer-encoding" in headers:
        return Problem(status=411, detail="send the body with a Content-Length")
    if int(headers.get("content-length", "0")) > BODY_BYTES_MAX:
        return Problem(status=413, detail=f"the body is larger than {BODY_BYTES_MAX} bytes")
    return None


def is_cross_site(headers: Headers) -> bool:
    """
    Whether a browser sends this on behalf of another site than ours. Browsers say so themselves,
    and no page can make them lie; whatever says nothing is no browser, and nobody's log-in.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    host = headers.get("host", "")
    return origin is not None and origin not in {f"http://{host}", f"https://{host}"}

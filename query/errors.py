"""Every error becomes an answer: a problem in JSON for programs, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from query.pages.rendering import page
from query.wire import TITLES, Problem
from runtime.errors import (
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RetryableError,
)

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2


def install(app: FastAPI) -> None:
    """Answer every error that a handler raises."""
    app.add_exception_handler(Exception, _unexpected)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(InvalidRequest, _invalid)
    app.add_exception_handler(NotAuthenticated, _not_authenticated)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(RetryableError, _not_ready)


def answer(
    request: Request, *, status: int, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """Return an error in the form that whoever asked can use."""
    if request.url.path.startswith("/api/"):
        return Problem(status=status, detail=detail, headers=headers)
    response = page(
        request, "error.html", status=status, title=TITLES.get(status, "Error"), detail=detail
    )
    response.headers.update(headers or {})
    return response


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    headers = dict(error.headers or {})
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"there is nothing at {request.url.path}"
    return answer(request, status=error.status_code, detail=detail, headers=headers)


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    parts = (f"{'.'.join(str(p) for p in e['loc'][1:])}: {_told(e)}" for e in error.errors())
    return answer(request, status=422, detail="; ".join(parts))


def _told(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is nothing of that name; /docs has what there is"
    message: str = error["msg"]
    return message.removeprefix("Value error, ")


def _invalid(request: Request, error: Exception) -> Response:
    return answer(request, status=400, detail=str(error))


def _not_found(request: Request, error: Exception) -> Response:
    return answer(request, status=404, detail=str(error))


def _not_authenticated(request: Request, error: Exception) -> Response:
    # A person who proves nothing yet is sent to log in; a program is told what to send.
    if request.url.path.startswith("/api/") or "authorization" in request.headers:
        # Not Basic as well: a browser would ask for a password in a window of its own.
        headers = {"WWW-Authenticate": 'Bearer realm="sessiontrail"'}
        return answer(request, status=401, detail=str(error), headers=headers)
    if "hx-request" in request.headers:  # a part of a page: the whole of it has to go there
        headers = {"HX-Redirect": "/login"}
        return answer(request, status=401, detail=str(error), headers=headers)
    asked = f"{request.url.path}?{request.url.query}".rstrip("?")
    form = f"/login?{urlencode({'next': asked})}" if request.method == "GET" else "/login"
    return RedirectResponse(form, status_code=303)


def _not_allowed(request: Request, error: Exception) -> Response:
    return answer(request, status=403, detail=str(error))


def _not_ready(request: Request, error: Exception) -> Response:
    log.warning("query_not_ready", reason=str(error))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    detail = "the store cannot be read right now; try again in a moment"
    return answer(request, status=503, detail=detail, headers=headers)


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("query_failed", path=request.url.path, error=repr(error), exc_info=error)
    return answer(request, status=500, detail="something went wrong here; the log says what")

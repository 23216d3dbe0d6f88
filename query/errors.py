"""Every error becomes an answer: a problem in JSON for programs, a page for people."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from query.wire import Problem
from runtime.errors import InvalidRequest, NotAllowed, NotFound, RetryableError

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2


def install(app: FastAPI) -> None:
    """Answer every error that a handler raises."""
    app.add_exception_handler(Exception, _unexpected)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(InvalidRequest, _invalid)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(RetryableError, _not_ready)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    headers = dict(error.headers or {})
    return Problem(status=error.status_code, detail=error.detail, headers=headers)


def _unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    parts = (f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors())
    return Problem(status=422, detail="; ".join(parts))


def _invalid(_: Request, error: Exception) -> Response:
    return Problem(status=400, detail=str(error))


def _not_found(_: Request, error: Exception) -> Response:
    return Problem(status=404, detail=str(error))


def _not_allowed(_: Request, error: Exception) -> Response:
    return Problem(status=403, detail=str(error))


def _not_ready(_: Request, error: Exception) -> Response:
    log.warning("query_not_ready", reason=str(error))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    detail = "the store cannot be read right now; try again in a moment"
    return Problem(status=503, detail=detail, headers=headers)


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("query_failed", path=request.url.path, error=repr(error), exc_info=error)
    return Problem(status=500, detail="something went wrong here; the log says what")

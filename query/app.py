"""The application: what answers to which path."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from query import errors, health
from query.access import log_in
from query.access.gate import Gate
from query.access.protection import Protection
from query.api import deletions, marks, sessions, shares, traces
from query.langfuse import router as langfuse
from query.pages import deletions as deletion_forms
from query.pages import docs, shared
from query.pages import marks as mark_forms
from query.pages import session as session_page
from query.pages import sessions as list_page
from query.pages import trace as trace_page
from query.pages.rendering import STATIC
from query.services import Services
from query.wire import TITLES, Problem, ProblemBody

# Swagger UI's own files; its package would have the pages load them from elsewhere.
_SWAGGER_UI = files("fastapi_offline") / "static"
# What every route may answer besides what it is for.
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": TITLES[status],
        "content": {Problem.media_type: {"schema": ProblemBody.model_json_schema()}},
    }
    for status in (400, 401, 403, 404, 413, 422, 429, 503)
}
_DESCRIPTION = "Sessions of LLM applications: lists, replays, marks. [To the pages](/sessions)"
_API = (sessions, traces, deletions, marks, shares, langfuse)
_PAGES = (log_in, list_page, session_page, trace_page, mark_forms, deletion_forms, shared, docs)


def create_app(services: Services) -> FastAPI:
    """
    Return the application of one process; `services` outlive it.

    Raises:
        ConfigError: the project keys, or the secret of log-ins, cannot be read.
    """
    app = _Protected(
        title="SessionTrail",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEMS,
    )
    app.state.services = services
    app.state.gate = Gate(services.config)
    errors.install(app)
    for part in (health, *_API, *_PAGES):
        app.include_router(part.router)
    app.mount("/static/swagger", StaticFiles(directory=str(_SWAGGER_UI)))
    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    return app


class _Protected(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        # Around everything: what answers errors nobody expected is the outermost of the others.
        return Protection(super().build_middleware_stack())

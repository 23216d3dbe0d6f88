"""The application: what answers to which path."""

from __future__ import annotations

from fastapi import FastAPI

from query import errors, health
from query.api import sessions, traces
from query.services import Services
from query.wire import Json


def create_app(services: Services) -> FastAPI:
    """Return the application of one process; `services` outlive it."""
    app = FastAPI(
        title="SessionTrail",
        description="Sessions of LLM applications: lists, replays, marks.",
        docs_url=None,
        redoc_url=None,
        default_response_class=Json,
    )
    app.state.services = services
    errors.install(app)
    for router in (health.router, sessions.router, traces.router):
        app.include_router(router)
    return app

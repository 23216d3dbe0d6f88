"""
Every route, and everybody who may ask. A route that is not in EXPECTED fails the first test: add a
line to it, with parameters that fit and the role that it demands.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from query.access.cookies import NAME
from query.access.guard import Access
from query.app import create_app
from query.langfuse.ingest import Ingest
from query.marks.shares import NewShare, Shares
from query.services import Services
from runtime import keys
from runtime.config import Config, KeysConfig, QueryConfig
from runtime.roles import Role, RoleName
from store.client import Store
from tests import otlp, processes
from tests.query import keep
from tests.users import PASSWORD, query_config, user


def _in(project: str, role: RoleName) -> dict[str, RoleName]:
    return {project: role}


# Whoever asks shares the application, and with it the loop that it runs in.
pytestmark = pytest.mark.asyncio(loop_scope="module")
PROJECT = f"shop-{secrets.token_hex(4)}"
USERS = (
    *(user(role, **_in(PROJECT, role)) for role in get_args(RoleName)),
    user("stranger", bank="admin"),
)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a route demands, and a request that would be fine with it otherwise."""

    needs: Role | None  # None: open to everybody
    url: str = ""  # the path itself where it has no parameters
    json: Any = None
    data: Mapping[str, str] = field(default_factory=dict)
    is_missing: bool = False  # open, and there is nothing to be seen


NO_TOKEN = secrets.token_urlsafe(32)
OPEN, VIEWER, EDITOR, ADMIN = None, Role.VIEWER, Role.EDITOR, Role.ADMIN
# Where an export that was let through ends.
NOBODY = Config(query=QueryConfig(ingest_url="http://127.0.0.1:1"))
EXPECTED: dict[str, Expected] = {
    "GET /healthz": Expected(needs=OPEN),
    "GET /readyz": Expected(needs=OPEN),
    "GET /metrics": Expected(needs=OPEN),
    "GET /openapi.json": Expected(needs=OPEN),
    "MOUNT /static": Expected(needs=OPEN, url="/static/style.css"),
    "GET /login": Expected(needs=OPEN),
    "POST /login": Expected(needs=OPEN, data={"next": "/"}),
    "POST /logout": Expected(needs=OPEN),
    "GET /api/v1/sessions": Expected(needs=VIEWER),
    "GET /api/v1/sessions/export": Expected(needs=VIEWER),
    "GET /api/v1/session": Expected(needs=VIEWER, url="/api/v1/session?id=s"),
    "POST /api/v1/sessions/end": Expected(needs=EDITOR, url="/api/v1/sessions/end?session_id=s"),
    "DELETE /api/v1/sessions": Expected(needs=ADMIN, url="/api/v1/sessions?session_id=x"),
    "DELETE /api/v1/traces": Expected(needs=ADMIN, url="/api/v1/traces?trace_id=x"),
    "GET /api/v1/session/replay": Expected(needs=VIEWER, url="/api/v1/session/replay?id=s"),
    "GET /api/v1/session/replay/stream": Expected(
        needs=VIEWER, url="/api/v1/session/replay/stream?id=s"
    ),
    "GET /api/v1/session/export": Expected(needs=VIEWER, url="/api/v1/session/export?id=s"),
    "GET /api/v1/trace": Expected(needs=VIEWER, url=f"/api/v1/trace?id={1:032x}"),
    "GET /api/v1/trace/logs": Expected(needs=VIEWER, url=f"/api/v1/trace/logs?id={1:032x}"),
    "GET /api/v1/span": Expected(needs=VIEWER, url=f"/api/v1/span?trace={1:032x}&id={1:016x}"),
    "MOUNT /static/swagger": Expected(needs=OPEN, url="/static/swagger/swagger-ui.css"),
    "GET /docs": Expected(needs=OPEN),
    "GET /shared/{token}": Expected(needs=OPEN, url=f"/shared/{NO_TOKEN}", is_missing=True),
    "GET /": Expected(needs=OPEN),
    "GET /sessions": Expected(needs=VIEWER),
    "GET /session": Expected(needs=VIEWER, url="/session?id=s"),
    "GET /trace": Expected(needs=VIEWER, url=f"/trace?id={1:032x}"),
    "GET /span": Expected(needs=VIEWER, url=f"/span?trace={1:032x}&id={1:016x}"),
    "GET /value": Expected(needs=VIEWER, url=f"/value?trace={1:032x}&id={1:016x}&of=input"),
    "POST /session/bookmark": Expected(needs=EDITOR, data={"id": "s", "on": "true"}),
    "POST /session/end": Expected(needs=EDITOR, data={"id": "s"}),
    "POST /session/delete": Expected(needs=ADMIN, data={"id": "not there"}),
    "POST /trace/delete": Expected(needs=ADMIN, data={"id": "not there"}),
    "POST /session/publish": Expected(needs=EDITOR, data={"session_id": "s"}),
    "POST /session/revoke": Expected(needs=EDITOR, data={"share": "x"}),
    "POST /marks/score": Expected(
        needs=EDITOR, data={"session_id": "s", "name": "n", "data_type": "TEXT", "value": "v"}
    ),
    "POST /marks/comment": Expected(needs=EDITOR, data={"session_id": "s", "text": "t"}),
    "POST /marks/remove": Expected(needs=EDITOR, data={"kind": "score", "mark": "x"}),
    "PUT /api/v1/session/bookmark": Expected(needs=EDITOR, url="/api/v1/session/bookmark?id=s"),
    "DELETE /api/v1/session/bookmark": Expected(needs=EDITOR, url="/api/v1/session/bookmark?id=s"),
    "GET /api/v1/score-definitions": Expected(needs=VIEWER),
    "GET /api/v1/scores": Expected(needs=VIEWER),
    "POST /api/v1/scores": Expected(
        needs=EDITOR, json={"session_id": "s", "name": "n", "value": "v"}
    ),
    "PATCH /api/v1/scores/{score_id:path}": Expected(
        needs=EDITOR, url="/api/v1/scores/x", json={"value": 1.0}
    ),
    "DELETE /api/v1/scores/{score_id:path}": Expected(needs=EDITOR, url="/api/v1/scores/x"),
    "GET /api/v1/scores/{score_id:path}/edits": Expected(
        needs=VIEWER, url="/api/v1/scores/x/edits"
    ),
    "GET /api/v1/comments": Expected(needs=VIEWER),
    "POST /api/v1/comments": Expected(needs=EDITOR, json={"session_id": "s", "text": "t"}),
    "PATCH /api/v1/comments/{comment_id}": Expected(
        needs=EDITOR, url="/api/v1/comments/x", json={"text": "t"}
    ),
    "DELETE /api/v1/comments/{comment_id}": Expected(needs=EDITOR, url="/api/v1/comments/x"),
    "GET /api/v1/comments/{comment_id}/edits": Expected(
        needs=VIEWER, url="/api/v1/comments/x/edits"
    ),
    "GET /api/v1/session/shares": Expected(needs=VIEWER, url="/api/v1/session/shares?id=s"),
    "POST /api/v1/session/shares": Expected(
        needs=EDITOR, url="/api/v1/session/shares?id=s", json={}
    ),
    "DELETE /api/v1/shares/{share_id}": Expected(needs=EDITOR, url="/api/v1/shares/x"),
    "GET /api/public/health": Expected(needs=OPEN),
    "POST /api/public/otel/v1/{signal}": Expected(needs=OPEN, url="/api/public/otel/v1/traces"),
    "GET /api/public/projects": Expected(needs=VIEWER),
    "GET /api/public/sessions": Expected(needs=VIEWER),
    "GET /api/public/sessions/{session_id:any_text}": Expected(
        needs=VIEWER, url="/api/public/sessions/s"
    ),
    "GET /api/public/traces": Expected(needs=VIEWER),
    "GET /api/public/traces/{trace_id}": Expected(needs=VIEWER, url="/api/public/traces/x"),
    "GET /api/public/v2/observations": Expected(needs=VIEWER),
    "GET /api/public/scores": Expected(needs=VIEWER),
    "GET /api/public/v2/scores": Expected(needs=VIEWER),
    "GET /api/public/v2/scores/{score_id}": Expected(needs=VIEWER, url="/api/public/v2/scores/x"),
    "GET /api/public/v3/scores": Expected(needs=VIEWER),
    "POST /api/public/scores": Expected(needs=EDITOR, json=[]),
    "DELETE /api/public/scores/{score_id}": Expected(needs=EDITOR, url="/api/public/scores/x"),
    "POST /api/public/ingestion": Expected(needs=EDITOR, json={"batch": []}),
    "GET /project/{project}/{kind}s/{item:path}": Expected(needs=OPEN, url="/project/x/traces/x"),
    **{
        f"{method} /api/public/{{path:path}}": Expected(
            needs=OPEN, url="/api/public/prompts", is_missing=True
        )
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    },
}


def routes_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Yield what the application answers to, such as `GET /healthz`."""
    for route in routes:
        if isinstance(route, Mount):
            yield f"MOUNT {prefix}{route.path}"
        elif isinstance(route, APIRoute | Route):
            methods = set(route.methods or ()) - {"HEAD"}
            yield from (f"{method} {prefix}{route.path}" for method in methods)
        else:  # a router of FastAPI's, as it was included
            included: Any = route
            yield from routes_of(included.original_router.routes, prefix)


@dataclass(kw_only=True)
class Running:
    """The application, and somebody of each kind to ask it."""

    app: FastAPI
    clients: Mapping[str, httpx.AsyncClient]
    shared: str  # the path of a public link to a session of PROJECT


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    store: processes.Store, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """An application with users and keys, for all tests of this file."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    config = Config(store=store.config, query=query_config(*USERS), keys=KeysConfig(file=path))
    headers = {f"{role} key": _bearer(path, PROJECT, role) for role in ("viewer", "editor")}
    headers["stranger key"] = _bearer(path, "bank", "admin")
    headers["nobody"] = ""
    async with Store(store.config) as client, Ingest(NOBODY) as ingest:
        await keep(client, PROJECT, [otlp.sample(1)])
        access = Access(project=PROJECT, who="editor", role=Role.EDITOR)
        _, token = await Shares(client).publish(access, "s", NewShare())
        headers["shared link"] = f"Bearer {token}"
        app = create_app(Services(config=config, store=client, ingest=ingest))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        clients = {
            name: httpx.AsyncClient(
                transport=transport,
                base_url="http://localhost",
                headers={"Authorization": header} if header else {},
            )
            for name, header in headers.items()
        }
        for one in USERS:
            clients[one.name] = httpx.AsyncClient(transport=transport, base_url="http://localhost")
            clients[one.name].cookies.set(NAME, await _log_in(transport, one.name))
        yield Running(app=app, clients=clients, shared=f"/shared/{token}")
        for client_ in clients.values():
            await client_.aclose()


def _bearer(path: Path, project: str, role: RoleName) -> str:
    return f"Bearer {keys.create(path, project=project, role=role, name='').secret}"


async def _log_in(transport: httpx.AsyncBaseTransport, name: str) -> str:
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post("/login", data={"name": name, "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        return client.cookies[NAME]


async def test_every_route_is_expected(running: Running) -> None:
    """And nothing is expected that is not there."""
    assert set(routes_of(running.app.routes)) == set(EXPECTED)


# Who asks for PROJECT, and the role they have there; None: a stranger to it.
ASKERS: dict[str, Role | Literal["unknown"] | None] = {
    "nobody": "unknown",
    "shared link": "unknown",
    "viewer": Role.VIEWER,
    "viewer key": Role.VIEWER,
    "editor": Role.EDITOR,
    "editor key": Role.EDITOR,
    "admin": Role.ADMIN,
    "stranger": None,
    "stranger key": None,
}


@pytest.mark.parametrize("asker", ASKERS)
async def test_a_route_lets_in_whom_it_should(running: Running, asker: str) -> None:
    """Everybody is told what is in the way: who they are, or what they may."""
    role = ASKERS[asker]
    for route, expected in EXPECTED.items():
        method, _, path = route.partition(" ")
        answer = await running.clients[asker].request(
            "GET" if method == "MOUNT" else method,
            expected.url or path,
            params=None if expected.needs is None else {**_query(expected), "project": PROJECT},
            json=expected.json,
            data=dict(expected.data) or None,
        )
        told = f"{asker}: {route}: {answer.status_code} {answer.text[:300]}"
        print(told)
        is_sent_to_log_in = (
            answer.status_code == 303
            and answer.headers["location"].startswith("/login")
            and path not in {"/login", "/logout"}
        )
        if expected.needs is None:
            assert not is_sent_to_log_in, told
            assert answer.status_code not in {403, 405, 422, 500}, told
            assert (answer.status_code == 404) == expected.is_missing, told
        elif role == "unknown":
            is_page = not path.startswith("/api/") and asker == "nobody"
            assert is_sent_to_log_in if is_page else answer.status_code == 401, told
        elif role is None or role < expected.needs:
            assert answer.status_code == 403, told
            assert f"in project '{PROJECT}'" in html.unescape(answer.text), told
        else:
            assert not is_sent_to_log_in, told
            assert answer.status_code not in {401, 403, 405, 422, 500}, told


def _query(expected: Expected) -> Mapping[str, str]:
    return dict(httpx.URL(expected.url).params)


async def test_ones_own_project_is_the_usual_one(running: Running) -> None:
    """Whoever has one need not name it."""
    for asker in ("viewer", "viewer key", "stranger", "stranger key"):
        answer = await running.clients[asker].get("/api/v1/sessions")
        assert answer.status_code == 200, asker


@pytest.mark.parametrize("asker", ASKERS)
async def test_a_public_link_opens_for_everybody(running: Running, asker: str) -> None:
    """It is the one thing that its token is good for."""
    answer = await running.clients[asker].get(running.shared)
    assert answer.status_code == 200, asker
    assert PROJECT not in answer.text

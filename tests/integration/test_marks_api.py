"""Marks over HTTP, on a real store."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from query.access.guard import Access
from query.access.roles import Role
from query.marks.comments import Comments, NewComment
from query.marks.score import NewScore
from query.marks.scores import Scores
from runtime.config import QueryConfig, ScoreDefinition
from store.client import Store
from tests import otlp, processes
from tests.query import app_client, keep

DEFINITION = ScoreDefinition(name="quality", data_type="NUMERIC", min=0, max=1)
HOSTILE = "a/../b?c=1&d #%2F\u202e\U0001f600 '\"\\\n<script>"


@pytest.fixture
def project() -> str:
    """A project that no other test has."""
    return f"marks-{secrets.token_hex(4)}"


@pytest.fixture
async def http(store: processes.Store, project: str) -> AsyncIterator[httpx.AsyncClient]:
    """The application, asked about that project; one score is defined."""
    query = QueryConfig(score_definitions=(DEFINITION,))
    async with app_client(store.config, query=query) as asking:
        asking.params = httpx.QueryParams(project=project)
        yield asking


async def created(http: httpx.AsyncClient, path: str, **fields: Any) -> Mapping[str, Any]:
    """Create a mark, and return what the answer says."""
    answer = await http.post(f"/api/v1/{path}", json=fields)
    assert answer.status_code == 201, answer.text
    mark: Mapping[str, Any] = answer.json()
    return mark


async def listed(
    http: httpx.AsyncClient, path: str, *, cursor: str = "", **filters: str | int
) -> list[Any]:
    """Return all rows of a list from a cursor on, page by page."""
    found: list[Any] = []
    while True:
        answer = await http.get(f"/api/v1/{path}", params={**filters, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        if not (cursor := answer.json()["next"]):
            return found


async def test_a_score_is_created_changed_and_deleted(http: httpx.AsyncClient) -> None:
    """Whatever its id and its texts are; what a change leaves out stays."""
    score_id = HOSTILE.replace("\n", "")  # it stands in paths
    fields = {"session_id": HOSTILE, "comment": HOSTILE, "metadata": {HOSTILE: [1, None]}}
    made = await created(http, "scores", id=score_id, name=HOSTILE, value=HOSTILE, **fields)
    assert {name: made[name] for name in fields} == fields
    assert (made["id"], made["data_type"], made["source"]) == (score_id, "CATEGORICAL", "API")
    assert made["created_at"][-1] == "Z"
    assert len(made["created_at"]) == len("2026-01-01T00:00:00.123456789Z")

    path = f"/api/v1/scores/{quote(score_id, safe='')}"
    changed = await http.patch(path, json={"value": "other"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["updated_at"] > made["updated_at"]
    stays = made.keys() - {"value", "updated_at"}
    assert {name: changed.json()[name] for name in stays} == {name: made[name] for name in stays}
    assert await listed(http, "scores", session_id=HOSTILE, name=HOSTILE) == [changed.json()]

    gone = await http.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert await listed(http, "scores") == []
    assert (await http.delete(path)).status_code == 404
    assert (await http.patch(path, json={})).status_code == 404
    edits = (await http.get(f"{path}/edits")).json()["data"]
    assert [(edit["value"], edit["is_deleted"]) for edit in edits] == [
        (HOSTILE, False),
        ("other", False),
        ("other", True),
    ]


async def test_values_come_back_as_they_went_in(http: httpx.AsyncClient) -> None:
    """Numbers to the last bit, booleans as booleans."""
    for value in (0.1 + 0.2, 9.385958677423489e-21, -1.7976931348623157e308, 3, True, False, "0"):
        made = await created(http, "scores", trace_id="t", name="free", value=value)
        assert (made["value"], type(made["value"]) is bool) == (value, type(value) is bool)
        assert (await listed(http, "scores"))[0] == made


async def test_a_defined_score_must_be_as_its_definition_says(http: httpx.AsyncClient) -> None:
    """Also when it is changed; the definitions can be asked for."""
    assert await listed(http, "score-definitions") == [DEFINITION.model_dump(mode="json")]
    refused = await http.post(
        "/api/v1/scores", json={"session_id": "s", "name": "quality", "value": 2}
    )
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "the score 'quality' must be 1 or less",
    )
    made = await created(http, "scores", session_id="s", name="quality", value="0.5")
    assert (made["value"], made["data_type"]) == (0.5, "NUMERIC")
    path = f"/api/v1/scores/{made['id']}"
    assert (await http.patch(path, json={"value": 1.5})).status_code == 400
    assert (await http.patch(path, json={"value": 1})).json()["value"] == 1
    for unreadable in ({"name": "quality"}, {"session_id": "s", "name": "q", "value": None}):
        assert (await http.post("/api/v1/scores", json=unreadable)).status_code == 422
    nan = b'{"session_id": "s", "name": "q", "value": NaN}'
    kind = {"Content-Type": "application/json"}
    assert (await http.post("/api/v1/scores", content=nan, headers=kind)).status_code == 422


async def test_a_score_with_the_id_of_another_replaces_it_in_its_project_alone(
    http: httpx.AsyncClient, project: str
) -> None:
    """So a request can be repeated; a score never moves to another subject."""
    first = await created(http, "scores", id="x", session_id="s", name="a", value=1)
    second = await created(http, "scores", id="x", session_id="s", name="b", value="v")
    assert first["created_at"] == second["created_at"]
    assert await listed(http, "scores") == [second]
    body = {"id": "x", "session_id": "s", "name": "c", "value": 2}
    other = await http.post("/api/v1/scores", params={"project": f"{project}-2"}, json=body)
    assert other.status_code == 201
    assert await listed(http, "scores") == [second]
    moved = await http.post("/api/v1/scores", json={**body, "session_id": "t"})
    assert (moved.status_code, "delete it first" in moved.json()["detail"]) == (400, True)


async def test_filters_find_what_they_say(
    http: httpx.AsyncClient, store: processes.Store, project: str
) -> None:
    """Each of them, alone; a filter that does not exist is an error."""
    ann = Access(project=project, who="ann", role=Role.EDITOR)
    new = NewScore(trace_id="t", span_id="1", name="a", value=True, environment="test")
    async with Store(store.config) as client:
        theirs = await Scores(client, ()).create(ann, new, source="ANNOTATION")
        await Comments(client).create(ann, NewComment(trace_id="t", span_id="1", text="theirs"))
    ours = await created(http, "scores", session_id="s", name="b", value=1)
    await created(http, "comments", session_id="s", text="ours")
    for filters in (
        {"trace_id": "t"},
        {"span_id": "1"},
        {"author": "ann"},
        {"to": ours["created_at"]},
        {"name": "a"},
        {"data_type": "BOOLEAN"},
        {"source": "ANNOTATION"},
        {"environment": "test"},
    ):
        assert [score["id"] for score in await listed(http, "scores", **filters)] == [theirs.id]
        if not filters.keys() & {"name", "data_type", "source", "environment"}:
            [comment] = await listed(http, "comments", **filters)
            assert comment["text"] == "theirs"
    for filters in ({"session_id": "s"}, {"from": ours["created_at"]}):
        assert await listed(http, "scores", **filters) == [ours]
        [comment] = await listed(http, "comments", **filters)
        assert comment["text"] == "ours"
    for wrong in ({"sesion_id": "s"}, {"limit": 501}, {"from": "today"}, {"source": "ME"}):
        assert (await http.get("/api/v1/scores", params=wrong)).status_code == 422
    assert (await http.get("/api/v1/scores", params={"cursor": "abc"})).status_code == 400


async def test_pages_have_each_mark_once(http: httpx.AsyncClient) -> None:
    """The latest first, also when there are new ones meanwhile."""
    made = [await created(http, "comments", trace_id="t", text=str(n)) for n in range(7)]
    page = (await http.get("/api/v1/comments", params={"limit": 3})).json()
    await created(http, "comments", trace_id="t", text="new")
    rest = await listed(http, "comments", limit=2, cursor=page["next"])
    assert [*page["data"], *rest] == made[::-1]


async def test_a_session_is_bookmarked_once(
    http: httpx.AsyncClient, store: processes.Store, project: str
) -> None:
    """Setting it again changes nothing; taking it off twice neither."""
    session = {"id": "s"}
    path = "/api/v1/session/bookmark"
    assert (await http.put(path, params=session)).status_code == 404
    async with Store(store.config) as client:
        await keep(client, project, [otlp.sample(1)])
    for _ in range(2):
        first = await http.put(path, params=session)
        assert first.status_code == 200
        assert (await http.put(path, params=session)).json() == first.json()
        counted = "SELECT count() FROM bookmarks WHERE Project = {project:String}"
        assert store.query(counted, {"project": project}) == [(1,)]
        for _ in range(2):
            assert (await http.delete(path, params=session)).status_code == 204
        assert store.query(counted, {"project": project}) == [(0,)]

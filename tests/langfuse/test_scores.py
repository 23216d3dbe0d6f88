"""Scores as Langfuse's SDKs write them: one by one, many at once, and as events."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest


@pytest.fixture
def session() -> str:
    """Return the id of a session; a score may be there before its spans are."""
    return f"session/{secrets.token_hex(4)}"


def _found(api: httpx.Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = api.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


@pytest.mark.parametrize(
    ("told", "kind", "value", "text", "version_3"),
    [
        ({"value": 0.5}, "NUMERIC", 0.5, None, 0.5),
        ({"value": 0, "dataType": "NUMERIC"}, "NUMERIC", 0, None, 0),
        ({"value": "good"}, "CATEGORICAL", 0, "good", "good"),
        ({"value": 1, "dataType": "BOOLEAN"}, "BOOLEAN", 1, "True", True),
        ({"value": 0.0, "dataType": "BOOLEAN"}, "BOOLEAN", 0, "False", False),
        ({"value": "a, b", "dataType": "TEXT"}, "TEXT", 0, "a, b", "a, b"),
    ],
)
def test_values_have_types(
    api: httpx.Client,
    session: str,
    *,
    told: dict[str, Any],
    kind: str,
    value: float,
    text: str | None,
    version_3: Any,
) -> None:
    """A number and a text beside it in versions 1 and 2, one value in version 3."""
    created = api.post("/scores", json={"name": "quality", "sessionId": session, **told})

    assert created.status_code == 200, created.text
    for path in ("/scores", "/v2/scores"):
        [score] = _found(api, path, sessionId=session)
        assert score["id"] == created.json()["id"]
        assert (score["dataType"], score["value"], score["stringValue"]) == (kind, value, text)
    assert api.get(f"/v2/scores/{score['id']}").json() == score
    [score] = _found(api, "/v3/scores", sessionId=session)
    assert (score["dataType"], score["value"]) == (kind, version_3)


def test_the_same_id_is_the_same_score(api: httpx.Client, session: str) -> None:
    """SDKs make up ids, so that a score that is sent again is there once."""
    body = {"id": secrets.token_hex(8), "name": "quality", "sessionId": session}
    for value in (0.25, 0.75):
        assert api.post("/scores", json={**body, "value": value}).json() == {"id": body["id"]}

    [score] = _found(api, "/v2/scores", scoreIds=body["id"])
    assert score["value"] == 0.75
    assert score["createdAt"] < score["updatedAt"]

    elsewhere = api.post("/scores", json={**body, "value": 1, "sessionId": f"{session}2"})
    assert (elsewhere.status_code, len(_found(api, "/v2/scores", sessionId=session))) == (400, 1)

    assert api.delete(f"/scores/{body['id']}").status_code == 200
    assert api.get(f"/v2/scores/{body['id']}").status_code == 404
    assert api.delete(f"/scores/{body['id']}").status_code == 404


GOOD: dict[str, Any] = {"name": "quality", "value": 1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": None}, "name"),
        ({"value": None}, "value"),
        ({"value": {}}, "value"),
        ({"value": "x", "dataType": "NUMERIC"}, "NUMERIC"),
        ({"value": 2, "dataType": "BOOLEAN"}, "BOOLEAN"),
        ({"dataType": "CORRECTION"}, "data_type"),
        ({"traceId": "ab"}, "session_id or a trace_id"),
        ({"sessionId": None}, "session_id or a trace_id"),
        ({"sessionId": None, "observationId": "cd"}, "trace_id"),
        ({"configId": "c"}, "configId"),
        ({"datasetRunId": "d"}, "datasetRunId"),
        ({"comments": "typo"}, "comments"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
    ],
)
def test_what_is_no_score_is_refused(
    api: httpx.Client, session: str, change: dict[str, Any], says: str
) -> None:
    """With the reason, wherever it was sent; its neighbours in a batch are taken."""
    bad = {**GOOD, "sessionId": session, **change}
    good = {**GOOD, "sessionId": session}

    alone = api.post("/scores", json=bad)
    batch = api.post("/scores", json=[bad, good, 5])
    event = {"id": "event", "type": "score-create", "body": bad}
    events = api.post("/ingestion", json={"batch": [event, {**event, "id": "2", "body": good}]})

    assert alone.status_code == 400
    assert says in alone.json()["detail"]
    assert batch.status_code == 207
    told = batch.json()
    assert (told["accepted"], told["rejected"]) == (1, 2)
    assert says in told["errors"][0]["message"]
    assert events.status_code == 207
    assert events.json()["successes"] == [{"id": "2", "status": 201}]
    [error] = events.json()["errors"]
    assert (error["id"], error["status"]) == ("event", 400)
    assert says in error["message"]
    assert len(_found(api, "/v2/scores", sessionId=session)) == 2


def test_batches_are_accepted(api: httpx.Client, session: str) -> None:
    """As version 5 sends them."""
    scores = [{**GOOD, "sessionId": session, "metadata": number} for number in range(3)]

    answer = api.post("/scores", json=scores)

    assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"})
    found = _found(api, "/v2/scores", sessionId=session)
    assert sorted(score["metadata"]["metadata"] for score in found) == [0, 1, 2]


def test_events_that_are_no_scores_are_told_where_to_go(api: httpx.Client) -> None:
    """Spans come by OTLP; an SDK that sends them as events is too old."""
    batch = [{"id": "1", "type": "trace-create", "body": {"id": "t"}}, "x", {"type": 5}]

    answer = api.post("/ingestion", json={"batch": batch, "metadata": {"sdk_name": "python"}})

    assert (answer.status_code, answer.json()["successes"]) == (207, [])
    assert [error["id"] for error in answer.json()["errors"]] == ["1", "", ""]
    assert all("OTLP" in error["message"] for error in answer.json()["errors"])


def test_scores_come_in_pages(api: httpx.Client) -> None:
    """By number, or by cursor; of a subject, a name, a source, a type."""
    trace, run = secrets.token_hex(16), secrets.token_hex(4)
    for number in range(5):
        on_span = {"observationId": "ab"} if number == 4 else {}
        body = {"id": f"{run}-{number}", "name": f"{run}-{number % 2}", "value": number}
        source = "ANNOTATION" if number == 3 else "API"
        score = {**body, **on_span, "traceId": trace, "source": source, "environment": run}
        assert api.post("/scores", json=score).status_code == 200
    latest_first = [f"{run}-{number}" for number in (4, 3, 2, 1, 0)]

    def ids(path: str, **parameters: Any) -> list[str]:
        return [score["id"] for score in _found(api, path, traceId=trace, **parameters)]

    assert [ids("/v2/scores", limit=2, page=page) for page in (1, 2, 3, 4)] == [
        latest_first[:2],
        latest_first[2:4],
        latest_first[4:],
        [],
    ]
    followed: list[str] = []
    cursor = ""
    while len(followed) < 9:
        answer = api.get("/v3/scores", params={"traceId": trace, "limit": 2, "cursor": cursor})
        followed += [score["id"] for score in answer.json()["data"]]
        cursor = answer.json()["meta"].get("cursor", "")
        if not cursor:
            break
    assert followed == latest_first
    for path in ("/v2/scores", "/v3/scores"):
        assert ids(path, name=f"{run}-1") == latest_first[1::2]
        assert ids(path, source="ANNOTATION") == [f"{run}-3"]
        assert ids(path, observationId="ab,cd") == [f"{run}-4"]
        assert ids(path, environment=run, dataType="NUMERIC") == latest_first
        assert ids(path, dataType="TEXT") == ids(path, toTimestamp="2020-01-01T00:00:00Z") == []
        assert len(ids(path, fromTimestamp="2020-01-01T00:00:00Z")) == 5
    assert ids("/v3/scores", name=f"{run}-1,{run}-0", source="annotation") == [f"{run}-3"]
    subjects = _found(api, "/v3/scores", traceId=trace, fields="subject,details", limit=2)
    assert [score["subject"] for score in subjects] == [
        {"kind": "observation", "id": "ab", "traceId": trace},
        {"kind": "trace", "id": trace},
    ]


@pytest.mark.parametrize(
    ("status", "path", "body"),
    [
        (400, "/scores", b"{"),
        (400, "/scores", b""),
        (400, "/scores", b'{"name": "\\ud800"}'),
        (400, "/ingestion", b"[]"),
        (400, "/ingestion", b'{"batch": {}}'),
        (413, "/scores", b" " * (4 * 2**20 + 1)),
        (413, "/ingestion", b" " * (4 * 2**20 + 1)),
    ],
)
def test_what_cannot_be_read_is_refused(
    api: httpx.Client, status: int, path: str, body: bytes
) -> None:
    """And no more is read of a body than SDKs send."""
    assert api.post(path, content=body).status_code == status

"""Sessions, traces and observations, asked for as any HTTP client can."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests import processes
from tests.langfuse.stored import Past

LONG = "löng " * 2000


@pytest.fixture
def past(running: processes.Pipeline) -> Past:
    """Return an hour of its own."""
    return Past(running)


def _ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["data"]]


def test_sessions_come_in_pages(api: httpx.Client, past: Past) -> None:
    """The latest first, with how many there are; of a span of time and some environments."""
    sessions = [f"{past.prefix}-{number}" for number in range(5)]
    for number, session_id in enumerate(sessions):
        environment = "production" if number % 2 else "staging"
        past.span(number, session__id=session_id, langfuse__environment=environment)
    past.store()

    def page(**parameters: Any) -> httpx.Response:
        return api.get("/sessions", params={**past.window(), **parameters})

    pages = [page(limit=2, page=number) for number in (1, 2, 3, 4)]
    assert [_ids(answer) for answer in pages] == [
        sessions[:2:-1],
        sessions[2:0:-1],
        sessions[:1],
        [],
    ]
    meta = {"page": 2, "limit": 2, "totalItems": 5, "totalPages": 3}
    assert pages[1].json()["meta"] == meta
    assert _ids(page(environment="production")) == [sessions[3], sessions[1]]
    assert len(_ids(page(environment=["production", "staging", "other"]))) == 5
    assert _ids(page(environment="other")) == []
    earlier = {"toTimestamp": past.window()["fromTimestamp"]}
    assert not set(_ids(api.get("/sessions", params=earlier))) & set(sessions)
    session = api.get(f"/sessions/{sessions[1]}").json()
    assert (session["environment"], len(session["traces"])) == ("production", 1)


@pytest.mark.parametrize(
    "name", ["a/b", "/a//b/", "-../x", "ü?#%&+ x", "a\nb\\n'\"{x:String}", "🎉", LONG]
)
def test_session_ids_are_any_text(api: httpx.Client, past: Past, name: str) -> None:
    """In a path as everywhere; the id comes back as it was."""
    session_id = f"{past.prefix}{name}"
    past.span(0, session__id=session_id)
    past.store()

    answer = api.get(f"/sessions/{quote(session_id, safe='')}")

    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == session_id
    assert [trace["id"] for trace in answer.json()["traces"]] == [past.spans[0].trace_id]
    assert len(_ids(api.get("/traces", params={"sessionId": session_id}))) == 1
    assert len(_ids(api.get("/v2/observations", params={"sessionId": session_id}))) == 1
    assert api.get(f"/sessions/{quote(session_id[:-1], safe='')}").status_code == 404


def test_traces_are_found_by_what_their_spans_say(api: httpx.Client, past: Past) -> None:
    """All that is given must hold; a trace without a session is a trace too."""
    said: dict[str, Any] = {
        "user__id": "ada",
        "langfuse__trace__tags": '["a","b"]',
        "langfuse__environment": "staging",
        "langfuse__release": "r1",
        "langfuse__version": "v1",
    }
    named = past.span(1, name="inner name", langfuse__trace__name="chat", **said)
    rooted = past.span(2, name="root name", user__id="bob")
    past.span(3, of=rooted, name="child", session__id=past.prefix, **said)
    past.store()

    def found(**parameters: Any) -> list[str]:
        return _ids(api.get("/traces", params={**past.window(), **parameters}))

    first, second = named.trace_id, rooted.trace_id
    assert found() == [second, first]
    assert found(name="chat") == [first]
    assert found(name="root name") == [second]
    assert found(name="child") == found(name="inner name") == []
    assert found(userId="ada") == [second, first]
    assert found(userId="bob") == [second]
    assert found(userId="bob", name="chat") == []
    assert found(tags=["b", "a"]) == [second, first]
    assert found(tags=["a", "c"]) == []
    assert found(release="r1", version="v1", environment=["staging", "x"]) == [second, first]
    assert found(sessionId=past.prefix) == [second]
    assert found(sessionId=past.prefix, userId="nobody") == []
    assert found(limit=1, page=2) == [first]
    trace = api.get(f"/traces/{first}").json()
    assert (trace["name"], trace["sessionId"], trace["release"]) == ("chat", None, "r1")
    assert trace["htmlPath"].startswith(f"/trace?id={first}")
    assert api.get("/traces/00").status_code == 404


def test_observations_are_found_by_what_they_say(api: httpx.Client, past: Past) -> None:
    """By parameters, or by conditions of equality in JSON."""
    root = past.span(0, name="turn", session__id=past.prefix)
    call = past.span(
        1,
        of=root,
        name="call",
        user__id="ada",
        langfuse__observation__type="generation",
        langfuse__observation__level="WARNING",
        langfuse__version="v1",
        langfuse__environment="staging",
    )
    past.store()

    def found(**parameters: Any) -> list[str]:
        given = {"sessionId": past.prefix, **parameters}
        return _ids(api.get("/v2/observations", params=given))

    assert found() == [call.span_id, root.span_id]
    assert found(name="turn") == found(isRootObservation=True) == [root.span_id]
    assert found(parentObservationId="") == [root.span_id]
    for parameters in (
        {"type": "GENERATION"},
        {"level": "WARNING"},
        {"userId": "ada"},
        {"version": "v1"},
        {"environment": "staging"},
        {"parentObservationId": root.span_id},
        {"isRootObservation": False, "traceId": root.trace_id},
    ):
        assert found(**parameters) == [call.span_id], parameters
    assert found(traceId="00") == found(userId="bob") == []
    at = past.window()["fromTimestamp"]
    assert found(fromStartTime=at) == [call.span_id, root.span_id]
    assert found(toStartTime=at) == []
    condition = '{"type": "string", "column": "%s", "operator": "=", "value": "%s"}'
    conditions = ", ".join([condition % ("sessionId", past.prefix), condition % ("name", "call")])
    asked = {"filter": f"[{conditions}]", "fields": "core"}
    [told] = api.get("/v2/observations", params=asked).json()["data"]
    assert told["id"] == call.span_id
    assert "name" not in told


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", None),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("NaN", "NaN"),
        ('{"a": ', '{"a": '),
        ("[" * 300 + "]" * 300, ...),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
    ],
    ids=["text", "none", "object", "digits", "nan", "cut off", "deep", "too deep"],
)
def test_values_are_json_where_they_were(
    api: httpx.Client, past: Past, text: str, value: Any
) -> None:
    """To the digit; and text where they were not."""
    span = past.span(0, session__id=past.prefix, langfuse__observation__input=text)
    past.store()

    trace = api.get(f"/traces/{span.trace_id}").json()

    assert trace["input"] == trace["observations"][0]["input"]
    assert trace["input"] == value or value is ...
    asked = {"traceId": span.trace_id, "fields": "io"}
    [observation] = api.get("/v2/observations", params=asked).json()["data"]
    assert observation["input"] == (text or None)


def test_large_traces_come_in_pages(api: httpx.Client, past: Past) -> None:
    """What does not fit one answer is not cut off: the answer says how to get at it."""
    root = past.span(0, session__id=past.prefix)
    for _ in range(10_000):
        past.span(1, of=root)
    past.store()

    refused = api.get(f"/traces/{root.trace_id}")
    assert refused.status_code == 400
    assert f"/api/public/v2/observations?traceId={root.trace_id}" in refused.json()["detail"]

    parameters: dict[str, Any] = {"traceId": root.trace_id, "limit": 1000}
    found: list[str] = []
    while True:
        answer = api.get("/v2/observations", params=parameters)
        found += _ids(answer)
        if "cursor" not in answer.json()["meta"]:
            break
        parameters["cursor"] = answer.json()["meta"]["cursor"]
    assert len(found) == 10_001
    assert set(found) == {span.span_id for span in past.spans}
    assert found[-1] == root.span_id


@pytest.mark.parametrize(
    ("status", "path", "says"),
    [
        (400, "/sessions?page=201&limit=50", "fromTimestamp"),
        (400, "/traces?page=101&limit=100", "fromTimestamp"),
        (422, "/sessions?limit=101", "limit"),
        (422, "/sessions?page=0", "page"),
        (422, "/sessions?orderBy=x", "orderBy"),
        (422, "/sessions?fromTimestamp=yesterday", "fromTimestamp"),
        (422, "/traces?filter=x", "filter"),
        (422, "/v2/observations?parseIoAsJson=true", "parseIoAsJson"),
        (400, "/v2/observations?fields=all", "core"),
        (400, "/v2/observations?cursor=x", "cursor"),
        (400, "/v2/observations?filter=x", "sessionId"),
        (400, '/v2/observations?filter=[{"type":"string","column":"x"}]', "sessionId"),
        (404, "/sessions/nobody-s", "nobody-s"),
        (404, "/prompts", "docs/langfuse.md"),
        (404, "/v2/prompts/a/b", "docs/langfuse.md"),
    ],
)
def test_refusals_say_what_to_do(api: httpx.Client, status: int, path: str, says: str) -> None:
    """An unknown parameter is refused, as nobody expects it to be ignored."""
    answer = api.get(path)

    assert answer.status_code == status
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(("kind", "item"), [("trace", "ab"), ("session", "a/b&c")])
def test_links_of_the_sdks_lead_to_pages(
    api: httpx.Client, running: processes.Pipeline, kind: str, item: str
) -> None:
    """SDKs print links to traces as Langfuse has them."""
    answer = api.get(f"{running.pages}/project/shop/{kind}s/{quote(item, safe='')}")

    assert answer.status_code == 307
    page, _, query = answer.headers["Location"].partition("?")
    assert page == f"/{kind}"
    assert dict(httpx.QueryParams(query)) == {"id": item, "project": "shop"}

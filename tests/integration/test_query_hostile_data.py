"""What hostile or unusual spans must not do to those who read them."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from store.client import Store
from tests import processes
from tests.model import SentSpan
from tests.query import app_client, keep

NOON_NS = 1_795_391_999 * 10**9
SECOND_NS = 10**9


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return f"hostile-{secrets.token_hex(4)}"


@pytest.fixture
async def asking(store: processes.Store, project: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in that project."""
    async with app_client(store.config) as asking:
        asking.params = {"project": project}
        yield asking


async def _keep(store: processes.Store, project: str, *spans: SentSpan) -> None:
    async with Store(store.config) as client:
        await keep(client, project, spans)


def _span(number: int = 1, *, trace: int = 1, seconds: float = 1, **given: Any) -> SentSpan:
    start_ns = given.pop("start_ns", NOON_NS)
    attributes = {"session.id": "s", **given.pop("attributes", {})}
    return SentSpan(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        start_ns=start_ns,
        end_ns=start_ns + int(seconds * SECOND_NS),
        attributes=attributes,
        received_ns=NOON_NS + 10**12,
        **given,
    )


async def test_a_public_link_tells_of_no_other_session(
    store: processes.Store, project: str, asking: httpx.AsyncClient
) -> None:
    """A trace can name several sessions; it is in one, and the others are nobody's business."""
    other = _span(2, parent_span_id=f"{1:016x}", attributes={"session.id": "somebody-else"})
    await _keep(store, project, _span(), other)
    own = await asking.get("/session", params={"id": "s"})
    assert "somebody-else" in own.text
    made = await asking.post("/api/v1/session/shares", params={"id": "s"})
    opened = await asking.get(made.json()["path"])
    assert opened.status_code == 200
    assert "somebody-else" not in opened.text


@pytest.mark.parametrize("depth", [300, 1000])
async def test_json_of_any_depth_is_shown(
    store: processes.Store, project: str, asking: httpx.AsyncClient, depth: int
) -> None:
    """Deeper than it could be written again, it is shown as it was sent."""
    value = "[" * depth + "]" * depth
    await _keep(store, project, _span(attributes={"input.value": value}))
    listed = await asking.get("/sessions")
    assert listed.status_code == 200
    for path, wanted in (("/session", "s"), ("/trace", f"{1:032x}")):
        answer = await asking.get(path, params={"id": wanted})
        assert answer.status_code == 200, path
        assert value in answer.text


async def test_a_value_that_is_cut_off_leads_to_the_whole(
    store: processes.Store, project: str, asking: httpx.AsyncClient
) -> None:
    """A page of turns has 100,000 characters of each input; the span's page has them all."""
    await _keep(store, project, _span(attributes={"input.value": "x" * 100_001}))
    answer = await asking.get("/session", params={"id": "s"})
    assert answer.status_code == 200
    assert "The first 100,000 of 100,001 characters" in answer.text
    assert f"/span?trace={1:032x}&amp;id={1:016x}&amp;project={project}" in answer.text


@pytest.mark.parametrize("version", ["9" * 25, "9" * 5000, "-1", "1.5"])
async def test_no_prompt_version_hides_a_trace(
    store: processes.Store, project: str, asking: httpx.AsyncClient, version: str
) -> None:
    """One that is no number of a version is left out of Langfuse's answers, and nothing else."""
    told = {"langfuse.observation.prompt.version": version}
    await _keep(store, project, _span(attributes=told))
    answer = await asking.get(f"/api/public/traces/{1:032x}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["observations"][0]["promptVersion"] is None


async def test_the_answer_of_a_long_trace_is_its_last(
    store: processes.Store, project: str, asking: httpx.AsyncClient
) -> None:
    """Also where the span that has it is none of those that are shown."""
    spans = [_span(1, seconds=200, name="root")]
    for number in range(2, 151):
        said = {2: {"input.value": "first question"}, 4: {"output.value": "early"}}.get(number, {})
        if number == 150:
            said = {"output.value": "the answer"}
        spans.append(
            _span(
                number,
                parent_span_id=f"{1:016x}",
                start_ns=NOON_NS + number * SECOND_NS,
                attributes=said,
            )
        )
    await _keep(store, project, *spans)
    answer = await asking.get("/api/v1/session/replay", params={"id": "s"})
    [turn] = answer.json()["data"]
    assert len(turn["spans"]) < turn["span_count"] == 150
    assert turn["input"]["text"] == turn["input_preview"] == "first question"
    assert turn["output"]["text"] == turn["output_preview"] == "the answer"


async def test_there_is_no_silence_while_a_turn_goes_on(
    store: processes.Store, project: str, asking: httpx.AsyncClient
) -> None:
    """A short turn within a long one does not end it."""
    await _keep(
        store,
        project,
        _span(trace=1, seconds=3600),
        _span(trace=2, start_ns=NOON_NS + 10 * SECOND_NS),
        _span(trace=3, start_ns=NOON_NS + 3500 * SECOND_NS),
    )
    answer = await asking.get("/session", params={"id": "s"})
    assert answer.text.count('class="number"') == 3
    assert "of silence" not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/public/ingestion", {"batch": [0] * 2000}), ("/api/public/scores", [0] * 2000)],
)
async def test_a_batch_has_an_end(asking: httpx.AsyncClient, path: str, body: Any) -> None:
    """What is wrong with two million events of two bytes would be an answer of 400 MB."""
    answer = await asking.post(path, json=body)
    assert answer.status_code == 413, answer.text[:200]


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"last": "99999d"}, 200),
        ({"last": "999999d"}, 422),
        ({"sort": "-traces", "cursor": "Wy0xLC0xXQ"}, 200),  # [-1,-1]
        ({"sort": "duration", "cursor": "Wy0xLC0xXQ"}, 200),
    ],
)
async def test_no_parameter_is_an_error_of_ours(
    asking: httpx.AsyncClient, parameters: dict[str, str], status: int
) -> None:
    """Numbers that are too large or too small are answered, or refused in words."""
    for path in ("/sessions", "/api/v1/sessions"):
        answer = await asking.get(path, params=parameters)
        assert answer.status_code == status, answer.text


async def test_a_link_for_too_many_days_is_refused(asking: httpx.AsyncClient) -> None:
    """Rather than fail."""
    for days in ("99999999999999", "400000000", "0", "x"):
        form = {"session_id": "s", "days": days}
        assert (await asking.post("/session/publish", data=form)).status_code == 422


async def test_a_page_has_so_many_attributes(
    store: processes.Store, project: str, asking: httpx.AsyncClient
) -> None:
    """A million of them would be a hundred megabytes; the page leads to them all."""
    await _keep(store, project, _span(attributes={f"k{n:05}": "v" for n in range(3000)}))
    answer = await asking.get("/span", params={"trace": f"{1:032x}", "id": f"{1:016x}"})
    assert answer.status_code == 200
    assert ("k00999" in answer.text, "k01000" in answer.text) == (True, False)
    assert "The first 1,000 of 3,001" in answer.text
    [query] = re.findall(r'href="/api/v1/span\?([^"]+)"', answer.text)
    whole = await asking.get("/api/v1/span", params=parse_qs(html.unescape(query)))
    assert len(whole.json()["attributes"]) == 3001

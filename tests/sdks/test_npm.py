"""SDKs from npm, with made-up models: their sessions come out as the programs meant them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import processes
from tests.sdks import npm_programs

_SESSION = """
SELECT TraceCount, SpanCount, ErrorCount, GenerationCount, InputTokens, OutputTokens, TotalTokens,
    Cost, UserIds, Models, Tags, Services, Environments
FROM sessions WHERE SessionId = {id:String}
"""
_TRACES = """
SELECT Name, SpanCount, ErrorCount, TotalTokens, UserId, Input, Output
FROM session_traces WHERE SessionId = {id:String} ORDER BY StartTime
"""
_REPLAY = """
SELECT SpanName, Type, StatusMessage, Input, Output
FROM session_replay(project='default', session_id={id:String})
"""
_COLUMNS = ("name", "type", "message", "input", "output")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Pipeline]:
    """A running pipeline, for all tests of this file."""
    with processes.pipeline(tmp_path_factory.mktemp("pipeline")) as pipeline:
        yield pipeline


@pytest.fixture
def session_id() -> str:
    """A session id of this test alone."""
    return f"{secrets.token_hex(4)}/chat 17&ü"


def stored(running: processes.Pipeline, statement: str, session_id: str) -> list[tuple[Any, ...]]:
    """Return rows of a session, once all that was sent is in it."""
    processes.wait_until(running.is_drained, what="nothing waits in the log")
    return [tuple(row) for row in running.store.query(statement, {"id": session_id})]


def session(running: processes.Pipeline, session_id: str) -> dict[str, Any]:
    """Return the figures of a session."""
    [row] = stored(running, _SESSION, session_id)
    names = (
        "traces spans errors generations input_tokens output_tokens total_tokens cost users models"
        " tags services environments"
    )
    return dict(zip(names.split(), row, strict=True))


def replayed(running: processes.Pipeline, session_id: str) -> list[tuple[str, list[str]]]:
    """Return the turns of a session as the API replays them: their names, and their spans'."""
    with httpx.Client(base_url=running.pages, timeout=30) as client:
        answer = client.get("/api/v1/session/replay", params={"id": session_id}).json()
    return [(turn["name"], [span["name"] for span in turn["spans"]]) for turn in answer["data"]]


def names_types(running: processes.Pipeline, session_id: str) -> list[tuple[str, str]]:
    """Return name and type of each span of a session, in the order of the replay."""
    return [(row[0], row[1]) for row in stored(running, _REPLAY, session_id)]


def spans_named(running: processes.Pipeline, session_id: str, name: str) -> list[dict[str, Any]]:
    """Return what is stored of the spans of a session that are called so, in their order."""
    rows = stored(running, _REPLAY, session_id)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows if row[0] == name]


# Two calls of 20 and 30 tokens in, 10 of these cached; 5 and 7 out, 2 of these reasoning. One of 11
# and 4, streamed. An embedding of 6. What was cached or reasoning is in the total alone.
VERCEL_TOKENS = {"input_tokens": 57, "output_tokens": 14, "total_tokens": 83}
VERCEL_7_TOKENS = {
    "input_tokens": 57,
    "output_tokens": 16,
    "total_tokens": 83,
}  # tells no reasoning
CHAT = {
    "traces": 4,
    "users": ["ada"],
    "models": ["gpt-4o", "text-embedding-3-small"],
    "tags": ["a", "b"],
    "services": ["shop"],
    "generations": 4,
}


def test_vercel_ai_sdk_6(running: processes.Pipeline, session_id: str, tmp_path: Path) -> None:
    """
    A session by `metadata`: roots repeat what their calls used, and it is counted once; the calls
    are the generations, and a tool's arguments and result are its input and output.
    """
    npm_programs.run("vercel_6", tmp_path, running.http, session_id)

    found = session(running, session_id)
    assert found | CHAT | VERCEL_TOKENS | {"spans": 10, "errors": 2} == found
    generate = "chat:ai.generateText.doGenerate"
    assert replayed(running, session_id) == [
        ("chat:ai.generateText", ["chat:ai.generateText", generate, "lookup_order", generate]),
        ("chat:ai.streamText", ["chat:ai.streamText", "chat:ai.streamText.doStream"]),
        ("chat:ai.embed", ["chat:ai.embed", "chat:ai.embed.doEmbed"]),
        ("chat:ai.generateText", ["chat:ai.generateText", generate]),
    ]
    assert set(names_types(running, session_id)) == {
        ("ai.generateText", "span"),
        ("ai.generateText.doGenerate", "generation"),
        ("ai.toolCall", "tool"),
        ("ai.streamText", "span"),
        ("ai.streamText.doStream", "generation"),
        ("ai.embed", "span"),
        ("ai.embed.doEmbed", "embedding"),
    }
    [tool] = spans_named(running, session_id, "ai.toolCall")
    assert (tool["input"], tool["output"]) == ('{"order":4711}', '{"order":4711,"state":"sent"}')
    first, second, away = spans_named(running, session_id, "ai.generateText.doGenerate")
    assert "Where is my order?" in first["input"]
    assert "lookup_order" in first["output"]
    assert second["output"] == "It arrives on Thursday."
    assert away["message"] == "the model is away"
    _assert_turns(stored(running, _TRACES, session_id), errors=2)


def test_vercel_ai_sdk_7(running: processes.Pipeline, session_id: str, tmp_path: Path) -> None:
    """A session by `runtimeContext`, told on roots and steps alone; agents repeat their usage."""
    npm_programs.run("vercel_7", tmp_path, running.http, session_id)

    found = session(running, session_id)
    assert found | CHAT | VERCEL_7_TOKENS | {"spans": 14, "errors": 3} == found
    agent, embedding = "invoke_agent gpt-4o", "embeddings text-embedding-3-small"
    tool_turn = ["step 1", "chat gpt-4o", "lookup_order", "step 2", "chat gpt-4o"]
    assert replayed(running, session_id) == [
        (agent, [agent, *tool_turn]),
        (agent, [agent, "step 1", "chat gpt-4o"]),
        (embedding, [embedding, embedding]),
        (agent, [agent, "step 1", "chat gpt-4o"]),
    ]
    assert set(names_types(running, session_id)) == {
        (agent, "agent"),
        ("step 1", "span"),
        ("step 2", "span"),
        ("chat gpt-4o", "generation"),
        ("execute_tool lookup_order", "tool"),
        (embedding, "embedding"),
    }
    [tool] = spans_named(running, session_id, "execute_tool lookup_order")
    assert (tool["input"], tool["output"]) == ('{"order":4711}', '{"order":4711,"state":"sent"}')
    assert spans_named(running, session_id, "chat gpt-4o")[-1]["message"] == "the model is away"
    _assert_turns(stored(running, _TRACES, session_id), errors=3)


def _assert_turns(traces: Sequence[tuple[Any, ...]], *, errors: int) -> None:
    order, thanks, embedded, away = traces
    assert [trace[2] for trace in traces] == [0, 0, 0, errors]
    assert [trace[3] for trace in traces] == [62, 15, 6, 0]
    assert {trace[4] for trace in traces} == {"ada"}
    assert "Where is my order?" in order[5]
    assert "It arrives on Thursday." in order[6]
    assert "Thank you!" in thanks[5]
    assert "You are welcome." in thanks[6]
    assert "embed" in embedded[0]
    assert "And the other one?" in away[5]


def test_langfuse(running: processes.Pipeline, session_id: str, tmp_path: Path) -> None:
    """What is said by `propagateAttributes` holds for all spans, and costs are as told."""
    environment = {
        "LANGFUSE_BASE_URL": running.pages,
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk",
    }
    npm_programs.run("langfuse", tmp_path, session_id, environment=environment)

    found = session(running, session_id)
    assert found.pop("cost") == pytest.approx(0.004)
    assert found == {
        "traces": 3,
        "spans": 6,
        "errors": 1,
        "generations": 2,
        "input_tokens": 27,
        "output_tokens": 8,
        "total_tokens": 45,
        "users": ["ada"],
        "models": ["gpt-4o", "gpt-4o-mini"],
        "tags": ["a", "b"],
        "services": found["services"],
        "environments": ["staging"],
    }
    assert replayed(running, session_id) == [
        ("turn", ["agent", "lookup_order", "answer"]),
        ("turn", ["answer"]),
        ("turn", ["pay", "charge"]),
    ]
    assert names_types(running, session_id) == [
        ("agent", "agent"),
        ("lookup_order", "tool"),
        ("answer", "generation"),
        ("answer", "generation"),
        ("pay", "span"),
        ("charge", "tool"),
    ]
    [tool] = spans_named(running, session_id, "lookup_order")
    assert (tool["input"], tool["output"]) == ('{"order":4711}', '{"state":"sent"}')
    [failed] = spans_named(running, session_id, "charge")
    assert failed["message"] == "card refused"
    order, other, payment = stored(running, _TRACES, session_id)
    assert "Where is my order?" in order[5]
    assert order[6] == "It arrives on Thursday."
    assert other[5:] == ("And the other one?", "Answer to: And the other one?")
    assert payment[5:] == ("Pay it.", "Your card was refused.")
    assert (order[3], other[3], payment[3]) == (35, 10, 0)
    with httpx.Client(base_url=f"{running.pages}/api/public", timeout=30) as client:
        read = client.get(f"/traces/{_trace_id(running, session_id)}").json()
    assert (read["name"], read["sessionId"], read["userId"]) == ("turn", session_id, "ada")
    assert (read["version"], read["release"]) == ("1.2", "r7")
    assert read["totalCost"] == pytest.approx(0.003)


def _trace_id(running: processes.Pipeline, session_id: str) -> str:
    statement = (
        "SELECT argMin(TraceId, StartTime) FROM session_traces WHERE SessionId = {id:String}"
    )
    [(trace_id,)] = stored(running, statement, session_id)
    return str(trace_id)

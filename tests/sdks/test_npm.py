"""SDKs from npm, with made-up models: their sessions come out as the programs meant them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from tests import processes
from tests.sdks import found, npm_programs

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

    session = found.session(running, session_id)
    assert session | CHAT | VERCEL_TOKENS | {"spans": 10, "errors": 2} == session
    generate = "chat:ai.generateText.doGenerate"
    assert found.replayed(running, session_id) == [
        ("chat:ai.generateText", ["chat:ai.generateText", generate, "lookup_order", generate]),
        ("chat:ai.streamText", ["chat:ai.streamText", "chat:ai.streamText.doStream"]),
        ("chat:ai.embed", ["chat:ai.embed", "chat:ai.embed.doEmbed"]),
        ("chat:ai.generateText", ["chat:ai.generateText", generate]),
    ]
    assert set(found.names_types(running, session_id)) == {
        ("ai.generateText", "span"),
        ("ai.generateText.doGenerate", "generation"),
        ("ai.toolCall", "tool"),
        ("ai.streamText", "span"),
        ("ai.streamText.doStream", "generation"),
        ("ai.embed", "span"),
        ("ai.embed.doEmbed", "embedding"),
    }
    [tool] = found.spans(running, session_id, "ai.toolCall")
    assert (tool["input"], tool["output"]) == ('{"order":4711}', '{"order":4711,"state":"sent"}')
    first, second, away = found.spans(running, session_id, "ai.generateText.doGenerate")
    assert "Where is my order?" in first["input"]
    assert "lookup_order" in first["output"]
    assert second["output"] == "It arrives on Thursday."
    assert away["message"] == "the model is away"
    _assert_turns(found.traces(running, session_id), errors=2)


def test_vercel_ai_sdk_7(running: processes.Pipeline, session_id: str, tmp_path: Path) -> None:
    """A session by `runtimeContext`, told on roots and steps alone; agents repeat their usage."""
    npm_programs.run("vercel_7", tmp_path, running.http, session_id)

    session = found.session(running, session_id)
    assert session | CHAT | VERCEL_7_TOKENS | {"spans": 14, "errors": 3} == session
    agent, embedding = "invoke_agent gpt-4o", "embeddings text-embedding-3-small"
    tool_turn = ["step 1", "chat gpt-4o", "lookup_order", "step 2", "chat gpt-4o"]
    assert found.replayed(running, session_id) == [
        (agent, [agent, *tool_turn]),
        (agent, [agent, "step 1", "chat gpt-4o"]),
        (embedding, [embedding, embedding]),
        (agent, [agent, "step 1", "chat gpt-4o"]),
    ]
    assert set(found.names_types(running, session_id)) == {
        (agent, "agent"),
        ("step 1", "span"),
        ("step 2", "span"),
        ("chat gpt-4o", "generation"),
        ("execute_tool lookup_order", "tool"),
        (embedding, "embedding"),
    }
    [tool] = found.spans(running, session_id, "execute_tool lookup_order")
    assert (tool["input"], tool["output"]) == ('{"order":4711}', '{"order":4711,"state":"sent"}')
    assert found.spans(running, session_id, "chat gpt-4o")[-1]["message"] == "the model is away"
    _assert_turns(found.traces(running, session_id), errors=3)


def _assert_turns(traces: Sequence[found.Row], *, errors: int) -> None:
    order, thanks, embedded, away = traces
    assert [trace["errors"] for trace in traces] == [0, 0, 0, errors]
    assert [trace["total_tokens"] for trace in traces] == [62, 15, 6, 0]
    assert {trace["user"] for trace in traces} == {"ada"}
    assert "Where is my order?" in order["input"]
    assert "It arrives on Thursday." in order["output"]
    assert "Thank you!" in thanks["input"]
    assert "You are welcome." in thanks["output"]
    assert "embed" in embedded["name"]
    assert "And the other one?" in away["input"]


def test_langfuse(
    running: processes.Pipeline, langfuse: Mapping[str, str], session_id: str, tmp_path: Path
) -> None:
    """What is said by `propagateAttributes` holds for all spans, and costs are as told."""
    npm_programs.run("langfuse", tmp_path, session_id, environment=langfuse)

    session = found.session(running, session_id)
    assert session == {
        "cost": pytest.approx(0.004),
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
        "services": session["services"],
        "environments": ["staging"],
        "input": session["input"],
        "output": "Your card was refused.",
    }
    assert found.replayed(running, session_id) == [
        ("turn", ["agent", "lookup_order", "answer"]),
        ("turn", ["answer"]),
        ("turn", ["pay", "charge"]),
    ]
    assert found.names_types(running, session_id) == [
        ("agent", "agent"),
        ("lookup_order", "tool"),
        ("answer", "generation"),
        ("answer", "generation"),
        ("pay", "span"),
        ("charge", "tool"),
    ]
    [tool] = found.spans(running, session_id, "lookup_order")
    assert (tool["input"], tool["output"]) == ('{"order":4711}', '{"state":"sent"}')
    [failed] = found.spans(running, session_id, "charge")
    assert failed["message"] == "card refused"
    order, other, payment = found.traces(running, session_id)
    assert "Where is my order?" in order["input"]
    assert order["output"] == "It arrives on Thursday."
    assert (other["input"], other["output"]) == (
        "And the other one?",
        "Answer to: And the other one?",
    )
    assert (payment["input"], payment["output"]) == ("Pay it.", "Your card was refused.")
    assert [trace["total_tokens"] for trace in (order, other, payment)] == [35, 10, 0]
    with httpx.Client(base_url=f"{running.pages}/api/public", timeout=30) as client:
        read = client.get(f"/traces/{order['id']}").json()
    assert (read["name"], read["sessionId"], read["userId"]) == ("turn", session_id, "ada")
    assert (read["version"], read["release"]) == ("1.2", "r7")
    assert read["totalCost"] == pytest.approx(0.003)

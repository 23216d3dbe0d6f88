"""SDKs from PyPI, with made-up models: their sessions come out as the programs meant them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests import processes
from tests.sdks import found, python_programs

# What one call of the made-up model uses: 20 tokens in, 8 of these cached; 7 out, 2 of these
# reasoning. What was cached or reasoning is in the total alone.
CALL = {"input_tokens": 12, "output_tokens": 5, "total_tokens": 27}
# By the list of prices: 2.5 $ for a million tokens in, half of that where cached, 10 $ out.
CALL_COST = (12 * 2.5 + 8 * 1.25 + 7 * 10) / 1e6
SHOP = {"services": ["shop"], "users": ["ada"]}
MODEL = "gpt-4o-2024-08-06"


def test_opentelemetry_sdk(running: processes.Pipeline, session_id: str) -> None:
    """Who and where come from the baggage, onto every span."""
    python_programs.run("opentelemetry_sdk", running.http, session_id)

    session = found.session(running, session_id)
    assert session | SHOP == session
    assert (session["traces"], session["spans"], session["errors"]) == (3, 6, 2)
    assert (session["input_tokens"], session["output_tokens"]) == (50, 12)
    assert (session["models"], session["generations"]) == ([MODEL], 2)
    assert session["cost"] == pytest.approx((50 * 2.5 + 12 * 10) / 1e6)
    assert found.replayed(running, session_id) == [
        ("invoke_agent shop", ["invoke_agent shop", "lookup_order", "chat gpt-4o"]),
        ("chat gpt-4o", ["chat gpt-4o"]),
        ("pay", ["pay", "charge"]),
    ]
    assert [span["type"] for span in found.spans(running, session_id)] == [
        *("agent", "tool", "generation"),
        "generation",
        *("span", "tool"),
    ]
    order, other, payment = traces = found.traces(running, session_id)
    assert [trace["errors"] for trace in traces] == [0, 0, 2]
    assert [trace["total_tokens"] for trace in traces] == [25, 37, 0]
    assert "Where is my order?" in order["input"]
    assert "It arrives on Thursday." in order["output"]
    assert "And the other one?" in other["input"]
    assert payment["input"] == '{"order": 4711}'
    [tool] = found.spans(running, session_id, "execute_tool lookup_order")
    assert (tool["input"], tool["output"]) == ('{"order": 4711}', '{"state": "sent"}')
    [charge] = found.spans(running, session_id, "execute_tool charge")
    assert charge["message"] == "PermissionError: card refused"


def test_openinference(
    running: processes.Pipeline, model: Mapping[str, str], session_id: str
) -> None:
    """Decorators, and OpenAI's client: session and user are told by `using_…`, on each span."""
    python_programs.run("openinference", running.http, session_id, environment=model)

    session = found.session(running, session_id)
    assert session | SHOP | {"tags": ["a", "b"]} == session
    assert (session["traces"], session["spans"], session["errors"]) == (4, 7, 3)
    assert (session["generations"], session["models"]) == (3, [MODEL])
    assert {key: session[key] for key in CALL} == {key: 2 * CALL[key] for key in CALL}
    assert session["cost"] == pytest.approx(2 * CALL_COST)
    assert found.replayed(running, session_id) == [
        ("shop", ["shop", "lookup_order", "ChatCompletion"]),
        ("pay", ["pay", "charge"]),
        ("ChatCompletion", ["ChatCompletion"]),
        ("ChatCompletion", ["ChatCompletion"]),
    ]
    assert [span["type"] for span in found.spans(running, session_id)] == [
        *("agent", "tool", "generation"),
        *("chain", "tool"),
        *("generation", "generation"),
    ]
    order, payment, other, away = traces = found.traces(running, session_id)
    assert [trace["errors"] for trace in traces] == [0, 2, 0, 1]
    assert [trace["user"] for trace in traces] == ["ada", "ada", "", ""]
    assert (order["input"], order["output"]) == (
        "Where is my order?",
        "Answer to: Where is my order?",
    )
    assert payment["input"] == "4711"
    assert "Answer to: And the other one?" in other["output"]
    assert "Are you there?" in away["input"]
    [tool] = found.spans(running, session_id, "lookup_order")
    assert tool["output"] == '{"order": 4711, "state": "sent"}'
    assert "the model is away" in found.spans(running, session_id, "ChatCompletion")[-1]["message"]


def test_traceloop(running: processes.Pipeline, model: Mapping[str, str], session_id: str) -> None:
    """Association properties name session and user; a model's calls are seen, or told by hand."""
    python_programs.run("traceloop", running.http, session_id, environment=model)

    session = found.session(running, session_id)
    assert session | SHOP == session
    assert (session["traces"], session["spans"], session["errors"]) == (3, 9, 2)
    assert (session["generations"], session["models"]) == (2, [MODEL, "own-1"])
    assert session["input_tokens"] == CALL["input_tokens"] + 30
    assert session["output_tokens"] == CALL["output_tokens"] + 4
    assert session["total_tokens"] == CALL["total_tokens"] + 34
    assert session["cost"] == pytest.approx(CALL_COST)  # nobody knows the price of the other
    turns = [
        ("turn.workflow", ["turn.workflow", "shop.agent", "lookup_order", "openai.chat"]),
        ("other_turn.workflow", ["other_turn.workflow", "ask.task", "openai.chat"]),
        ("pay.workflow", ["pay.workflow", "charge"]),
    ]
    assert found.replayed(running, session_id) == turns
    types = {span["name"]: span["type"] for span in found.spans(running, session_id)}
    assert types["turn.workflow"] == types["ask.task"] == "chain"
    assert types["shop.agent"] == "agent"
    assert types["lookup_order.tool"] == types["charge.tool"] == "tool"
    assert types["openai.chat"] == "generation"
    traces = found.traces(running, session_id)
    assert {trace["key"] for trace in traces} == {"traceloop.association.properties.session_id"}
    assert {trace["user"] for trace in traces} == {"ada"}
    assert [trace["errors"] for trace in traces] == [0, 0, 2]
    assert [trace["total_tokens"] for trace in traces] == [27, 34, 0]
    for trace, question in zip(traces, ("Where is my order?", "And the other one?"), strict=False):
        assert question in trace["input"]
        assert f"Answer to: {question}" in trace["output"]
    for call in found.spans(running, session_id, "openai.chat"):
        assert "Answer to: " in call["output"]
    [tool] = found.spans(running, session_id, "lookup_order.tool")
    assert tool["output"] == '{"order": 4711, "state": "sent"}'
    [charge] = found.spans(running, session_id, "charge.tool")
    assert charge["message"] == "card refused for 4711"


def test_logfire(running: processes.Pipeline, model: Mapping[str, str], session_id: str) -> None:
    """Where Logfire is told that session ids are no secrets, its sessions come out as any."""
    python_programs.run("logfire", running.http, session_id, "kept", environment=model)

    session = found.session(running, session_id)
    assert session | SHOP | {"environments": ["staging"]} == session
    assert (session["traces"], session["spans"], session["errors"]) == (3, 6, 2)
    # Of what was reasoning Logfire tells nothing.
    assert {key: session[key] for key in CALL} == CALL | {"output_tokens": 7}
    assert session["cost"] == pytest.approx(CALL_COST)
    assert (session["generations"], session["models"]) == (2, ["gpt-4o", MODEL])
    chat = "Chat Completion with 'gpt-4o'"
    assert found.replayed(running, session_id) == [
        ("turn", ["turn", "lookup order 4711", chat]),
        (chat, [chat]),
        ("pay 4711", ["pay 4711", "card is old"]),
    ]
    order, away, payment = traces = found.traces(running, session_id)
    assert [trace["errors"] for trace in traces] == [0, 1, 1]
    assert "Where is my order?" in order["input"]
    assert "Answer to: Where is my order?" in order["output"]
    assert "Are you there?" in away["input"]
    assert payment["name"] == "pay 4711"


def test_what_logfire_scrubs_is_no_session(
    running: processes.Pipeline, model: Mapping[str, str], session_id: str
) -> None:
    """
    Its placeholder is the same for everybody, and strangers must not meet in one session. Calls of
    models are not scrubbed, so their traces are where they belong.
    """
    python_programs.run("logfire", running.http, session_id, "scrubbed", environment=model)

    session = found.session(running, session_id)
    assert (session["traces"], session["spans"], session["errors"]) == (2, 4, 1)
    assert [trace["spans"] for trace in found.traces(running, session_id)] == [3, 1]
    names = (
        "SELECT groupUniqArray(SpanName) AS names, groupUniqArray(SessionId) AS sessions"
        " FROM spans WHERE SpanAttributes['session.id'] = {scrubbed:String}"
    )
    [scrubbed] = running.store.rows(names, {"scrubbed": "[Scrubbed due to 'session']"})
    assert set(scrubbed["names"]) == {"turn", "lookup order {order}", "pay {order}", "card is old"}
    assert scrubbed["sessions"] == [""]
    sessions = running.store.query("SELECT SessionId FROM sessions")
    assert not [name for (name,) in sessions if "crubbed" in name]


def test_pydantic_ai(running: processes.Pipeline, session_id: str) -> None:
    """Conversations are sessions; agents tell the usage of all their calls, and it counts once."""
    python_programs.run("pydantic_ai", running.http, session_id)

    session = found.session(running, session_id)
    assert (session["traces"], session["spans"], session["errors"]) == (3, 8, 2)
    assert (session["generations"], session["models"]) == (4, ["gpt-4o", "test"])
    assert (session["services"], session["users"]) == (["shop"], [])
    turn = "shop run"
    assert found.replayed(running, session_id) == [
        (turn, [turn, "chat gpt-4o", "lookup_order", "chat gpt-4o"]),
        (turn, [turn, "chat test"]),
        (turn, [turn, "chat gpt-4o"]),
    ]
    order, thanks, away = traces = found.traces(running, session_id)
    assert {trace["key"] for trace in traces} == {"gen_ai.conversation.id"}
    assert [trace["errors"] for trace in traces] == [0, 0, 2]
    assert order["total_tokens"] == 62
    # As Pydantic AI tells it. 20 and 30 tokens in, 10 of these cached; 5 and 7 out.
    assert session["cost"] == pytest.approx((40 * 2.5 + 10 * 1.25 + 12 * 10) / 1e6)
    assert "Where is my order?" in order["input"]
    assert "It arrives on Thursday." in order["output"]
    assert "Thank you!" in thanks["input"]
    assert "You are welcome." in thanks["output"]
    assert "And the other one?" in away["input"]
    first, second, failed = found.spans(running, session_id, "chat gpt-4o")
    assert (first["input_tokens"], first["output_tokens"]) == (20, 5)
    assert (second["input_tokens"], second["output_tokens"]) == (20, 5)
    assert "the model is away" in failed["message"]
    [tool] = found.spans(running, session_id, "execute_tool lookup_order")
    assert (tool["type"], tool["input"], tool["output"]) == (
        "tool",
        '{"order":4711}',
        '{"order":4711,"state":"sent"}',
    )

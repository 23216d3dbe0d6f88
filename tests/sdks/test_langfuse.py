"""Langfuse's Python SDKs: however they say a session, whole traces are in it, and count."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests import processes
from tests.sdks import found, python_programs

MEANT = {
    "traces": 3,
    "errors": 1,  # a warning is none
    "users": ["ada", "bob"],
    "tags": ["a", "b"],
    "services": ["shop"],
    "environments": ["staging"],
    "input": "Where is my order?",
    "output": "Not paid.",
}


@pytest.fixture
def environment(langfuse: Mapping[str, str]) -> Mapping[str, str]:
    """What a deployment says of a service, and where its spans go."""
    return {
        **langfuse,
        "OTEL_SERVICE_NAME": "shop",
        "LANGFUSE_TRACING_ENVIRONMENT": "staging",
    }


def test_version_3(
    running: processes.Pipeline, environment: Mapping[str, str], session_id: str
) -> None:
    """
    A session said by update_current_trace on the root alone, by a child alone that has a child and
    a sibling, and by update_trace: every span of the three traces counts.
    """
    python_programs.run("langfuse_3", session_id, environment=environment)

    session = found.session(running, session_id)
    assert session == MEANT | {
        "spans": 9,
        "generations": 3,
        "input_tokens": 47,
        "output_tokens": 13,
        "total_tokens": 80,
        "cost": pytest.approx(0.007),
        "models": ["gpt-4o", "gpt-4o-mini"],
    }
    assert found.replayed(running, session_id) == [
        ("turn", ["turn", "lookup_order", "answer"]),
        ("turn", ["turn", "remember", "summarise", "answer"]),
        ("pay", ["pay", "charge"]),
    ]
    assert found.names_types(running, session_id) == [
        ("turn", "span"),
        ("lookup_order", "tool"),
        ("answer", "generation"),
        ("turn", "span"),
        ("remember", "retriever"),
        ("summarise", "generation"),
        ("answer", "generation"),
        ("pay", "span"),
        ("charge", "tool"),
    ]
    [summary] = found.spans(running, session_id, "summarise")
    assert (summary["model"], summary["input_tokens"], summary["output_tokens"]) == (
        "gpt-4o-mini",
        7,
        3,
    )
    assert summary["input"] == '[{"role": "user", "content": "Summarise: And the other one?"}]'
    assert summary["output"] == '{"role": "assistant", "content": "Asked for an order."}'
    _assert_turns(running, session_id, costs=[0.003, 0.004, 0], tokens=[35, 45, 0])


@pytest.mark.parametrize("version", [4, 5])
def test_versions_4_and_5(
    running: processes.Pipeline, environment: Mapping[str, str], session_id: str, version: int
) -> None:
    """What is said late, by propagate_attributes, holds for the spans before as well."""
    program = python_programs.PROGRAMS / "langfuse_4" / "program.py"
    python_programs.run(f"langfuse_{version}", session_id, program=program, environment=environment)

    session = found.session(running, session_id)
    assert session == MEANT | {
        "spans": 7,
        "generations": 2,
        "input_tokens": 40,
        "output_tokens": 10,
        "total_tokens": 70,
        "cost": pytest.approx(0.006),
        "models": ["gpt-4o"],
    }
    assert found.replayed(running, session_id) == [
        ("turn", ["turn", "lookup_order", "answer"]),
        ("turn", ["turn", "answer"]),
        ("pay", ["pay", "charge"]),
    ]
    assert found.names_types(running, session_id) == [
        ("turn", "agent"),
        ("lookup_order", "tool"),
        ("answer", "generation"),
        ("turn", "agent"),
        ("answer", "generation"),
        ("pay", "span"),
        ("charge", "tool"),
    ]
    _assert_turns(running, session_id, costs=[0.003, 0.003, 0], tokens=[35, 35, 0])


def _assert_turns(
    running: processes.Pipeline, session_id: str, *, costs: list[float], tokens: list[int]
) -> None:
    order, other, payment = traces = found.traces(running, session_id)
    assert [trace["cost"] for trace in traces] == pytest.approx(costs)
    assert [trace["total_tokens"] for trace in traces] == tokens
    assert [trace["errors"] for trace in traces] == [0, 0, 1]
    assert [trace["user"] for trace in traces] == ["ada", "ada", "bob"]
    assert {trace["key"] for trace in traces} == {"session.id"}
    assert "Where is my order?" in order["input"]
    assert order["output"] == "Answer to: Where is my order?"
    assert other["output"] == "Answer to: And the other one?"
    assert (payment["input"], payment["output"]) == ("Pay it.", "Not paid.")
    [lookup] = found.spans(running, session_id, "lookup_order")
    assert (lookup["input"], lookup["output"]) == (
        '{"args": [4711], "kwargs": {}}',
        '{"order": 4711, "state": "sent"}',
    )
    [charge] = found.spans(running, session_id, "charge")
    assert charge["message"] == "card refused for 4711"

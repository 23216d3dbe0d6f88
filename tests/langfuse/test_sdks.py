"""Langfuse's own SDKs, pointed here by a host and a pair of keys alone."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests import processes
from tests.langfuse import sdk

GENERATION = {
    "type": "GENERATION",
    "model": "gpt-4o",
    "modelParameters": {"temperature": 0.5},
    "usageDetails": {"input": 20, "output": 5, "total": 25},
    "costDetails": {"input": 0.001, "output": 0.002, "total": 0.003},
    "totalCost": 0.003,
}


@pytest.mark.parametrize("version", [3, 4])
def test_sessions_come_back_by_the_sdk_that_sent_them(
    running: processes.Pipeline, version: int
) -> None:
    """However the SDK says the session: by update_trace, or by propagate_attributes."""
    run = secrets.token_hex(4)
    session_id = f"{run}/chat 17&ü"

    read = sdk.run(version, host=running.pages, run_id=run)

    first, second, _ = read["sent"]
    assert read["auth"] is True
    assert read["health"]["status"] == "OK"
    assert session_id in [session["id"] for session in read["sessions"]["data"]]
    session = read["session"]
    assert (session["id"], session["environment"]) == (session_id, "default")
    assert [trace["id"] for trace in session["traces"]] == [first, second]
    for trace in [*session["traces"], *read["traces"]["data"], read["trace"]]:
        assert (trace["name"], trace["sessionId"], trace["userId"]) == ("turn", session_id, "ada")
        assert (trace["tags"], trace["metadata"]) == (["a", "b"], {"plan": "pro"})
    assert [trace["id"] for trace in read["traces"]["data"]] == [second, first]
    assert read["traces"]["meta"]["totalItems"] == 2
    assert read["alone"]["sessionId"] is None
    assert (read["alone"]["input"], read["alone"]["output"]) == ({"x": [1]}, "done")
    [observation] = read["alone"]["observations"]
    assert (observation["level"], observation["statusMessage"]) == ("WARNING", "slow")
    _assert_turn(read["trace"])
    assert [span["name"] for span in read["spans"]["data"]] == ["answer", "turn"]
    assert {span["sessionId"] for span in read["spans"]["data"]} == {session_id}
    scores = {score["name"]: score for score in read["trace"]["scores"]}
    assert (scores["helpful"]["value"], scores["helpful"]["comment"]) == (0.75, "quick")
    assert scores["helpful"]["metadata"] == {"by": "judge"}
    assert (scores["fluent"]["value"], scores["fluent"]["stringValue"]) == (1.0, "True")
    assert scores["fluent"]["observationId"] == read["trace"]["observations"][1]["id"]
    assert [score["id"] for score in read["session_scores"]["data"]] == [f"{run}-1"]
    assert (read["score"]["stringValue"], read["score"]["sessionId"]) == ("yes", session_id)


def _assert_turn(trace: dict[str, Any]) -> None:
    turn, answer = trace["observations"]
    assert answer["parentObservationId"] == turn["id"]
    assert {key: answer[key] for key in GENERATION} == GENERATION
    assert answer["output"] == {"answer": "Answer to: Where is my order?"}
    assert answer["metadata"]["attempt"] == 1
    assert trace["totalCost"] == pytest.approx(0.003)
    assert trace["input"]["args"] == ["Where is my order?"]


def test_observations_come_back_by_version_5(running: processes.Pipeline) -> None:
    """It has no sessions and traces to read, but observations of a session, page by page."""
    run = secrets.token_hex(4)
    session_id = f"{run}/chat 17&ü"

    read = sdk.run(5, host=running.pages, run_id=run)

    first, second, third = read["sent"]
    assert read["auth"] is True
    spans = read["spans"]["data"]
    told = [(span["traceId"], span["name"]) for span in spans]
    assert told == [(second, "answer"), (second, "turn"), (first, "answer"), (first, "turn")]
    assert {span["sessionId"] for span in spans} == {session_id}
    assert {key: spans[2][key] for key in GENERATION} == GENERATION
    assert spans[2]["output"] == '{"answer": "Answer to: Where is my order?"}'
    pages = [span["id"] for page in ("page", "rest") for span in read[page]["data"]]
    assert pages == [span["id"] for span in spans]
    assert len(read["page"]["data"]) == 3
    [alone] = read["alone"]["data"]
    assert (alone["sessionId"], alone["input"], alone["traceId"]) == (None, '{"x": [1]}', third)
    [score] = read["session_scores"]["data"]
    assert (score["id"], score["value"]) == (f"{run}-1", "yes")
    assert score["subject"] == {"kind": "session", "id": session_id}
    on_trace = {score["name"]: score for score in read["trace_scores"]["data"]}
    assert (on_trace["helpful"]["value"], on_trace["fluent"]["value"]) == (0.75, True)
    assert on_trace["fluent"]["subject"]["id"] == spans[2]["id"]

"""
A program that uses Langfuse's SDK as its documentation says, and reads back what it sent. It is run
by itself (sdk.py), with whichever version of the SDK is there, and prints what it read as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import langfuse
from langfuse import get_client, observe

VERSION, RUN = int(sys.argv[1]), sys.argv[2]
# Ids are any text; this one has what paths and queries are made of.
SESSION = f"{RUN}/chat 17&ü"
SECONDS_MAX = 30

# The versions differ in what they have, and types are checked against one of them.
client: Any = get_client()
api: Any = client.api
propagate_attributes: Any = langfuse.propagate_attributes


@observe(as_type="generation")
def answer(question: str) -> dict[str, str]:
    """Call a model."""
    client.update_current_generation(
        model="gpt-4o",
        model_parameters={"temperature": 0.5},
        usage_details={"input": 20, "output": 5},
        cost_details={"input": 0.001, "output": 0.002},
        metadata={"attempt": 1},
    )
    client.score_current_span(name="fluent", value=1, data_type="BOOLEAN")
    return {"answer": f"Answer to: {question}"}


@observe(name="turn")
def turn_by_update(question: str) -> str:
    """Say the session on the trace, as version 3 does."""
    client.update_current_trace(
        session_id=SESSION, user_id="ada", tags=["a", "b"], metadata={"plan": "pro"}
    )
    return _turn(question)


@observe(name="turn")
def turn_by_propagation(question: str) -> str:
    """Say the session for all spans below, as versions 4 and 5 do, and late versions of 3 can."""
    with propagate_attributes(
        session_id=SESSION, user_id="ada", tags=["a", "b"], metadata={"plan": "pro"}
    ):
        return _turn(question)


def _turn(question: str) -> str:
    answer(question)
    trace_id: str = client.get_current_trace_id()
    return trace_id


def send() -> list[str]:
    """Send two traces with a session and one without; return their ids."""
    client.create_score(
        name="solved", value="yes", data_type="CATEGORICAL", session_id=SESSION, score_id=f"{RUN}-1"
    )
    first = (turn_by_update if VERSION == 3 else turn_by_propagation)("Where is my order?")
    second = turn_by_propagation("And the other one?")
    if VERSION == 3:
        with client.start_as_current_span(name="alone", input={"x": [1]}) as span:
            span.update(output="done", level="WARNING", status_message="slow")
            third = client.get_current_trace_id()
        by_hand = {"name": "by hand", "trace_context": {"trace_id": second}}
        with client.start_as_current_span(**by_hand) as span:
            span.update_trace(session_id=SESSION)
    else:
        with client.start_as_current_observation(name="alone", input={"x": [1]}) as span:
            span.update(output="done", level="WARNING", status_message="slow")
            third = client.get_current_trace_id()
    client.create_score(
        name="helpful", value=0.75, trace_id=first, comment="quick", metadata={"by": "judge"}
    )
    client.flush()
    return [first, second, third]


def plain(model: Any) -> Any:
    """Return an answer of the API client as plain values, by the names of the API."""
    return json.loads(model.json(by_alias=True) if hasattr(model, "json") else json.dumps(model))


def until(read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Read until it is there: spans are queryable a moment after they were taken."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        try:
            found = read()
            if holds(found):
                return found
        except Exception:  # whatever the version calls a 404
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise TimeoutError("not there in time")
        time.sleep(0.1)


def read_3_and_4(trace_ids: list[str]) -> dict[str, Any]:
    """Read back by sessions and traces."""
    scores = api.score_v_2 if VERSION == 3 else api.scores
    get_scores = scores.get if VERSION == 3 else scores.get_many
    spans = api.observations_v_2 if VERSION == 3 else api.observations
    session = until(lambda: api.sessions.get(SESSION), lambda s: len(s.traces) == 2)
    until(lambda: api.trace.get(trace_ids[2]), lambda trace: len(trace.observations) == 1)
    until(
        lambda: api.trace.get(trace_ids[1]),
        lambda trace: len(trace.observations) == (3 if VERSION == 3 else 2),
    )
    return {
        "sessions": plain(api.sessions.list(limit=100)),
        "session": plain(session),
        "traces": plain(api.trace.list(session_id=SESSION, user_id="ada", tags=["a", "b"])),
        "trace": plain(api.trace.get(trace_ids[0])),
        "alone": plain(api.trace.get(trace_ids[2])),
        "spans": plain(spans.get_many(trace_id=trace_ids[0], fields="core,basic,io,usage,time")),
        "session_scores": plain(get_scores(session_id=SESSION)),
        "score": plain(scores.get_by_id(f"{RUN}-1")),
    }


def read_5(trace_ids: list[str]) -> dict[str, Any]:
    """Read back by observations, which is all that version 5 has."""
    fields = "core,basic,io,usage,time,metadata,model,prompt,metrics,trace_context"
    spans = until(
        lambda: api.observations.get_many(session_id=SESSION, fields=fields),
        lambda page: len(page.data) == 4,
    )
    first = api.observations.get_many(session_id=SESSION, limit=3)
    groups = "details,subject,annotation"
    return {
        "spans": plain(spans),
        "page": plain(first),
        "rest": plain(api.observations.get_many(session_id=SESSION, cursor=first.meta.cursor)),
        "alone": plain(api.observations.get_many(trace_id=trace_ids[2], fields=fields)),
        "session_scores": plain(api.scores.get_many(session_id=SESSION, fields=groups)),
        "trace_scores": plain(api.scores.get_many(trace_id=trace_ids[0], fields=groups)),
    }


if __name__ == "__main__":
    authorised = client.auth_check()
    sent = send()
    read = (read_5 if VERSION == 5 else read_3_and_4)(sent)
    health = plain(api.health.health())
    print(json.dumps({"auth": authorised, "sent": sent, "health": health, **read}))

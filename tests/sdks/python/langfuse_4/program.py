"""
A chat as the documentation of Langfuse's SDKs 4 and 5 tells to write it: the session is said for
all spans that begin inside, and the first turn says it late.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from langfuse import get_client, observe, propagate_attributes

(SESSION,) = sys.argv[1:]

langfuse = get_client()


@observe(as_type="generation")
def answer(question: str) -> str:
    """Call a model."""
    langfuse.update_current_generation(
        model="gpt-4o",
        model_parameters={"temperature": 0.5},
        usage_details={"input": 20, "output": 5, "cache_read_input_tokens": 10, "total": 35},
        cost_details={"input": 0.001, "output": 0.002, "total": 0.003},
    )
    return f"Answer to: {question}"


@observe(as_type="tool")
def lookup_order(order: int) -> dict[str, Any]:
    """Find an order."""
    return {"order": order, "state": "sent"}


@observe(as_type="tool")
def charge(order: int) -> None:
    """Fail."""
    raise PermissionError(f"card refused for {order}")


@observe(name="turn", as_type="agent")
def first_turn(question: str) -> str:
    """Say the session after a first child is over."""
    lookup_order(4711)
    with propagate_attributes(session_id=SESSION, user_id="ada", tags=["a"], version="1.2"):
        return answer(question)


@observe(name="turn", as_type="agent")
def second_turn(question: str) -> str:
    """Be called where the session was said."""
    return answer(question)


def payment() -> None:
    """Make the spans by hand."""
    with langfuse.start_as_current_observation(name="pay", input="Pay it.") as span:
        with suppress(PermissionError):
            charge(4711)
        span.update(output="Not paid.", level="WARNING", status_message="not paid")


first_turn("Where is my order?")
with propagate_attributes(session_id=SESSION, user_id="ada", tags=["b"]):
    second_turn("And the other one?")
with propagate_attributes(session_id=SESSION, user_id="bob"):
    payment()
langfuse.flush()

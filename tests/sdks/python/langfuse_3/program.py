"""
A chat as the documentation of Langfuse's SDK 3 tells to write it: each turn says its session in
another way, on one span alone.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from langfuse import get_client, observe

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


@observe(as_type="generation", capture_input=False, capture_output=False)
def summarise(question: str) -> str:
    """Call another model, and say what went in and what came out."""
    messages = [{"role": "user", "content": f"Summarise: {question}"}]
    langfuse.update_current_generation(
        model="gpt-4o-mini",
        input=messages,
        output={"role": "assistant", "content": "Asked for an order."},
        usage_details={"input": 7, "output": 3},
        cost_details={"input": 0.0004, "output": 0.0006},
    )
    return "Asked for an order."


@observe(as_type="tool")
def lookup_order(order: int) -> dict[str, Any]:
    """Find an order."""
    return {"order": order, "state": "sent"}


@observe(as_type="tool")
def charge(order: int) -> None:
    """Fail."""
    raise PermissionError(f"card refused for {order}")


@observe(as_type="retriever")
def remember(question: str) -> str:
    """Say the session on this span alone, which has a child and a sibling."""
    langfuse.update_current_trace(session_id=SESSION, user_id="ada", tags=["b"])
    return summarise(question)


@observe(name="turn")
def first_turn(question: str) -> str:
    """Say the session on the root alone, when all else is over."""
    lookup_order(4711)
    text = answer(question)
    langfuse.update_current_trace(session_id=SESSION, user_id="ada", tags=["a"])
    return text


@observe(name="turn")
def second_turn(question: str) -> str:
    """Say the session on one child alone."""
    remember(question)
    return answer(question)


def payment() -> None:
    """Say the session of a span by hand."""
    with langfuse.start_as_current_span(name="pay", input="Pay it.") as span:
        with suppress(PermissionError):
            charge(4711)
        span.update(output="Not paid.", level="WARNING", status_message="not paid")
        span.update_trace(session_id=SESSION, user_id="bob")


first_turn("Where is my order?")
second_turn("And the other one?")
payment()
langfuse.flush()

"""A chat as OpenLLMetry's documentation tells to write it, with OpenAI's own client."""

from __future__ import annotations

import sys
from contextlib import suppress

from openai import OpenAI
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow
from traceloop.sdk.instruments import Instruments
from traceloop.sdk.tracing.manual import LLMMessage, LLMUsage, track_llm_call

ENDPOINT, SESSION = sys.argv[1:]

Traceloop.init(
    app_name="shop",
    api_endpoint=ENDPOINT,
    telemetry_enabled=False,
    instruments={Instruments.OPENAI},
)
Traceloop.set_association_properties({"session_id": SESSION, "user_id": "ada", "chat_id": "17"})
client = OpenAI(max_retries=0)


def chat(question: str) -> str | None:
    """Call the model."""
    completion = client.chat.completions.create(
        model="gpt-4o", temperature=0.5, messages=[{"role": "user", "content": question}]
    )
    return completion.choices[0].message.content


@tool(name="lookup_order")
def lookup_order(order: int) -> dict[str, object]:
    """Find an order."""
    return {"order": order, "state": "sent"}


@tool(name="charge")
def charge(order: int) -> None:
    """Fail."""
    raise PermissionError(f"card refused for {order}")


@agent(name="shop")
def shop(question: str) -> str | None:
    """Answer by a tool and a model."""
    lookup_order(4711)
    return chat(question)


@workflow(name="turn")
def turn(question: str) -> str | None:
    """Have the agent answer."""
    return shop(question)


@task(name="ask")
def ask(question: str) -> str:
    """Call a model that nothing instruments."""
    answer = f"Answer to: {question}"
    with track_llm_call(vendor="openai", type="chat") as span:
        span.report_request(model="own", messages=[LLMMessage(role="user", content=question)])
        span.report_response(model="own-1", completions=[answer])
        span.report_usage(LLMUsage(prompt_tokens=30, completion_tokens=4, total_tokens=34))
    return answer


@workflow(name="other_turn")
def other_turn(question: str) -> str:
    """Answer without an agent."""
    return ask(question)


@workflow(name="pay")
def pay(order: int) -> None:
    """Fail by a tool."""
    charge(order)


turn("Where is my order?")
other_turn("And the other one?")
with suppress(PermissionError):
    pay(4711)

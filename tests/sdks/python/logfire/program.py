"""
A chat as Logfire's documentation tells to write it, with OpenAI's own client. Session ids are
`scrubbed`, as Logfire does unless told otherwise, or `kept`.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import logfire
from openai import InternalServerError, OpenAI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

ENDPOINT, SESSION, SESSIONS_ARE = sys.argv[1:]


def keep_session(match: logfire.ScrubMatch) -> object:
    """Say of a session's id that it is no secret."""
    return match.value if match.path == ("attributes", "session.id") else None


logfire.configure(
    send_to_logfire=False,
    console=False,
    service_name="shop",
    environment="staging",
    scrubbing=logfire.ScrubbingOptions(callback=keep_session) if SESSIONS_ARE == "kept" else None,
    additional_span_processors=[
        BatchSpanProcessor(OTLPSpanExporter(f"{ENDPOINT}/v1/traces")),
    ],
)
logfire.instrument_openai()
client = OpenAI(max_retries=0)


def chat(question: str) -> str | None:
    """Call the model."""
    completion = client.chat.completions.create(
        model="gpt-4o", temperature=0.5, messages=[{"role": "user", "content": question}]
    )
    return completion.choices[0].message.content


@logfire.instrument("lookup order {order}", record_return=True)
def lookup_order(order: int) -> dict[str, object]:
    """Find an order."""
    return {"order": order, "state": "sent"}


with logfire.set_baggage(**{"session.id": SESSION, "user.id": "ada"}):
    with logfire.span("turn", _tags=["a", "b"]):
        lookup_order(4711)
        chat("Where is my order?")

    with suppress(InternalServerError):
        chat("Are you there?")

    with suppress(PermissionError), logfire.span("pay {order}", order=4711):
        logfire.warn("card is old")
        raise PermissionError("card refused")

logfire.shutdown()

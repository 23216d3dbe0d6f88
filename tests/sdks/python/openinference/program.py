"""A chat as OpenInference's documentation tells to write it, with OpenAI's own client."""

from __future__ import annotations

import sys
from contextlib import suppress

from openai import InternalServerError, OpenAI
from openinference.instrumentation import TracerProvider, using_attributes, using_session
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor

ENDPOINT, SESSION = sys.argv[1:]

provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{ENDPOINT}/v1/traces")))
tracer = provider.get_tracer("shop")
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = OpenAI(max_retries=0)


def chat(question: str) -> str | None:
    """Call the model."""
    completion = client.chat.completions.create(
        model="gpt-4o", temperature=0.5, messages=[{"role": "user", "content": question}]
    )
    return completion.choices[0].message.content


@tracer.tool
def lookup_order(order: int) -> dict[str, object]:
    """Find an order."""
    return {"order": order, "state": "sent"}


@tracer.tool
def charge(order: int) -> None:
    """Fail."""
    raise PermissionError(f"card refused for {order}")


@tracer.agent
def shop(question: str) -> str | None:
    """Answer by a tool and a model."""
    lookup_order(4711)
    return chat(question)


@tracer.chain
def pay(order: int) -> None:
    """Fail by a tool."""
    charge(order)


with using_attributes(session_id=SESSION, user_id="ada", tags=["a", "b"], metadata={"plan": "pro"}):
    shop("Where is my order?")
    with suppress(PermissionError):
        pay(4711)

with using_session(SESSION):
    chat("And the other one?")
    with suppress(InternalServerError):
        chat("Are you there?")

provider.shutdown()

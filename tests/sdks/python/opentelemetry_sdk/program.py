"""A chat as OpenTelemetry's documentation tells to write it: who and where by baggage."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from opentelemetry import baggage, context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

ENDPOINT, SESSION = sys.argv[1:]

provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{ENDPOINT}/v1/traces")))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop")


@contextmanager
def told(**entries: str) -> Iterator[None]:
    """Say something in the baggage of all that is called."""
    carried = context.get_current()
    for name, value in entries.items():
        carried = baggage.set_baggage(name.replace("_", "."), value, context=carried)
    token = context.attach(carried)
    try:
        yield
    finally:
        context.detach(token)


def messages(role: str, content: str) -> str:
    """Return a message in the form of the semantic conventions."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])


def chat(question: str, answer: str, *, tokens: tuple[int, int]) -> None:
    """Call a model."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.input.messages": messages("user", question),
    }
    with tracer.start_as_current_span(
        "chat gpt-4o", kind=trace.SpanKind.CLIENT, attributes=attributes
    ) as span:
        span.set_attributes(
            {
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.usage.input_tokens": tokens[0],
                "gen_ai.usage.output_tokens": tokens[1],
                "gen_ai.output.messages": messages("assistant", answer),
            }
        )


def execute_tool(name: str, arguments: str, result: str | None = None) -> None:
    """Run a tool; one that has no result fails."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": arguments,
    }
    with tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
        if result is None:
            raise PermissionError("card refused")
        span.set_attribute("gen_ai.tool.call.result", result)


with told(session_id=SESSION, user_id="ada"):
    with tracer.start_as_current_span(
        "invoke_agent shop", attributes={"gen_ai.operation.name": "invoke_agent"}
    ):
        execute_tool("lookup_order", '{"order": 4711}', '{"state": "sent"}')
        chat("Where is my order?", "It arrives on Thursday.", tokens=(20, 5))

    chat("And the other one?", "It was sent today.", tokens=(30, 7))

    with suppress(PermissionError), tracer.start_as_current_span("pay"):
        execute_tool("charge", '{"order": 4711}')

# What nobody said a session of.
with tracer.start_as_current_span("cleanup"):
    pass

provider.shutdown()

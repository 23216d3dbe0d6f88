"""A chat as Pydantic AI's documentation tells to write it, with models that are functions."""

from __future__ import annotations

import sys
from contextlib import suppress

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import set_tracer_provider
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RequestUsage

ENDPOINT, SESSION = sys.argv[1:]

provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{ENDPOINT}/v1/traces")))
set_tracer_provider(provider)
Agent.instrument_all()


def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    """Call a tool, then answer."""
    if len(messages) == 1:
        return ModelResponse(
            parts=[ToolCallPart("lookup_order", {"order": 4711})],
            usage=RequestUsage(input_tokens=20, output_tokens=5),
            model_name="gpt-4o",
        )
    return ModelResponse(
        parts=[TextPart("It arrives on Thursday.")],
        usage=RequestUsage(
            input_tokens=30, cache_read_tokens=10, output_tokens=7, details={"reasoning_tokens": 2}
        ),
        model_name="gpt-4o",
    )


def away(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    """Fail."""
    raise ConnectionError(f"the model is away, {len(messages)} messages wait")


agent = Agent(FunctionModel(answer, model_name="gpt-4o"), name="shop", instructions="You help.")


@agent.tool_plain
def lookup_order(order: int) -> dict[str, object]:
    """Find an order."""
    return {"order": order, "state": "sent"}


agent.run_sync("Where is my order?", conversation_id=SESSION)

agent.run_sync(
    "Thank you!",
    model=TestModel(call_tools=[], custom_output_text="You are welcome."),
    conversation_id=SESSION,
)

with suppress(ConnectionError):
    agent.run_sync(
        "And the other one?",
        model=FunctionModel(away, model_name="gpt-4o"),
        conversation_id=SESSION,
    )

provider.shutdown()

"""How applications tell what was said: the ways of OpenTelemetry, Langfuse, and OpenInference."""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.util.types import AttributeValue

from tests.browser.steps import Step, Turn

# Dollars for a million tokens in and out.
_PRICES = {
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "claude-sonnet-4-5": (3.0, 15.0),
    "gemini-2.5-flash": (0.3, 2.5),
}
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A call of a tool; with an error there is no result."""

    name: str
    arguments: dict[str, Any]
    result: object = None
    seconds: float = 0.3
    error: Exception | None = None

    @property
    def id(self) -> str:
        """What the model calls the call."""
        return f"call_{zlib.crc32(to_json([self.name, self.arguments]).encode()):08x}"


def to_json(value: object) -> str:
    """Return JSON as SDKs write it: other alphabets as they are."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something that was said, by whoever it was."""

    role: str
    text: str = ""
    uses: Sequence[Use] = ()  # that the assistant asks for, or the one whose result this is


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call of a model took."""

    model: str
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, model: str, said: Sequence[Message], answer: Message) -> Usage:
        """Return a believable usage for texts of this length."""
        told = sum(len(openai(message)["content"] or "") + 20 for message in said)
        written = len(answer.text) + 60 * len(answer.uses)
        return cls(model, told // _CHARACTERS_PER_TOKEN + 40, written // _CHARACTERS_PER_TOKEN + 4)

    @property
    def cost(self) -> tuple[float, float]:
        """Dollars for what went in, and for what came out."""
        price_in, price_out = _PRICES[self.model]
        return self.input_tokens * price_in / 1e6, self.output_tokens * price_out / 1e6

    @property
    def seconds(self) -> float:
        """How long a model takes to write so much."""
        return 0.4 + self.output_tokens / 60


class Dialect(ABC):
    """One way to write spans."""

    @abstractmethod
    def root(self, name: str, question: str, answer: str, steps: Sequence[Step]) -> Step:
        """Return the root of a turn."""

    @abstractmethod
    def generation(self, usage: Usage, said: Sequence[Message], answer: Message) -> Step:
        """Return a call of a model."""

    @abstractmethod
    def tool(self, use: Use) -> Step:
        """Return a call of a tool."""


def openai(message: Message) -> dict[str, Any]:
    """Return a message as OpenAI's chat API writes it."""
    if message.role == "tool":
        [use] = message.uses
        return {"role": "tool", "tool_call_id": use.id, "content": _outcome(use)}
    told: dict[str, Any] = {"role": message.role, "content": message.text or None}
    if message.uses:
        told["tool_calls"] = [
            {
                "id": use.id,
                "type": "function",
                "function": {"name": use.name, "arguments": to_json(use.arguments)},
            }
            for use in message.uses
        ]
    return told


def _outcome(use: Use) -> str:
    return f"error: {use.error}" if use.error else to_json(use.result)


class GenAi(Dialect):
    """The semantic conventions of OpenTelemetry, messages made of parts."""

    def root(self, name: str, question: str, answer: str, steps: Sequence[Step]) -> Step:
        """The conventions have no texts here: a reader finds them in the calls of the model."""
        del question, answer
        return Step(
            name=f"invoke_agent {name}",
            attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name},
            steps=steps,
        )

    def generation(self, usage: Usage, said: Sequence[Message], answer: Message) -> Step:
        """With a system instruction apart from the messages."""
        system = [m.text for m in said if m.role == "system"]
        return Step(
            name=f"chat {usage.model}",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": usage.model,
                "gen_ai.response.model": usage.model,
                "gen_ai.request.temperature": 0.2,
                "gen_ai.system_instructions": to_json(
                    [{"type": "text", "content": text} for text in system]
                ),
                "gen_ai.input.messages": to_json(
                    [self._message(m) for m in said if m.role != "system"]
                ),
                "gen_ai.output.messages": to_json(
                    [
                        self._message(answer)
                        | {"finish_reason": "tool_call" if answer.uses else "stop"}
                    ]
                ),
                "gen_ai.usage.input_tokens": usage.input_tokens,
                "gen_ai.usage.output_tokens": usage.output_tokens,
                "gen_ai.usage.cost": sum(usage.cost),
            },
            seconds=usage.seconds,
        )

    def tool(self, use: Use) -> Step:
        """Arguments and result are attributes of their own."""
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": use.name,
            "gen_ai.tool.call.id": use.id,
            "gen_ai.tool.call.arguments": to_json(use.arguments),
        }
        if use.error is None:
            attributes["gen_ai.tool.call.result"] = to_json(use.result)
        return Step(
            name=f"execute_tool {use.name}",
            attributes=attributes,
            seconds=use.seconds,
            error=use.error,
        )

    def _message(self, message: Message) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if message.text:
            parts.append({"type": "text", "content": message.text})
        for use in message.uses:
            if message.role == "tool":
                outcome = {"type": "tool_call_response", "response": use.result or str(use.error)}
                parts.append({"id": use.id, **outcome})
            else:
                call = {"type": "tool_call", "name": use.name, "arguments": use.arguments}
                parts.append({"id": use.id, **call})
        return {"role": message.role, "parts": parts}


class LangfuseStyle(Dialect):
    """What Langfuse's SDK writes."""

    def root(self, name: str, question: str, answer: str, steps: Sequence[Step]) -> Step:
        """The trace has a name and texts of its own."""
        return Step(
            name=name,
            attributes={
                "langfuse.trace.name": name,
                "langfuse.observation.type": "span",
                "langfuse.observation.input": to_json({"question": question}),
                "langfuse.observation.output": to_json(answer),
                "langfuse.release": "2026.11.2",
            },
            steps=steps,
        )

    def generation(self, usage: Usage, said: Sequence[Message], answer: Message) -> Step:
        """Usage and cost are JSON."""
        cost_in, cost_out = usage.cost
        return Step(
            name="OpenAI-generation",
            attributes={
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": usage.model,
                "langfuse.observation.model.parameters": to_json({"temperature": 0.7}),
                "langfuse.observation.input": to_json([openai(m) for m in said]),
                "langfuse.observation.output": to_json(openai(answer)),
                "langfuse.observation.usage_details": to_json(
                    {
                        "input": usage.input_tokens,
                        "output": usage.output_tokens,
                        "total": usage.input_tokens + usage.output_tokens,
                    }
                ),
                "langfuse.observation.cost_details": to_json(
                    {"input": cost_in, "output": cost_out}
                ),
            },
            seconds=usage.seconds,
        )

    def tool(self, use: Use) -> Step:
        """An error has a level."""
        attributes: dict[str, AttributeValue] = {
            "langfuse.observation.type": "tool",
            "langfuse.observation.input": to_json(use.arguments),
        }
        if use.error is None:
            attributes["langfuse.observation.output"] = to_json(use.result)
        else:
            attributes["langfuse.observation.level"] = "ERROR"
            attributes["langfuse.observation.status_message"] = str(use.error)
        return Step(name=use.name, attributes=attributes, seconds=use.seconds, error=use.error)


class OpenInference(Dialect):
    """What Phoenix's and Arize's instrumentations write."""

    def root(self, name: str, question: str, answer: str, steps: Sequence[Step]) -> Step:
        """An agent with plain texts."""
        return self.span("AGENT", name, question, answer, steps=steps)

    def generation(self, usage: Usage, said: Sequence[Message], answer: Message) -> Step:
        """Messages are told twice: as JSON, and flat."""
        flat: dict[str, AttributeValue] = {}
        for at, message in enumerate(said):
            flat[f"llm.input_messages.{at}.message.role"] = message.role
            flat[f"llm.input_messages.{at}.message.content"] = message.text
        return Step(
            name="ChatCompletion",
            attributes={
                "openinference.span.kind": "LLM",
                "llm.model_name": usage.model,
                "input.value": to_json({"messages": [openai(m) for m in said]}),
                "input.mime_type": "application/json",
                "output.value": to_json({"choices": [{"index": 0, "message": openai(answer)}]}),
                "output.mime_type": "application/json",
                "llm.token_count.prompt": usage.input_tokens,
                "llm.token_count.completion": usage.output_tokens,
                "llm.token_count.total": usage.input_tokens + usage.output_tokens,
                "llm.cost.total": sum(usage.cost),
                **flat,
            },
            seconds=usage.seconds,
        )

    def tool(self, use: Use) -> Step:
        """Arguments and result are input and output."""
        result = "" if use.error else to_json(use.result)
        step = self.span("TOOL", use.name, to_json(use.arguments), result, seconds=use.seconds)
        return Step(
            name=step.name, attributes=step.attributes, seconds=step.seconds, error=use.error
        )

    def span(
        self,
        kind: str,
        name: str,
        told: str,
        answered: str,
        *,
        seconds: float = 0.02,
        steps: Sequence[Step] = (),
    ) -> Step:
        """Return a span of any kind."""
        return Step(
            name=name,
            attributes={
                "openinference.span.kind": kind,
                "input.value": told,
                "output.value": answered,
            },
            seconds=seconds,
            steps=steps,
        )


class Chat:
    """A chat that grows: each call of the model is told all that was said before."""

    def __init__(self, dialect: Dialect, *, name: str, model: str, system: str) -> None:
        self._dialect = dialect
        self._name = name
        self._model = model
        self._said = [Message(role="system", text=system)]

    def turn(self, question: str, answer: str, *uses: Use, after_seconds: float = 30.0) -> Turn:
        """Ask, use tools, and answer."""
        self._said.append(Message(role="user", text=question))
        steps = []
        if uses:
            steps.append(self._generation(Message(role="assistant", uses=uses)))
            for use in uses:
                steps.append(self._dialect.tool(use))
                self._said.append(Message(role="tool", uses=(use,)))
        steps.append(self._generation(Message(role="assistant", text=answer)))
        root = self._dialect.root(self._name, question, answer, steps)
        return Turn(root=root, after_seconds=after_seconds)

    def _generation(self, answer: Message) -> Step:
        usage = Usage.of(self._model, self._said, answer)
        step = self._dialect.generation(usage, list(self._said), answer)
        self._said.append(answer)
        return step

"""What the attributes of spans mean, convention by convention: docs/attributes.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests import inserting, processes
from tests.inserting import Sent

USAGE = "langfuse.observation.usage_details"
START = "2026-11-22T23:59:59"

TOKENS = (
    "InputTokens, CacheReadTokens, CacheWriteTokens, OutputTokens, ReasoningTokens, AudioTokens,"
    " TotalTokens"
)
# Input, cache read, cache written, output, reasoning, audio, total.
COUNTS: Mapping[str, tuple[Mapping[str, Any], tuple[int, ...]]] = {
    "OpenTelemetry": (
        {
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_creation.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 20,
        },
        (30, 60, 10, 30, 20, 0, 150),
    ),
    "OpenInference": (
        {
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 50,
            "llm.token_count.total": 151,
            "llm.token_count.prompt_details.cache_read": 40,
            "llm.token_count.prompt_details.cache_write": 5,
            "llm.token_count.completion_details.reasoning": 30,
            "llm.token_count.completion_details.audio": 4,
        },
        (55, 40, 5, 16, 30, 4, 151),
    ),
    "pydantic-ai": (
        {
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.details.cache_read_tokens": 90,
            "gen_ai.aggregated_usage.input_tokens": 900,
        },
        (10, 90, 0, 5, 0, 0, 105),
    ),
    "old names": (
        {"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 5},
        (7, 0, 0, 5, 0, 0, 12),
    ),
    "more cached than there was": (
        {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read_tokens": 9},
        (0, 9, 0, 0, 0, 0, 9),
    ),
    "cached, and nothing else told": (
        {"gen_ai.usage.cache_read_tokens": 9, "gen_ai.usage.reasoning_tokens": 4},
        (0, 9, 0, 0, 4, 0, 13),
    ),
    "Langfuse, in Anthropic's words": (
        {USAGE: '{"input": 20, "output": 5, "cache_read_input_tokens": 100}'},
        (20, 100, 0, 5, 0, 0, 125),
    ),
    "Langfuse, with a total": (
        {USAGE: '{"input": 20, "output": 5, "output_reasoning_tokens": 3, "total": 28}'},
        (20, 0, 0, 5, 3, 0, 28),
    ),
    "MLflow": (
        {"mlflow.chat.tokenUsage": '{"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}'},
        (9, 0, 0, 4, 0, 0, 13),
    ),
    "Genkit": (
        {
            "genkit:metadata:subtype": "model",
            "genkit:output": '{"usage": {"inputTokens": 42, "outputTokens": 17}}',
        },
        (42, 0, 0, 17, 0, 0, 59),
    ),
    "a call of the Vercel AI SDK": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.usage.inputTokens": 30,
            "ai.usage.outputTokens": 7,
            "ai.usage.cachedInputTokens": 10,
            "ai.usage.reasoningTokens": 2,
            "ai.usage.totalTokens": 37,
        },
        (20, 10, 0, 5, 2, 0, 37),
    ),
    "what the Vercel AI SDK puts around its calls": (
        {"ai.operationId": "ai.generateText", "ai.usage.inputTokens": 30},
        (0, 0, 0, 0, 0, 0, 0),
    ),
    "OpenAI by the Vercel AI SDK": (
        {
            "ai.usage.promptTokens": 30,
            "ai.usage.completionTokens": 9,
            "ai.response.providerMetadata": json.dumps(
                {"openai": {"cachedPromptTokens": 10, "reasoningTokens": 4}}
            ),
        },
        (20, 10, 0, 5, 4, 0, 39),
    ),
    "Anthropic by the Vercel AI SDK": (
        {
            "ai.usage.promptTokens": 30,
            "ai.usage.completionTokens": 9,
            "ai.response.providerMetadata": json.dumps(
                {"anthropic": {"cacheCreationInputTokens": 50, "cacheReadInputTokens": 100}}
            ),
        },
        (30, 100, 50, 9, 0, 0, 189),
    ),
    "an agent": (
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.cost": 3,
        },
        (0, 0, 0, 0, 0, 0, 0),
    ),
    "no JSON object": ({USAGE: "[1, 2]"}, (0, 0, 0, 0, 0, 0, 0)),
}

VALUES = (
    "Name, Type, Level, LevelMessage, Model, ModelParameters, PromptName, PromptVersion,"
    " TimeToFirstToken, UserId, TraceName, Environment, Release, AppVersion, Tags"
)
PLAIN = {
    "Name": "span",
    "Type": "span",
    "Level": "DEFAULT",
    "LevelMessage": "",
    "Model": "",
    "ModelParameters": "",
    "PromptName": "",
    "PromptVersion": "",
    "TimeToFirstToken": 0,
    "UserId": "",
    "TraceName": "",
    "Environment": "default",
    "Release": "",
    "AppVersion": "",
    "Tags": [],
}
# What was sent, and what is not as of a span without attributes.
MEANINGS: Mapping[str, tuple[Sent, Mapping[str, Any]]] = {
    "nothing": (Sent({}), {}),
    "a user of Langfuse": (
        Sent({"langfuse.user.id": "ada", "user.id": "bob"}),
        {"UserId": "ada"},
    ),
    "a user of the AI SDK": (Sent({"ai.telemetry.metadata.userId": "ada"}), {"UserId": "ada"}),
    "a user that is a number": (Sent({"user.id": 17}), {"UserId": "17"}),
    "an empty value is none": (Sent({"langfuse.user.id": "", "user.id": "bob"}), {"UserId": "bob"}),
    "a trace's name": (Sent({"langfuse.trace.name": "turn"}), {"TraceName": "turn"}),
    "a tool's name": (
        Sent({"gen_ai.tool.name": "search", "logfire.msg": "running"}),
        {"Name": "search", "Type": "tool"},
    ),
    "Logfire's message": (Sent({"logfire.msg": "running 2 tools"}), {"Name": "running 2 tools"}),
    "an operation": (
        Sent({"ai.operationId": "ai.embed", "operation.name": "ai.embed chat"}),
        {"Name": "ai.embed"},
    ),
    "somebody else's operation": (Sent({"operation.name": "web.request"}), {}),
    "tags as an array": (Sent({"langfuse.trace.tags": ["a", "b"]}), {"Tags": ["a", "b"]}),
    "tags as JSON": (Sent({"langfuse.tags": '["a", "b"]'}), {"Tags": ["a", "b"]}),
    "tags with commas": (Sent({"tag.tags": "a, b,"}), {"Tags": ["a", "b"]}),
    "one tag": (Sent({"ai.telemetry.metadata.tags": "a"}), {"Tags": ["a"]}),
    "an environment": (
        Sent({"deployment.environment": "old"}, {"deployment.environment.name": "Staging"}),
        {"Environment": "staging"},
    ),
    "an environment of Langfuse's own": (
        Sent({"langfuse.environment": "langfuse-eval"}, {"langfuse.environment": "b"}),
        {"Environment": "eval"},
    ),
    "a long environment": (
        Sent({"langfuse.environment": "x" * 50}),
        {"Environment": "x" * 40},
    ),
    "an environment that is none": (Sent({"langfuse.environment": "my env"}), {}),
    "release and version": (
        Sent({"langfuse.version": "2"}, {"langfuse.release": "r1", "service.version": "9"}),
        {"Release": "r1", "AppVersion": "2"},
    ),
    "the service's version": (Sent({}, {"service.version": "9"}), {"AppVersion": "9"}),
    "Langfuse's type": (
        Sent({"langfuse.observation.type": "evaluator", "gen_ai.request.model": "m"}),
        {"Type": "evaluator", "Model": "m"},
    ),
    "a type that is none": (
        Sent({"langfuse.observation.type": "x", "openinference.span.kind": "LLM"}),
        {"Type": "generation"},
    ),
    "a generation of Langfuse's old SDK": (
        Sent(
            {"langfuse.observation.type": "span", "langfuse.observation.model.name": "m"},
            scope=("langfuse-sdk", "3.2.1"),
        ),
        {"Type": "generation", "Model": "m"},
    ),
    "OpenInference": (Sent({"openinference.span.kind": "GUARDRAIL"}), {"Type": "guardrail"}),
    "an agent": (
        Sent({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}),
        {"Type": "agent"},
    ),
    "a tool": (Sent({"gen_ai.operation.name": "execute_tool"}), {"Type": "tool"}),
    "Genkit": (
        Sent(
            {
                "genkit:name": "gemini",
                "genkit:metadata:subtype": "model",
                "genkit:input": '{"config":{"topK":3}}',
            }
        ),
        {
            "Name": "gemini",
            "Type": "generation",
            "Model": "gemini",
            "ModelParameters": '{"topK":3}',
        },
    ),
    "Genkit's tool": (Sent({"genkit:metadata:subtype": "tool.v2"}), {"Type": "tool"}),
    "the AI SDK's embedding": (
        Sent({"ai.operationId": "ai.embedMany.doEmbed", "ai.model.id": "m"}),
        {"Name": "ai.embedMany.doEmbed", "Type": "embedding", "Model": "m"},
    ),
    "Flue's tool": (Sent({"flue.tool.name": "search"}), {"Type": "tool"}),
    "Flue's task": (Sent({"flue.task.agent": "writer"}), {"Type": "agent"}),
    "LiveKit": (
        Sent({}, scope=("livekit-agents", "1"), name="function_tool"),
        {"Name": "function_tool", "Type": "tool"},
    ),
    "any model": (Sent({"model": "m"}), {"Type": "generation", "Model": "m"}),
    "a level": (Sent({"langfuse.observation.level": "warn"}), {"Level": "WARNING"}),
    "a level that is none": (
        Sent({"langfuse.observation.level": "x"}, is_error=True),
        {"Level": "ERROR"},
    ),
    "a status message": (
        Sent({"langfuse.observation.status_message": "no card"}),
        {"LevelMessage": "no card"},
    ),
    "parameters as JSON": (
        Sent({"llm.invocation_parameters": '{"n":1}'}),
        {"ModelParameters": '{"n":1}'},
    ),
    "parameters one by one": (
        Sent(
            {
                "gen_ai.request.model": "m",
                "gen_ai.request.temperature": 0.5,
                "gen_ai.request.stop": "end",
            }
        ),
        {
            "Type": "generation",
            "Model": "m",
            "ModelParameters": '{"temperature":0.5,"stop":"end"}',
        },
    ),
    "a prompt": (
        Sent({"model": "m", "langfuse.prompt.name": "greet", "langfuse.prompt.version": 3}),
        {"Type": "generation", "Model": "m", "PromptName": "greet", "PromptVersion": "3"},
    ),
    "a prompt as JSON": (
        Sent(
            {
                "model": "m",
                "ai.telemetry.metadata.langfusePrompt": '{"name":"greet","version":3}',
            }
        ),
        {"Type": "generation", "Model": "m", "PromptName": "greet", "PromptVersion": "3"},
    ),
    "the prompt of what is no generation": (
        Sent({"langfuse.prompt.name": "greet"}),
        {"PromptName": "greet"},
    ),
    "the time of the first token": (
        Sent({"langfuse.observation.completion_start_time": f'"{START}.250Z"'}),
        {"TimeToFirstToken": 250_000_000},
    ),
    "a first token before the start": (
        Sent({"langfuse.observation.completion_start_time": "2020-01-01T00:00:00Z"}),
        {},
    ),
    "milliseconds to the first token": (
        Sent({"ai.response.msToFirstChunk": 12.5}),
        {"TimeToFirstToken": 12_500_000},
    ),
    "seconds to the first token": (
        Sent({"gen_ai.client.operation.time_to_first_chunk": 0.5}),
        {"TimeToFirstToken": 500_000_000},
    ),
}


def test_tokens_are_split_into_what_they_were(store: processes.Store) -> None:
    """By every convention: each token is counted in one place, and once."""
    project = inserting.insert(store, [Sent(attributes) for attributes, _ in COUNTS.values()])
    assert dict(zip(COUNTS, _rows(store, project, TOKENS), strict=True)) == {
        name: counts for name, (_, counts) in COUNTS.items()
    }


@pytest.fixture(scope="module")
def meanings(store: processes.Store) -> Mapping[str, Mapping[str, Any]]:
    """What became of each of MEANINGS."""
    project = inserting.insert(store, [sent for sent, _ in MEANINGS.values()])
    rows = [dict(zip(PLAIN, row, strict=True)) for row in _rows(store, project, VALUES)]
    return dict(zip(MEANINGS, rows, strict=True))


@pytest.mark.parametrize("name", MEANINGS)
def test_a_span_means_what_its_sender_meant(
    meanings: Mapping[str, Mapping[str, Any]], name: str
) -> None:
    """Whatever the convention; what is not told is as of a span without attributes."""
    assert meanings[name] == {**PLAIN, **MEANINGS[name][1]}


def _rows(store: processes.Store, project: str, columns: str) -> Sequence[tuple[Any, ...]]:
    return store.query(
        f"SELECT {columns} FROM spans WHERE Project = {{project:String}} ORDER BY SpanId",
        {"project": project},
    )

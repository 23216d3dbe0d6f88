"""
What the attributes of spans mean: the keys in which SDKs tell a thing, the best first.

The first key with a value that is not empty wins. What is made of the things is said by
attribute_map.sql and attribute_values.sql; docs/attributes.md tells it to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Keys = Mapping[str, Sequence[str]]


def _usage(*names: str) -> list[str]:
    """Return a count's keys: OpenTelemetry's and OpenInference's conventions share many names."""
    prefixes = ("gen_ai.usage.", "llm.token_count.")
    return [prefix + name for name in names for prefix in prefixes]


# What went in and what came out. Between the lists of one direction stand messages that are no
# single attribute: span events after the first, numbered attributes before the last.
VALUES: Keys = {
    "input": (
        "langfuse.observation.input",
        "langfuse.trace.input",
        "genkit:input",
        "ai.prompt.messages",
        "ai.prompt",
        "ai.toolCall.args",
        "ai.value",
        "ai.values",
        "flue.turn.input",
        "flue.tool.arguments",
        "flue.task.prompt",
    ),
    "input_after_events": (
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.tool_call_args",
        "prompt",
        "lk.input_text",
        "lk.pii.input_text",
        "lk.user_transcript",
        "lk.pii.user_transcript",
        "lk.user_input",
        "lk.pii.user_input",
        "lk.chat_ctx",
        "lk.pii.chat_ctx",
        "lk.function_tool.arguments",
        "lk.pii.function_tool.arguments",
        "mlflow.spanInputs",
        "traceloop.entity.input",
        "input.value",
        "input",
        "pydantic_ai.all_messages",
        "tool_arguments",
    ),
    "numbered_input": (
        "gen_ai.prompt.0.role",
        "gen_ai.prompt.0.content",
        "llm.input_messages.0.message.role",
        "llm.input_messages.0.message.content",
    ),
    "last_input": ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.tool.call.arguments"),
    "system_instructions": ("gen_ai.system_instructions",),
    "output": ("langfuse.observation.output", "langfuse.trace.output", "genkit:output"),
    "answer": ("ai.response.text", "ai.result.text"),
    "result": ("ai.toolCall.result", "ai.response.object", "ai.result.object"),
    "tool_calls": ("ai.response.toolCalls", "ai.result.toolCalls"),
    "flue_output": ("flue.turn.output", "flue.tool.result", "flue.task.result"),
    "output_after_events": (
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.tool_response",
        "all_messages_events",
        "lk.function_tool.output",
        "lk.pii.function_tool.output",
        "lk.response.text",
        "lk.pii.response.text",
        "mlflow.spanOutputs",
        "traceloop.entity.output",
        "output.value",
        "output",
        "final_result",
        "tool_response",
    ),
    "numbered_output": (
        "gen_ai.completion.0.role",
        "gen_ai.completion.0.content",
        "gen_ai.completion.0.finish_reason",
        "gen_ai.completion.0.tool_calls.0.name",
        "llm.output_messages.0.message.role",
        "llm.output_messages.0.message.content",
    ),
    "last_output": ("gen_ai.output.messages", "gen_ai.completion", "gen_ai.tool.call.result"),
    # Logfire's: messages of both directions in one JSON array.
    "logfire_events": ("events",),
}

KEYS: Keys = {
    "user_id": (
        "langfuse.user.id",
        "user.id",
        "langfuse.observation.metadata.langfuse_user_id",
        "langfuse.trace.metadata.langfuse_user_id",
        "ai.telemetry.metadata.userId",
        "ai.settings.context.userId",
        "ai.settings.runtimeContext.userId",
        "traceloop.association.properties.user_id",
        "mlflow.trace.user",
        "enduser.id",
    ),
    "trace_name": ("langfuse.trace.name",),
    "tool_name": ("gen_ai.tool.name",),
    "genkit_name": ("genkit:name",),
    "message": ("logfire.msg",),
    "vercel_tool_name": ("ai.toolCall.name",),
    "vercel_function": ("ai.telemetry.functionId",),
    "vercel_operation": ("ai.operationId", "operation.name"),
    "tags": (
        "langfuse.trace.tags",
        "langfuse.tags",
        "langfuse.observation.metadata.langfuse_tags",
        "langfuse.trace.metadata.langfuse_tags",
        "ai.telemetry.metadata.tags",
        "ai.settings.context.tags",
        "ai.settings.runtimeContext.tags",
        "tag.tags",
    ),
    # Of each the span's comes before its resource's.
    "environment": ("langfuse.environment",),
    "environment_name": ("deployment.environment.name",),
    "old_environment": ("deployment.environment",),
    "release": ("langfuse.release",),
    "version": ("langfuse.version",),
    "service_version": ("service.version",),
    "type": ("langfuse.observation.type",),
    "openinference_kind": ("openinference.span.kind",),
    "genai_operation": ("gen_ai.operation.name",),
    "genkit_kind": ("genkit:metadata:subtype",),
    "traceloop_kind": ("traceloop.span.kind",),
    "tool_call_id": ("gen_ai.tool.call.id",),
    "flue_tool": ("flue.tool.name", "flue.tool.call_id"),
    "flue_task": ("flue.task.id", "flue.task.agent"),
    "level": ("langfuse.observation.level",),
    "status_message": ("langfuse.observation.status_message",),
    "model": ("langfuse.observation.model.name", "gen_ai.response.model"),
    "vercel_model": ("ai.model.id",),
    "other_model": ("gen_ai.request.model", "llm.response.model", "llm.model_name", "model"),
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
    ),
    "model_parameters": ("langfuse.observation.model.parameters",),
    "other_parameters": ("llm.invocation_parameters", "model_config"),
    "prompt_name": ("langfuse.observation.prompt.name", "langfuse.prompt.name"),
    "prompt_version": ("langfuse.observation.prompt.version", "langfuse.prompt.version"),
    "prompt": ("ai.telemetry.metadata.langfusePrompt",),
    "first_token_time": ("langfuse.observation.completion_start_time",),
    "first_token_ms": ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
    "first_token_seconds": ("gen_ai.client.operation.time_to_first_chunk", "lk.response.ttft"),
    "usage": ("langfuse.observation.usage_details", "mlflow.chat.tokenUsage"),
    "input_tokens": (
        *_usage("prompt_tokens", "input_tokens", "prompt"),
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    "output_tokens": (
        *_usage("completion_tokens", "output_tokens", "completion"),
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    "total_tokens": (
        *_usage("total_tokens", "total"),
        "llm.usage.total_tokens",
        "ai.usage.totalTokens",
    ),
    "cache_read_tokens": (
        *_usage(
            "cache_read.input_tokens",
            "cache_read_input_tokens",
            "cache_read_tokens",
            "details.cache_read_tokens",
            "details.cache_read_input_tokens",
            "prompt_details.cache_read",
            "input_cached_tokens",
        ),
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    "cache_write_tokens": (
        *_usage(
            "cache_creation.input_tokens",
            "cache_creation_input_tokens",
            "cache_write_tokens",
            "details.cache_write_tokens",
            "details.cache_creation_input_tokens",
            "prompt_details.cache_write",
            "input_cache_creation",
        ),
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "reasoning_tokens": (
        *_usage(
            "reasoning.output_tokens",
            "completion_details.reasoning",
            "reasoning_tokens",
            "details.reasoning_tokens",
        ),
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
    "audio_tokens": _usage("completion_details.audio"),
    # Told where the input includes what was cached: the AI SDK from 6 on.
    "uncached_tokens": ("ai.usage.inputTokenDetails.noCacheTokens",),
    "provider_metadata": ("ai.response.providerMetadata",),
    "costs": ("langfuse.observation.cost_details",),
    "cost": ("gen_ai.usage.cost", "llm.cost.total", "operation.cost"),
    **VALUES,
}

# The members of usage that is told as a JSON object. Its parts are apart from one another already.
USAGE_MEMBERS: Keys = {
    "input_tokens": ("input", "input_tokens", "prompt_tokens", "inputTokens", "promptTokens"),
    "output_tokens": (
        "output",
        "output_tokens",
        "completion_tokens",
        "outputTokens",
        "completionTokens",
    ),
    "total_tokens": ("total", "total_tokens", "totalTokens"),
    "cache_read_tokens": (
        "cache_read_input_tokens",
        "input_cached_tokens",
        "input_cache_read",
        "cache_read_tokens",
    ),
    "cache_write_tokens": (
        "cache_creation_input_tokens",
        "input_cache_creation",
        "cache_write_tokens",
    ),
    "reasoning_tokens": ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens"),
    "audio_tokens": ("output_audio_tokens", "output_audio", "audio_tokens"),
}


def literals(keys: Keys) -> tuple[str, str]:
    """Return two SQL arrays of one length: all keys, and of each the name of what it tells."""
    pairs = [(key, name) for name, each in keys.items() for key in each]
    return _array(key for key, _ in pairs), _array(name for _, name in pairs)


def _array(items: Iterable[str]) -> str:
    quoted = ", ".join(f"'{item}'" for item in items)
    return f"[{quoted}]"

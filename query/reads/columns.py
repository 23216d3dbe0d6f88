"""
Which column of the views each field of a model comes from: a model's columns are selected in the
order of this list, and read back by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Columns = Mapping[str, str]

FIGURES: Columns = {
    "start_ns": "toUnixTimestamp64Nano(StartTime)",
    "end_ns": "toUnixTimestamp64Nano(EndTime)",
    "span_count": "SpanCount",
    "error_count": "ErrorCount",
    "generation_count": "GenerationCount",
    "input_tokens": "InputTokens",
    "output_tokens": "OutputTokens",
    "total_tokens": "TotalTokens",
}
# The column Shown of sessions_data: a JSON array of these, in this order (0004_reads.sql).
SESSION = (
    "start_ns",
    "end_ns",
    "span_count",
    "error_count",
    "generation_count",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "session_id",
    "trace_count",
    "cost",
    "user_ids",
    "services",
    "environments",
    "models",
    "tags",
    "first_input",
    "last_output",
    "updated_at_ns",
)
# Beside it, as the one depends on the time.
SESSION_STATUS: Columns = {
    "status": "Status",
    "ended_at_ns": "nullIf(toUnixTimestamp64Nano(EndedAt), 0)",
}
# Of session_traces_data, which knows the hours as well.
TRACE: Columns = {
    **FIGURES,
    "trace_id": "TraceId",
    "name": "Name",
    "cost": "toFloat64(Cost)",
    "user_id": "UserId",
    "session_id_key": "SessionIdKey",
    "other_session_ids": "OtherSessionIds",
    "input_preview": "Input",
    "output_preview": "Output",
    "input_span_id": "InputSpanId",
    "output_span_id": "OutputSpanId",
    "hours": "Hours",
}
SPAN: Columns = {
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "parent_span_id": "ParentSpanId",
    "start_ns": "toUnixTimestamp64Nano(Timestamp)",
    "duration_ns": "Duration",
    "name": "Name",
    "kind": "SpanKind",
    "service": "ServiceName",
    "type": "Type",
    "level": "Level",
    "is_error": "(StatusCode = 'Error' OR Level = 'ERROR')::Bool",
    "status_message": "LevelMessage",
    "model": "Model",
    "input_tokens": "InputTokens",
    "output_tokens": "OutputTokens",
    "total_tokens": "TotalTokens",
    "cost": "Cost",
    "input_preview": "InputPreview",
    "output_preview": "OutputPreview",
}
# With the functions of attribute_values.sql, which take longer to be planned than a page to read.
INPUT = "input_of(SpanAttributes, Events.Name, Events.Attributes)"
OUTPUT = "output_of(SpanAttributes, Events.Name, Events.Attributes)"
# Most values are an attribute as it is.
PLAIN_INPUT = "if(InputKey = '', '', SpanAttributes[InputKey])"
PLAIN_OUTPUT = "if(OutputKey = '', '', SpanAttributes[OutputKey])"
IS_COMPOSED = "(InputPreview != '' AND InputKey = '') OR (OutputPreview != '' AND OutputKey = '')"
WHOLE_SPAN: Columns = {
    **SPAN,
    "input": INPUT,
    "output": OUTPUT,
    "span_name": "SpanName",
    "cache_read_tokens": "CacheReadTokens",
    "cache_write_tokens": "CacheWriteTokens",
    "reasoning_tokens": "ReasoningTokens",
    "audio_tokens": "AudioTokens",
    "model_parameters": "ModelParameters",
    "prompt_name": "PromptName",
    "prompt_version": "PromptVersion",
    "time_to_first_token_ns": "TimeToFirstToken",
    "attributes": "SpanAttributes",
    "resource": "ResourceAttributes",
    "scope_name": "ScopeName",
    "scope_version": "ScopeVersion",
    "environment": "Environment",
    "release": "Release",
    "app_version": "AppVersion",
    "tags": "Tags",
    "session_id": "SessionId",
    "session_id_key": "SessionIdKey",
    "user_id": "UserId",
    "cost_source": "CostSource",
    "received_at_ns": "toUnixTimestamp64Nano(Version)",
}
# Of otel_logs. Events of the GenAI conventions without a body have their messages as attributes.
_SAID = (
    "if(Body != '', Body, toJSONString(mapFilter((k, v) -> k IN ('gen_ai.system_instructions',"
    " 'gen_ai.input.messages', 'gen_ai.output.messages'), LogAttributes)))"
)
LOG: Columns = {
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "time_ns": "toUnixTimestamp64Nano(Timestamp)",
    "severity": "SeverityText",
    "severity_number": "SeverityNumber",
    "service": "ServiceName",
    "event_name": "EventName",
    "body": f"leftUTF8({_SAID}, 10000)",
}
WHOLE_LOG: Columns = {
    **LOG,
    "body": "Body",
    "attributes": "LogAttributes",
    "resource": "ResourceAttributes",
    "scope_name": "ScopeName",
    "session_id": "SessionId",
    "content_hash": "reinterpretAsInt64(ContentHash)",
}
EVENTS = (
    "arrayZip(Events.Name, arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp),"
    " Events.Attributes)"
)
LINKS = "arrayZip(Links.TraceId, Links.SpanId, Links.Attributes)"


# For what reads a few places by key, several such statements at a time: to share them out among
# threads takes longer than to read them.
ONE_THREAD = "SETTINGS max_threads = 1"
# For what reads dozens of places, and all that stands there: the engine shares out no less than a
# hundred thousand rows, and eight granules to a thread, unless told.
SEVERAL_THREADS = (
    "SETTINGS max_threads = 4, merge_tree_min_rows_for_concurrent_read = 1,"
    " merge_tree_min_bytes_for_concurrent_read = 1, merge_tree_min_read_task_size = 1"
)
# The hour of a span and the time of a log record are part of their keys, so all versions of one
# stand in the partition of one day. Told so, the engine looks into no day that is not asked for.
BY_PARTITION = "do_not_merge_across_partitions_select_final = 1"


def select(columns: Columns) -> str:
    """Return what stands between SELECT and FROM."""
    return ", ".join(columns.values())


def fields(columns: Iterable[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return the beginning of a row as a model's fields."""
    return dict(zip(columns, row, strict=False))

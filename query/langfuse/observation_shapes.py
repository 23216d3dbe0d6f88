"""Our spans in Langfuse's words: observations, whole, or the groups of fields asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from query.langfuse.observation_rows import Observation
from query.langfuse.values import json_or_text, members, under
from query.reads.models import WholeSpan, rfc3339

Fields = Mapping[str, Any]

_OBSERVATION = "langfuse.observation"
_VERSION = re.compile(r"[0-9]{1,9}")
GROUPS = frozenset(
    {
        "core",
        "basic",
        "time",
        "io",
        "metadata",
        "model",
        "usage",
        "prompt",
        "metrics",
        "trace_context",
    }
)


def view(project: str, found: Observation) -> Fields:
    """Return an ObservationsView, without what depends on Langfuse's own list of models."""
    span, usage = found.span, _usage(found.span)
    groups = _groups(project, found)
    return {
        **{key: value for fields in groups.values() for key, value in fields.items()},
        "input": json_or_text(span.input),
        "output": json_or_text(span.output),
        "usage": {
            **{key: usage.get(key, 0) for key in ("input", "output", "total")},
            "unit": "TOKENS",
            "totalCost": span.cost,
        },
        "calculatedTotalCost": span.cost,
    }


def version_2(project: str, found: Observation, wanted: frozenset[str]) -> Fields:
    """Return the wanted groups of an ObservationV2, whose input and output are text."""
    groups = _groups(project, found)
    return {
        key: value
        for group, fields in groups.items()
        if group in wanted
        for key, value in fields.items()
    }


def _groups(project: str, found: Observation) -> Mapping[str, Fields]:
    span, told = found.span, found.span.attributes
    first_token = span.time_to_first_token_ns or None
    return {
        "core": {
            "id": span.span_id,
            "traceId": span.trace_id,
            "startTime": rfc3339(span.start_ns),
            "endTime": rfc3339(span.start_ns + span.duration_ns),
            "projectId": project,
            "parentObservationId": span.parent_span_id or None,
            "type": span.type.upper(),
        },
        "basic": {
            "name": span.name,
            "level": span.level,
            "statusMessage": span.status_message,
            "version": span.app_version or None,
            "environment": span.environment,
            "bookmarked": False,
            "public": "true" in (told.get("langfuse.trace.public"), told.get("langfuse.public")),
            "userId": span.user_id or None,
            "sessionId": found.session_id or None,
            "isRootObservation": not span.parent_span_id,
        },
        "time": {
            "completionStartTime": first_token and rfc3339(span.start_ns + first_token),
            "createdAt": rfc3339(span.received_at_ns),
            "updatedAt": rfc3339(span.received_at_ns),
        },
        "io": {"input": span.input or None, "output": span.output or None},
        "metadata": {"metadata": _metadata(span)},
        "model": {
            "model": span.model or None,
            "modelParameters": members(span.model_parameters),
        },
        "usage": {
            "usageDetails": _usage(span),
            "costDetails": _costs(span),
            "totalCost": span.cost,
        },
        "prompt": _prompt(span),
        "metrics": {
            "latency": span.duration_ns / 1e9,
            "timeToFirstToken": first_token and first_token / 1e9,
        },
        "trace_context": {
            "tags": span.tags,
            "release": span.release or None,
            "traceName": told.get("langfuse.trace.name"),
        },
    }


def _metadata(span: WholeSpan) -> Fields:
    """Return what was told as metadata, and every other attribute, so that none is out of reach."""
    others = {key: text for key, text in span.attributes.items() if not key.startswith("langfuse.")}
    return {
        **under(f"{_OBSERVATION}.metadata", span.attributes.items()),
        "attributes": others,
        "resourceAttributes": span.resource,
        "scope": {"name": span.scope_name, "version": span.scope_version},
    }


def _prompt(span: WholeSpan) -> Fields:
    version = span.prompt_version
    return {
        "promptName": span.prompt_name or None,
        "promptVersion": int(version) if _VERSION.fullmatch(version) else None,
    }


def _usage(span: WholeSpan) -> dict[str, int]:
    """Return the counts that were told in Langfuse's words, and ours under its names."""
    told = members(span.attributes.get(f"{_OBSERVATION}.usage_details", ""))
    counts = {key: count for key, count in told.items() if type(count) is int}
    parts = {
        "input_cached_tokens": span.cache_read_tokens,
        "input_cache_creation": span.cache_write_tokens,
        "output_reasoning_tokens": span.reasoning_tokens,
        "output_audio_tokens": span.audio_tokens,
    }
    ours = {"input": span.input_tokens, "output": span.output_tokens, "total": span.total_tokens}
    ours |= {} if counts else parts
    return counts | {key: count for key, count in ours.items() if count}


def _costs(span: WholeSpan) -> dict[str, float]:
    told = members(span.attributes.get(f"{_OBSERVATION}.cost_details", ""))
    costs = {key: float(cost) for key, cost in told.items() if type(cost) in {int, float}}
    return costs | ({"total": span.cost} if span.cost else {})

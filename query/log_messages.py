"""What log records say that are messages: the events of the OpenTelemetry GenAI conventions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from query.messages import Message, messages
from query.reads.models import LogRecord

# One message each, in the body.
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
# All of them at once, by key.
_DETAILS = "gen_ai.client.inference.operation.details"
_KEYS = {
    "gen_ai.system_instructions": "system",
    "gen_ai.input.messages": "user",
    "gen_ai.output.messages": "assistant",
}


def said(record: LogRecord) -> list[Message]:
    """Return the messages of a record, nothing where it is no event that has some."""
    if record.event_name == _DETAILS:
        return list(_details(_object(record.body)))
    role = _ROLES.get(record.event_name)
    if role is None:
        return []
    message = _object(record.body).get("message")  # a choice's
    body = record.body if message is None else orjson.dumps(message).decode()
    return messages(body, role=role)


def _details(body: Mapping[str, Any]) -> Iterator[Message]:
    for key, role in _KEYS.items():
        value = body.get(key)
        if value:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            yield from messages(text, role=role)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}

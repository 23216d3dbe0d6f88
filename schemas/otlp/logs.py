"""Logs: which log records are stored here, those that belong to a session or to a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from schemas.otlp.rejections import Rejections
from schemas.otlp.signals import Sifted, Signal, alone_message

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


class Logs(Signal):
    """Log records. They have no id: two that are equal in everything are one."""

    name = "logs"
    item = "log record"
    reasons: Mapping[str, str] = {
        "session_id": "with neither session id nor trace id: give them one of the attributes of "
        "the setting sessions.keys, on the record or its resource, or log within a span",
        "trace_id": "with a trace_id that is neither empty nor 16 bytes (32 hex digits in JSON)",
        "span_id": "with a span_id that is neither empty nor 8 bytes (16 hex digits in JSON)",
    }

    def __init__(self, session_keys: Sequence[str]) -> None:
        """`session_keys` are the attributes that hold a session id."""
        super().__init__(ExportLogsServiceRequest, ExportLogsServiceResponse)
        self._session_keys = frozenset(session_keys)

    def title(self, item: Any) -> str:
        """Return a record's event name, or the beginning of its body."""
        return str(item.event_name or item.body.string_value)

    def sift(self, request: Any, rejections: Rejections) -> Sifted:
        """Leave out records that belong nowhere, or say so with ids that cannot be."""
        accepted, freed = 0, False
        for resource_logs in request.resource_logs:
            in_session = self._has_session(resource_logs.resource.attributes)
            for scope in resource_logs.scope_logs:
                kept = []
                for record in scope.log_records:
                    freed |= _clear_zeros(record)
                    if reason := self._invalid(record, in_session=in_session):
                        name, found = self.title(record), _found(record, reason)
                        alone = partial(alone_message, record)
                        rejections.add(reason, name=name, found=found, alone=alone)
                    else:
                        kept.append(record)
                accepted += len(kept)
                if len(kept) < len(scope.log_records):
                    del scope.log_records[:]
                    scope.log_records.extend(kept)
        return Sifted(accepted, 0, ("trace_id",) if freed else ())

    def values(self, item: Any) -> Iterator[Any]:
        """Yield a record's body and the values of its attributes."""
        yield item.body
        yield from (attribute.value for attribute in item.attributes)

    def _invalid(self, record: Any, *, in_session: bool) -> str | None:
        if len(record.trace_id) not in {0, 16}:
            return "trace_id"
        if len(record.span_id) not in {0, 8}:
            return "span_id"
        if record.trace_id or in_session or self._has_session(record.attributes):
            return None
        return "session_id"

    def _has_session(self, attributes: Any) -> bool:
        keys = self._session_keys
        return any(kv.key in keys and _is_something(kv.value) for kv in attributes)


def _is_something(value: Any) -> bool:
    kind = value.WhichOneof("value")
    return kind is not None and (kind != "string_value" or value.string_value != "")


def _clear_zeros(record: Any) -> bool:
    """Take ids of zeros for none, as logs.proto says. Return whether there were any."""
    zeros = False
    for field, none in (("trace_id", _NO_TRACE), ("span_id", _NO_SPAN)):
        if getattr(record, field) == none:
            record.ClearField(field)
            zeros = True
    return zeros


def _found(record: Any, reason: str) -> str:
    if reason == "session_id":
        return f"attributes {', '.join(kv.key for kv in record.attributes) or 'are none'}"
    return f"{reason} {getattr(record, reason)[:20].hex()}"

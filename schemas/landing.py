"""
How records travel to the store: framed, and as types that the engine reads them by.

The types mirror landing.proto; a test holds their names together.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from importlib.resources import files

from runtime.signals import SignalName
from schemas.envelope import Envelope
from schemas.otlp.wire import FIXED64, length_field, tag, varint

LANDING_PROTO = (files("schemas") / "landing.proto").read_text(encoding="utf-8")

# Besides the fields of a oneof the engine gives a column with the name of the one that was set
# (input_format_protobuf_oneof_presence): without it an empty value, 0 and false look alike.
_PLAIN_FIELDS = """
    string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String
"""
_PLAIN = f"""Tuple({_PLAIN_FIELDS}, value Enum8(
    'none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4,
    'bytes_value' = 7))"""
_ANY = f"""Tuple({_PLAIN_FIELDS},
    array_value Tuple(values Array({_PLAIN})),
    kvlist_value Tuple(values Array(Tuple(key String, value {_PLAIN}))),
    value Enum8(
    'none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4,
    'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7))"""
_ATTRIBUTES = f"attributes Array(Tuple(key String, value {_ANY}))"
_SPAN = f"""Tuple(
    trace_id String, span_id String, trace_state String, parent_span_id String,
    name String, kind Int32, start_time_unix_nano UInt64, end_time_unix_nano UInt64,
    {_ATTRIBUTES}, dropped_attributes_count UInt32,
    events Array(Tuple(time_unix_nano UInt64, name String, {_ATTRIBUTES})),
    dropped_events_count UInt32,
    links Array(Tuple(trace_id String, span_id String, trace_state String, {_ATTRIBUTES})),
    dropped_links_count UInt32,
    status Tuple(message String, code Int32), flags UInt32)"""

_LOG_RECORD = f"""Tuple(
    time_unix_nano UInt64, observed_time_unix_nano UInt64,
    severity_number Int32, severity_text String, body {_ANY},
    {_ATTRIBUTES}, dropped_attributes_count UInt32, flags UInt32,
    trace_id String, span_id String, event_name String)"""


def _structure(resources: str, scopes: str, items: str, item: str) -> str:
    return " ".join(
        f"""project String, batch String, received_unix_nano UInt64,
        {resources} Array(Tuple(
            resource Tuple({_ATTRIBUTES}),
            {scopes} Array(Tuple(
                scope Tuple(name String, version String, {_ATTRIBUTES}),
                {items} Array({item}),
                schema_url String)),
            schema_url String))""".split()
    )


# The structures given to ClickHouse's input(): one row for each record.
LANDING_STRUCTURE = _structure("resource_spans", "scope_spans", "spans", _SPAN)
LANDING_LOGS_STRUCTURE = _structure("resource_logs", "scope_logs", "log_records", _LOG_RECORD)

_INSERT_SETTINGS: dict[str, str | int] = {
    # What the delivery promise rests on is said, whatever the server's defaults are:
    # docs/delivery.md explains it.
    "async_insert": 0,
    "insert_deduplicate": 0,
    # Copies are the merges' and FINAL's business; looking for them here cost a fifth of an insert.
    "optimize_on_insert": 0,
    # Passes over the statement that take longer than what they save in running it.
    "query_plan_merge_expressions": 0,
    "optimize_and_compare_chain": 0,
    "optimize_or_like_chain": 0,
    "max_partitions_per_insert_block": 0,
    "format_schema_source": "string",
    "format_schema": LANDING_PROTO,
    "input_format_protobuf_oneof_presence": 1,
}
INSERT_SETTINGS: Mapping[SignalName, Mapping[str, str | int]] = {
    "traces": {**_INSERT_SETTINGS, "format_schema_message_name": "TracesData"},
    "logs": {**_INSERT_SETTINGS, "format_schema_message_name": "LogsData"},
}

# What TracesData and LogsData have besides OTLP's fields.
_PROJECT, _BATCH, _RECEIVED = 1000, 1001, 1002


def frame(records: Iterable[tuple[Envelope, bytes]], *, batch: str) -> bytes:
    """
    Return records as the body of an insert: each with its length before it and, after its own
    bytes, the fields of its message that say whose it is. Protobuf merges what is concatenated, so
    nothing need be decoded.
    """
    parts: list[bytes] = []
    batch_field = length_field(_BATCH, batch.encode())
    for envelope, value in records:
        tail = (
            length_field(_PROJECT, envelope.project.encode())
            + batch_field
            + tag(_RECEIVED, FIXED64)
            + struct.pack("<Q", envelope.received_ns)
        )
        parts += (varint(len(value) + len(tail)), value, tail)
    return b"".join(parts)

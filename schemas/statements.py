"""The SQL of this release: files under schemas/sql/, with the parts that several of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import Template

from runtime.signals import SignalName
from schemas import attributes
from schemas.landing import LANDING_LOGS_STRUCTURE, LANDING_STRUCTURE

_SQL = files("schemas") / "sql"


def _read(name: str) -> str:
    return (_SQL / name).read_text(encoding="utf-8").rstrip("\n")


def _attribute_map() -> dict[str, str]:
    """Return the parts that say what attributes mean, each with what it needs in front of it."""
    arrays: dict[str, str] = {}
    for keys, things, told in (
        ("value_keys", "values_of_keys", attributes.VALUES),
        ("keys", "things_of_keys", attributes.KEYS),
        ("usage_members", "counts_of_usage_members", attributes.USAGE_MEMBERS),
    ):
        arrays[keys], arrays[things] = attributes.literals(told)

    def parts(*names: str) -> str:
        return ",\n".join(Template(_read(f"{name}.sql")).substitute(arrays) for name in names)

    return {
        "told_of": parts("told_by", "told_of"),
        "attribute_values": parts("told_by", "attribute_values", "input_output"),
        "attribute_map": parts("told_by", "attribute_values", "attribute_map", "previews"),
        # What is named and not used is planned as well: only who needs both has both.
        "told_of_and_map": parts(
            "told_by", "told_of", "attribute_values", "attribute_map", "previews"
        ),
    }


_SHARED = {
    **_attribute_map(),
    "value_text": _read("value_text.sql"),
    "session_rank": _read("session_rank.sql"),
    "resolved_columns": _read("resolved_columns.sql"),
    "session_columns": _read("session_columns.sql"),
    "session_figures": _read("session_figures.sql"),
    "session_rows": _read("session_rows.sql"),
    "log_ends": _read("log_ends.sql"),
    "landing": LANDING_STRUCTURE.replace("'", "\\'"),
    "landing_logs": LANDING_LOGS_STRUCTURE.replace("'", "\\'"),
}
_SHARED["told_spans"] = Template(_read("told_spans.sql")).substitute(_SHARED)


def statement(name: str, **values: str) -> str:
    """Return the statement in `name`.sql; `values` fill placeholders beyond the shared ones."""
    return Template(_read(f"{name}.sql")).substitute(_SHARED, **values)


def with_attribute_map(select: str) -> str:
    """Return a SELECT that may use the functions of told_of.sql and attribute_map.sql."""
    return f"WITH\n{_SHARED['told_of_and_map']}\n{select}"


def with_attribute_values(select: str) -> str:
    """Return a SELECT that may use the functions of attribute_values.sql."""
    return f"WITH\n{_SHARED['attribute_values']}\n{select}"


def names(folder: str) -> Iterator[str]:
    """Yield the statements in a folder, by name, in order."""
    for file in sorted(entry.name for entry in (_SQL / folder).iterdir()):
        yield f"{folder}/{file.removesuffix('.sql')}"


INSERT: Mapping[SignalName, str] = {
    "traces": statement("insert_spans"),
    "logs": statement("insert_logs"),
}
RESOLVE_PLACES = statement("resolve_places")
RESOLVE_RETIRE = statement("resolve_retire")
RESOLVE_TRACES_DUE = statement("resolve_traces_due")
RESOLVE_TRACES = statement("resolve_traces")
RESOLVE_DUE = statement("resolve_due")
RESOLVE_SESSIONS = statement("resolve_sessions")
TOUCH_DUE_TRACES = statement("touch_due_traces")
REFRESH_SESSIONS = statement("refresh_sessions")
REFIGURE_SESSION = statement("refigure_session")
END_SESSION = statement("end_session")
END_SESSIONS = statement("end_sessions")
TOUCH_ENDED_SESSIONS = statement("touch_ended_sessions")
DELETE_TRACES_OF_SESSIONS = statement("delete_traces_of_sessions")
EXPIRED_TRACES = statement("expired_traces")
TRACES_OF_SESSION = statement("traces_of_session")
UNPRICED_MODELS = statement("unpriced_models")


def _mend(table: str) -> str:
    select = statement(f"materialized_views/{table}_mv").partition("\nAS\n")[2]
    of_batch = (
        "WHERE Batch >= {since:String} AND (Project, TraceId) IN"
        " (SELECT Project, TraceId FROM batch_traces WHERE Batch = {batch:String}) AND "
    )
    return f"INSERT INTO {table}\n{select.replace('WHERE ', of_batch, 1)}"


# What materialized views made of the spans of batches, made of some of their traces once more.
MEND = tuple(map(_mend, ("otel_traces_trace_id_ts", "trace_sessions", "session_ts")))

"""Spans: those of some traces in tree order, the values of some, and one with all there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from query.reads.columns import (
    BY_PARTITION,
    EVENTS,
    INPUT,
    IS_COMPOSED,
    LINKS,
    ONE_THREAD,
    OUTPUT,
    PLAIN_INPUT,
    PLAIN_OUTPUT,
    SEVERAL_THREADS,
    SPAN,
    WHOLE_SPAN,
    fields,
    select,
)
from query.reads.models import Event, Link, Span, Value, WholeSpan
from runtime.errors import NotFound
from schemas.statements import with_attribute_values
from store.client import Store

# In what order a parent comes before its child, and siblings as they began: docs/views.md.
ORDER = "Timestamp, ParentSpanId != '', Duration DESC, SpanId"
# Where the spans of some traces stand, by the table's key. Asked of the table itself: the view has
# sixty columns, which take a fifth of such a statement's time to be planned.
_PLACES = """
Project = {project:String}
    AND toStartOfHour(Timestamp) IN {hours:Array(DateTime('UTC'))}
    AND TraceId IN {traces:Array(String)}
"""
_CUT = "value -> (substringUTF8(value, 1, {characters:UInt32}), lengthUTF8(value))"
_OF_THESE = "SpanId IN {ids:Array(String)}"


def _in_order(columns: str, threads: str) -> str:
    """Return a SELECT of the first spans of each trace."""
    return f"""
        SELECT {columns} FROM otel_traces FINAL WHERE {_PLACES}
        ORDER BY TraceId, {ORDER}
        LIMIT {{spans:UInt32}} BY TraceId
        {threads}, {BY_PARTITION}
    """


def _values(i: str, o: str, composed: str) -> str:
    """Return a SELECT of input and output of some spans, given as expressions, up to a length."""
    return f"""
        SELECT SpanId, TraceId, {composed}, arrayMap({_CUT}, [{i}, {o}])
        FROM otel_traces FINAL WHERE {_PLACES} AND {_OF_THESE}
        {ONE_THREAD}, {BY_PARTITION}
    """


_LIGHT = _in_order(select(SPAN), ONE_THREAD)
# Spans and values in one statement, which takes two thirds of what the two take. It reads the
# attributes of all spans of the traces, for those of a few of them.
_PLAIN_OF_THESE = f"if({_OF_THESE}, [{PLAIN_INPUT}, {PLAIN_OUTPUT}], [])"
_WITH_VALUES = _in_order(
    f"{select(SPAN)}, {IS_COMPOSED}, arrayMap({_CUT}, {_PLAIN_OF_THESE})", SEVERAL_THREADS
)
_PLAIN = _values(PLAIN_INPUT, PLAIN_OUTPUT, IS_COMPOSED)
_COMPOSED = with_attribute_values(_values(INPUT, OUTPUT, "false"))
_CHARACTERS_MAX = 2**32 - 1  # of a value that is wanted whole
_PLAIN_SPAN = {**WHOLE_SPAN, "input": PLAIN_INPUT, "output": PLAIN_OUTPUT}
_WHOLE = f"""
SELECT {select(_PLAIN_SPAN)}, {EVENTS}, {LINKS}, {IS_COMPOSED} FROM otel_traces FINAL
WHERE {_PLACES} AND %s
ORDER BY TraceId, {ORDER}
LIMIT {{spans:UInt32}}
SETTINGS {BY_PARTITION}
"""
# The order as a key that grows.
_AFTER = """
(toUnixTimestamp64Nano(Timestamp), ParentSpanId != '', -toInt64(Duration), SpanId)
    > ({start_ns:Int64}, {is_child:UInt8}, -{duration_ns:Int64}, {span_id:String})
"""
_HOURS = """
SELECT groupUniqArrayArray(Hours) FROM otel_traces_trace_id_ts
WHERE Project = {project:String} AND TraceId = {trace:String}
"""


# Input and output, by trace and span.
Values = dict[tuple[str, str], tuple[Value, Value]]


class SpanKey(NamedTuple):
    """The place of a span within its trace."""

    start_ns: int
    is_child: int
    duration_ns: int
    span_id: str

    @classmethod
    def of(cls, span: Span) -> Self:
        """Return the place of a span."""
        return cls(span.start_ns, int(span.parent_span_id != ""), span.duration_ns, span.span_id)


async def of_traces(
    store: Store,
    project: str,
    traces: Mapping[str, Iterable[datetime]],
    *,
    spans_max: int,
) -> dict[str, list[Span]]:
    """
    Return the spans of some traces, at most so many of each, for those that have any; `traces` says
    in which hours.
    """
    if not traces:
        return {}
    parameters = {**_places(project, traces), "spans": spans_max}
    return _by_trace(await store.query(_LIGHT, parameters))


async def values(
    store: Store,
    project: str,
    traces: Mapping[str, Iterable[datetime]],
    span_ids: Sequence[str],
    *,
    characters_max: int,
) -> Values:
    """Return input and output of some spans, as far as a bound goes."""
    if not span_ids:
        return {}
    parameters = {**_places(project, traces), "ids": span_ids, "characters": characters_max}
    return await _values_in(store, parameters, await store.query(_PLAIN, parameters))


async def with_values(
    store: Store,
    project: str,
    traces: Mapping[str, Iterable[datetime]],
    span_ids: Sequence[str],
    *,
    spans_max: int,
    characters_max: int,
) -> tuple[dict[str, list[Span]], Values]:
    """Return what `of_traces` and `values` do, at once: for traces that are read whole anyway."""
    if not traces:
        return {}, {}
    places = _places(project, traces)
    parameters = {**places, "ids": span_ids, "characters": characters_max, "spans": spans_max}
    rows = await store.query(_WITH_VALUES, parameters)
    with_texts = [(row[1], row[0], *row[-2:]) for row in rows if row[-1]]
    return _by_trace(rows), await _values_in(store, parameters, with_texts)


def _by_trace(rows: Iterable[Sequence[Any]]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(Span(**fields(SPAN, row)))
    return dict(found)


async def _values_in(
    store: Store, parameters: Mapping[str, Any], rows: Sequence[Sequence[Any]]
) -> Values:
    """Return the values in rows of `_values`, put together where no attribute has them whole."""
    composed = [span_id for span_id, _, is_composed, _ in rows if is_composed]
    # Behind the others, so that these are what is kept of a span.
    rows = [*rows, *await _composed(store, parameters, composed)]
    return {
        (trace_id, span_id): (_value(span_id, *i), _value(span_id, *o))
        for span_id, trace_id, _, (i, o) in rows
    }


def _value(span_id: str, text: str, characters: int) -> Value:
    return Value(span_id=span_id, text=text, characters=characters)


async def _composed(
    store: Store, parameters: Mapping[str, Any], span_ids: Sequence[str]
) -> Sequence[tuple[Any, ...]]:
    return await store.query(_COMPOSED, {**parameters, "ids": span_ids}) if span_ids else ()


async def hours_of(store: Store, project: str, trace_id: str) -> list[datetime]:
    """
    Return the hours that a trace has spans in.

    Raises:
        NotFound: the project has no such trace.
    """
    [[hours]] = await store.query(_HOURS, {"project": project, "trace": trace_id})
    if not hours:
        raise NotFound("there is no such trace in this project")
    found: list[datetime] = hours
    return found


async def whole(store: Store, project: str, trace_id: str, span_id: str) -> WholeSpan:
    """
    Return all there is of a span.

    Raises:
        NotFound: the project has no such span.
    """
    hours = await hours_of(store, project, trace_id)
    parameters = {**_places(project, {trace_id: hours}), "id": span_id, "spans": 1}
    found = await _read_whole(store, "SpanId = {id:String}", parameters)
    if not found:
        raise NotFound("there is no such span in this trace")
    return found[0]


async def whole_of_traces(
    store: Store,
    project: str,
    traces: Mapping[str, Iterable[datetime]],
    *,
    after: SpanKey | None = None,
    spans_max: int,
) -> list[WholeSpan]:
    """Return spans of some traces, trace by trace; of a single one those after a span."""
    parameters: dict[str, Any] = {**_places(project, traces), "spans": spans_max}
    if after:
        parameters |= after._asdict()
    return await _read_whole(store, _AFTER if after else "1", parameters)


async def _read_whole(store: Store, where: str, parameters: Mapping[str, Any]) -> list[WholeSpan]:
    rows = await store.query(_WHOLE % where, parameters)
    found = [_whole(row) for row in rows]
    composed = [row[1] for row in rows if row[-1]]
    wanted = {**parameters, "characters": _CHARACTERS_MAX}
    values = await _values_in(store, wanted, await _composed(store, wanted, composed))
    for span in found:
        if pair := values.get((span.trace_id, span.span_id)):
            span.input, span.output = (value.text for value in pair)
    return found


def _whole(row: Sequence[Any]) -> WholeSpan:
    *columns, events, links, _ = row
    return WholeSpan(
        **fields(WHOLE_SPAN, columns),
        events=[Event(name=n, time_ns=t, attributes=a) for n, t, a in events],
        links=[Link(trace_id=t, span_id=i, attributes=a) for t, i, a in links],
    )


def _places(project: str, traces: Mapping[str, Iterable[datetime]]) -> dict[str, Any]:
    hours = sorted({hour for hours in traces.values() for hour in hours})
    return {"project": project, "hours": hours, "traces": list(traces)}

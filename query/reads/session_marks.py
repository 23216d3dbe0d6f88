"""The marks of some sessions, in numbers: bookmarks, comments, and scores by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from query.reads.models import Session, SessionScore
from store.client import Store

VALUES_MAX = 5  # of the categories of one score

# Three tables as one: a statement takes longer to be planned than to run, and more for each table.
_MARKS = "merge(currentDatabase(), '^(bookmarks|comments|scores)_data$') FINAL"
_COUNTED = f"""
SELECT {{subject}} AS Id, _table AS Kind, Name, count(),
    sumIf(Value, DataType IN ('NUMERIC', 'BOOLEAN')),
    countIf(DataType IN ('NUMERIC', 'BOOLEAN')), countIf(DataType = 'BOOLEAN'),
    groupUniqArrayIf({VALUES_MAX})(StringValue, DataType = 'CATEGORICAL')
FROM {_MARKS}
WHERE Project = {{{{project:String}}}} AND {{where}}
GROUP BY Id, Kind, Name
"""
_ON_SESSIONS = _COUNTED.format(subject="SessionId", where="SessionId IN {ids:Array(String)}")
_ON_TRACES = _COUNTED.format(
    subject="TraceId", where="SessionId = '' AND TraceId IN {ids:Array(String)}"
)
# A mark on a trace belongs to the session that the trace is in now.
_MARKED_TRACES = f"""
SELECT TraceId, SessionId FROM session_traces_data FINAL
WHERE Project = {{project:String}} AND SessionId IN {{ids:Array(String)}} AND TraceId IN (
    SELECT TraceId FROM {_MARKS} WHERE Project = {{project:String}} AND SessionId = ''
)
"""
# Most projects have no mark on a trace: asked by the beginning of the tables' keys.
_ANY_ON_TRACES = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE Project = {{project:String}} AND SessionId = '' LIMIT 1"
    for table in ("scores_data", "comments_data")
)


@dataclass(slots=True)
class _Score:
    count: int = 0
    total: float = 0.0
    numbers: int = 0
    booleans: int = 0
    values: set[str] = field(default_factory=set)


async def are_on_traces(store: Store, project: str) -> bool:
    """Return whether any trace of a project has marks of its own."""
    return bool(await store.query(_ANY_ON_TRACES, {"project": project}))


async def add(store: Store, project: str, sessions: Sequence[Session], *, on_traces: bool) -> None:
    """Fill in the marks of these sessions, and with `on_traces` those on their traces."""
    if not sessions:
        return
    by_id = {session.session_id: session for session in sessions}
    parameters = {"project": project, "ids": list(by_id)}
    found = await asyncio.gather(
        store.query(_ON_SESSIONS, parameters),
        *([_of_traces(store, parameters)] if on_traces else []),
    )
    _fill_in(by_id, chain.from_iterable(found))


async def _of_traces(store: Store, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    home = dict(await store.query(_MARKED_TRACES, parameters))
    if not home:
        return []
    rows = await store.query(_ON_TRACES, {**parameters, "ids": list(home)})
    return [(home[trace_id], *counted) for trace_id, *counted in rows]


def _fill_in(by_id: Mapping[str, Session], rows: Iterable[Sequence[Any]]) -> None:
    scores: dict[tuple[str, str], _Score] = {}
    for session_id, kind, name, count, total, numbers, booleans, values in rows:
        session = by_id[session_id]
        if kind == "bookmarks_data":
            session.bookmarked = True
        elif kind == "comments_data":
            session.comment_count += count
        else:
            score = scores.setdefault((session_id, name), _Score())
            score.count += count
            score.total += total or 0.0
            score.numbers += numbers
            score.booleans += booleans
            score.values |= set(values)
    for (session_id, name), score in sorted(scores.items()):
        by_id[session_id].scores.append(
            SessionScore(
                name=name,
                count=score.count,
                mean=score.total / score.numbers if score.numbers else None,
                values=sorted(score.values)[:VALUES_MAX],
                is_share=score.booleans == score.count,
            )
        )

"""The marks of some sessions, in numbers: bookmarks, comments, and scores by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from query.reads.models import Session, SessionScore
from store.client import Store

VALUES_MAX = 5  # of the categories of one score

_COUNTED = f"""
    count(), sumIf(Value, DataType IN ('NUMERIC', 'BOOLEAN')),
    countIf(DataType IN ('NUMERIC', 'BOOLEAN')),
    groupUniqArrayIf({VALUES_MAX})(StringValue, DataType = 'CATEGORICAL')
"""
_NOTHING_COUNTED = "0::Nullable(Float64), 0::UInt64, []::Array(String)"
# One statement, as several would take longer to be planned than to run. The last part are traces of
# these sessions that have marks: a mark on a trace belongs to the session that the trace is in now.
_ON_SESSIONS = f"""
SELECT 'bookmark' AS Kind, SessionId AS Id, '' AS Name, 1::UInt64, {_NOTHING_COUNTED}
FROM bookmarks_data FINAL
WHERE Project = {{project:String}} AND SessionId IN {{ids:Array(String)}}
UNION ALL
SELECT 'comment', SessionId, '', count(), {_NOTHING_COUNTED}
FROM comments_data FINAL
WHERE Project = {{project:String}} AND SessionId IN {{ids:Array(String)}}
GROUP BY SessionId
UNION ALL
SELECT 'score', SessionId, Name, {_COUNTED}
FROM scores_data FINAL
WHERE Project = {{project:String}} AND SessionId IN {{ids:Array(String)}}
GROUP BY SessionId, Name
UNION ALL
SELECT 'trace', SessionId, TraceId, 1, {_NOTHING_COUNTED}
FROM session_traces_data FINAL
WHERE Project = {{project:String}} AND SessionId IN {{ids:Array(String)}} AND TraceId IN (
    SELECT TraceId FROM scores_data WHERE Project = {{project:String}} AND SessionId = ''
    UNION ALL
    SELECT TraceId FROM comments_data WHERE Project = {{project:String}} AND SessionId = ''
)
"""
_ON_TRACES = f"""
SELECT 'comment' AS Kind, TraceId AS Id, '' AS Name, count(), {_NOTHING_COUNTED}
FROM comments_data FINAL
WHERE Project = {{project:String}} AND SessionId = '' AND TraceId IN {{ids:Array(String)}}
GROUP BY TraceId
UNION ALL
SELECT 'score', TraceId, Name, {_COUNTED}
FROM scores_data FINAL
WHERE Project = {{project:String}} AND SessionId = '' AND TraceId IN {{ids:Array(String)}}
GROUP BY TraceId, Name
"""


@dataclass(slots=True)
class _Score:
    count: int = 0
    total: float = 0.0
    numbers: int = 0
    values: set[str] = field(default_factory=set)


async def add(store: Store, project: str, sessions: Sequence[Session]) -> None:
    """Fill in the marks of these sessions."""
    if not sessions:
        return
    by_id = {session.session_id: session for session in sessions}
    parameters = {"project": project, "ids": list(by_id)}
    found = await store.query(_ON_SESSIONS, parameters)
    rows = [row for row in found if row[0] != "trace"]
    if home := {trace: session for kind, session, trace, *_ in found if kind == "trace"}:
        on_traces = await store.query(_ON_TRACES, {"project": project, "ids": list(home)})
        rows += [(kind, home[trace], *rest) for kind, trace, *rest in on_traces]
    _fill_in(by_id, rows)


def _fill_in(by_id: Mapping[str, Session], rows: Iterable[Sequence[Any]]) -> None:
    scores: dict[tuple[str, str], _Score] = {}
    for kind, session_id, name, count, total, numbers, values in rows:
        session = by_id[session_id]
        if kind == "bookmark":
            session.bookmarked = True
        elif kind == "comment":
            session.comment_count += count
        else:
            score = scores.setdefault((session_id, name), _Score())
            score.count += count
            score.total += total or 0.0
            score.numbers += numbers
            score.values |= set(values)
    for (session_id, name), score in sorted(scores.items()):
        by_id[session_id].scores.append(
            SessionScore(
                name=name,
                count=score.count,
                mean=score.total / score.numbers if score.numbers else None,
                values=sorted(score.values)[:VALUES_MAX],
            )
        )

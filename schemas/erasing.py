# ruff: noqa: S608 - statements are made of our own tables; what users say travels as parameters
"""
Erasing: what is deleted leaves no trace, and does not come back from a record that still waits.

Whoever deletes first writes down what, and until when received (the cut-off), then erases what is
stored. A worker stores a batch, and then looks what was deleted. So one of the two always sees the
other, and both do the same: erase the spans, resolve their traces, and clean up what is left of
those that are gone. Each step may be repeated (docs/delivery.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import NotFound
from schemas.resolving import ALL, Resolving, new_batch
from schemas.statements import (
    DELETE_TRACES_OF_SESSIONS,
    EXPIRED_TRACES,
    MEND,
    TRACES_OF_SESSION,
)
from store.client import Store

# A deletion is over by then: who inserts meanwhile has to see that it has begun.
_WINDOW_NS = 600 * 10**9
_ERASED_WHEN_DONE: Mapping[str, str | int] = {
    "lightweight_deletes_sync": 2,
    "mutations_sync": 2,
    # On replicas: each finds the same rows, as nothing adds to what is looked up.
    "allow_nondeterministic_mutations": 1,
}

_TRACES = "(SELECT Project, TraceId FROM batch_traces WHERE Batch = {batch:String})"
_SESSIONS = "(SELECT Project, SessionId FROM batch_sessions WHERE Batch = {batch:String})"
_PLACES = f"""
(SELECT Project, arrayJoin(Hours), TraceId FROM otel_traces_trace_id_ts
WHERE (Project, TraceId) IN {_TRACES})
"""
_SPANS = f"(Project, toStartOfHour(Timestamp), TraceId) IN {_PLACES}"
_OLD_SPANS = f"{_SPANS} AND Version <= {{cut_off:DateTime64(9, 'UTC')}}"
_GONE_SESSIONS = f"""
(Project, SessionId) IN {_SESSIONS} AND (Project, SessionId) NOT IN (
    SELECT Project, SessionId FROM sessions_data FINAL WHERE (Project, SessionId) IN {_SESSIONS})
"""
_DELETED_SESSIONS = """
(Project, SessionId) IN (
    SELECT Project, SessionId FROM deletions
    WHERE CutOff = {cut_off:DateTime64(9, 'UTC')} AND SessionId != '')
"""
_BEFORE = "Version <= {cut_off:DateTime64(9, 'UTC')}"
_ON_SESSIONS = f"{_BEFORE} AND (({_GONE_SESSIONS}) OR {_DELETED_SESSIONS})"
_ON_TRACES = f"{_BEFORE} AND SessionId = '' AND (Project, TraceId) IN {_TRACES}"
_LOGS = f"{_BEFORE} AND ((Project, TraceId) IN {_TRACES} OR {_DELETED_SESSIONS})"
_MARKS = f"({_ON_SESSIONS}) OR ({_ON_TRACES})"
# Traces of which no span is left.
_GONE_TRACES = f"(Project, TraceId) IN {_TRACES.replace('{batch:', '{gone:')}"
_FORMER = "Version < {erased_at:DateTime64(9, 'UTC')}"
# Every table that says something of traces and sessions, and what goes from it once the spans are
# erased and their traces resolved. The last ones say that a trace or session was ever there, as log
# records do of one without spans: until then a deletion that broke off is done again. What batches
# touched goes by itself, in two days.
TABLES: Mapping[str, str] = {
    "session_traces_data": f"{_FORMER} AND (Project, SessionId) IN {_SESSIONS}"
    f" AND (Project, TraceId) IN {_TRACES}",
    "sessions_data": f"{_FORMER} AND (Project, SessionId) IN {_SESSIONS}",
    "score_edits": _MARKS,
    "scores_data": _MARKS,
    "comment_edits": _MARKS,
    "comments_data": _MARKS,
    "bookmarks_data": _ON_SESSIONS,
    "shares_data": _ON_SESSIONS,
    "otel_logs": _LOGS,
    "session_ends": f"({_GONE_SESSIONS}) OR {_DELETED_SESSIONS}",
    "trace_sessions": _GONE_TRACES,
    "otel_traces_trace_id_ts": _GONE_TRACES,
    "session_ts": _GONE_SESSIONS,
}
# What says that a session or trace is there; each is forgotten after all that it leads to.
_SIGNS: Mapping[str, Sequence[str]] = {
    "SessionId": ("session_ts", "otel_logs", "session_ends"),
    "TraceId": ("otel_traces_trace_id_ts", "otel_logs"),
}
_NEW_SPANS = f"Batch >= {{since:String}} AND IsDeleted = 0 AND (Project, TraceId) IN {_TRACES}"

_KEYS = {
    "session_traces_data": "Project, SessionId, TraceId",
    "sessions_data": "Project, SessionId",
}
_SWEPT = """
({key}) IN (
    SELECT {key} FROM {table}
    WHERE ({key}) IN (SELECT {key} FROM {table} WHERE IsDeleted = 1)
    GROUP BY {key}
    HAVING argMax(IsDeleted, Version) = 1
        AND max(Version) < now64(9, 'UTC') - toIntervalSecond({{seconds:UInt32}}))
"""
_TOMBSTONE_SECONDS = 3600
_DELETED_LOGS = f"""
Batch = {{batch:String}} AND {_BEFORE} AND ({_DELETED_SESSIONS} OR (Project, TraceId) IN (
    SELECT Project, TraceId FROM deletions
    WHERE CutOff = {{cut_off:DateTime64(9, 'UTC')}} AND TraceId != ''))
"""
# Of those that no trace is there for: they would stay for ever.
_EXPIRED_LOGS = """
has({projects:Array(String)}, Project) = {named:Bool}
AND Timestamp < fromUnixTimestamp64Nano({before_ns:Int64}, 'UTC')
AND (Project, TraceId) NOT IN (SELECT Project, TraceId FROM otel_traces_trace_id_ts)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What a deletion found: so many traces, with so many stored spans, and log records."""

    traces: int
    spans: int
    logs: int


class Erasing:
    """Deletes from one store. All methods raise RetryableError or StoreRefused: start over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._resolving = Resolving(store, traces_max=ALL, spans_max=ALL)

    async def check_session(self, project: str, session_id: str) -> None:
        """
        Return if there is something to delete: log records may name a session without spans.

        Raises:
            NotFound: there is neither such a session nor a log record, or an end, of it.
        """
        await self._check_known("SessionId", project, session_id)

    async def check_trace(self, project: str, trace_id: str) -> None:
        """
        Return if there is something to delete, as `check_session` does.

        Raises:
            NotFound: there is neither such a trace nor a log record of it.
        """
        await self._check_known("TraceId", project, trace_id)

    async def delete_session(self, project: str, session_id: str, *, author: str) -> Erased:
        """
        Delete a session: its traces and log records, and all that was received of them until now.

        Raises:
            NotFound: see `check_session`.
        """
        session = {"project": project, "session_id": session_id}
        await self.check_session(project, session_id)
        cut_off, batch = await self._begin(project, author, session_id=session_id)
        await self._store.execute(TRACES_OF_SESSION, {**session, "batch": batch})
        named = {"batch": batch, "since_ns": await self._ns(cut_off)}
        await self._store.execute(DELETE_TRACES_OF_SESSIONS, named)
        return await self._erase(await self._hit(batch, cut_off), cut_off, session=session)

    async def delete_trace(self, project: str, trace_id: str, *, author: str) -> Erased:
        """
        Delete a trace: all that was received of it until now.

        Raises:
            NotFound: see `check_trace`.
        """
        trace = {"project": project, "trace_id": trace_id}
        await self.check_trace(project, trace_id)
        cut_off, batch = await self._begin(project, author, trace_id=trace_id)
        await self._store.execute(
            "INSERT INTO batch_traces (Batch, Project, TraceId)"
            " SELECT {batch:String}, {project:String}, {trace_id:String}",
            {**trace, "batch": batch},
        )
        return await self._erase(batch, cut_off)

    async def erase_deleted(self, batch: str, *, received_ns: int) -> None:
        """
        Erase what a batch brought of what is deleted, after its insert and before it is resolved.

        Args:
            batch: its id.
            received_ns: when the first of its records was received.
        """
        since = "deletions WHERE CutOff >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')"
        recent = {"batch": batch, "since_ns": received_ns - _WINDOW_NS}
        if not await self._any(since, recent):
            return
        await self._erase_logs(batch, received_ns)
        named = {"batch": batch, "since_ns": received_ns}
        if await self._any(f"{since} AND SessionId != ''", named):
            await self._store.execute(DELETE_TRACES_OF_SESSIONS, named)
        touched = f"{since} AND TraceId != '' AND (Project, TraceId) IN {_TRACES}"
        found = await self._store.query(
            f"SELECT DISTINCT toString(CutOff) AS At FROM {touched} ORDER BY At", recent
        )
        for (cut_off,) in found:
            hit = await self._hit(batch, cut_off)
            # Whoever deletes may have found a trace gone, and what views just said of it with it.
            await self._mend(hit, since=batch)
            await self._erase_rest(hit, cut_off)

    async def _erase_logs(self, batch: str, received_ns: int) -> None:
        found = await self._store.query(
            "SELECT DISTINCT toString(CutOff) FROM deletions"
            " WHERE CutOff >= fromUnixTimestamp64Nano({received_ns:Int64}, 'UTC')",
            {"received_ns": received_ns},
        )
        for (cut_off,) in found:
            await self._delete("otel_logs", _DELETED_LOGS, _of(batch, cut_off))

    async def expire(
        self, *, before_ns: int, projects: Sequence[str], named: bool, traces_max: int
    ) -> Erased:
        """
        Delete traces of which all spans had ended before a time; once there is none left, the log
        records of no trace, which are not counted.

        Args:
            before_ns: the time.
            projects: whose traces; of all others unless `named`.
            named: see `projects`.
            traces_max: how many at the most.
        """
        cut_off, batch = await self._cut_off(), new_batch()
        rule = {"projects": list(projects), "named": named, "before_ns": before_ns}
        await self._store.execute(
            EXPIRED_TRACES, {**rule, "batch": batch, "traces_max": traces_max}
        )
        if not await self._any(_TRACES, {"batch": batch}):
            await self._delete("otel_logs", _EXPIRED_LOGS, rule)
            return Erased(traces=0, spans=0, logs=0)
        await self._store.execute(
            "INSERT INTO deletions (CutOff, Project, TraceId, Author) SELECT"
            f" {{cut_off:DateTime64(9, 'UTC')}}, Project, TraceId, 'retention' FROM {_TRACES}",
            _of(batch, cut_off),
        )
        return await self._erase(batch, cut_off)

    async def sweep(self, *, older_than_seconds: int = _TOMBSTONE_SECONDS) -> None:
        """
        Erase tombstones. Rows of before their time may come from a worker that is slow; later there
        is nothing left for a tombstone to hide.
        """
        named = {"seconds": older_than_seconds}
        for table, key in _KEYS.items():
            swept = _SWEPT.format(table=table, key=key)
            if await self._any(f"{table} WHERE {swept}", named):
                for hidden in ("IsDeleted = 0 AND", ""):
                    await self._store.execute(
                        f"DELETE FROM {table} WHERE {hidden} {swept}",
                        named,
                        settings=_ERASED_WHEN_DONE,
                    )

    async def _check_known(self, column: str, project: str, wanted: str) -> None:
        rows = f"WHERE Project = {{project:String}} AND {column} = {{id:String}}"
        for table in _SIGNS[column]:
            if await self._any(f"{table} {rows}", {"project": project, "id": wanted}):
                return
        noun = column.removesuffix("Id").lower()
        raise NotFound(f"there is no {noun} '{wanted[:200]}' in project '{project}'")

    async def _begin(
        self, project: str, author: str, *, session_id: str = "", trace_id: str = ""
    ) -> tuple[str, str]:
        """Write down what is deleted, and return the cut-off and the id of a batch to do it."""
        cut_off = await self._cut_off()
        await self._store.execute(
            "INSERT INTO deletions (CutOff, Project, SessionId, TraceId, Author)"
            " SELECT {cut_off:DateTime64(9, 'UTC')}, {project:String}, {session_id:String},"
            " {trace_id:String}, {author:String}",
            {
                "cut_off": cut_off,
                "project": project,
                "session_id": session_id,
                "trace_id": trace_id,
                "author": author,
            },
        )
        return cut_off, new_batch()

    async def _hit(self, batch: str, cut_off: str) -> str:
        """Return a batch of those traces of another one that are deleted with this cut-off."""
        hit = new_batch()
        await self._store.execute(
            "INSERT INTO batch_traces (Batch, Project, TraceId)"
            " SELECT DISTINCT {hit:String}, Project, TraceId FROM deletions"
            " WHERE CutOff = {cut_off:DateTime64(9, 'UTC')} AND TraceId != ''"
            f" AND (Project, TraceId) IN {_TRACES}",
            {"hit": hit, "batch": batch, "cut_off": cut_off},
        )
        return hit

    async def _erase(
        self, batch: str, cut_off: str, *, session: Mapping[str, str] | None = None
    ) -> Erased:
        named = _of(batch, cut_off)
        [[traces]] = await self._store.query(f"SELECT count() FROM {_TRACES}", named)
        [[spans]] = await self._store.query(
            f"SELECT uniqExact(Project, TraceId, SpanId) FROM otel_traces WHERE {_OLD_SPANS}", named
        )
        [[logs]] = await self._store.query(
            "SELECT uniqExact(Project, SessionId, TraceId, Timestamp, ContentHash)"
            f" FROM otel_logs WHERE {_LOGS}",
            named,
        )
        if spans:
            await self._erase_spans(batch, cut_off)
        await self._settle(batch, cut_off, session=session)
        return Erased(traces=traces, spans=spans, logs=logs)

    async def _erase_spans(self, batch: str, cut_off: str) -> None:
        await self._store.execute(
            f"DELETE FROM otel_traces WHERE {_OLD_SPANS}",
            _of(batch, cut_off),
            settings=_ERASED_WHEN_DONE,
        )

    async def _settle(
        self, batch: str, cut_off: str, *, session: Mapping[str, str] | None = None
    ) -> None:
        """Let figures forget the erased spans, and every table what is gone."""
        erased_at = await self._now()
        if session:
            await self._store.execute(
                "INSERT INTO batch_sessions (Batch, Project, SessionId, At) SELECT {batch:String},"
                " {project:String}, {session_id:String}, now64(9, 'UTC')",
                {**session, "batch": batch},
            )
        await self._resolving.resolve(batch)
        gone = await self._gone(batch)
        named = {**_of(batch, cut_off), "erased_at": erased_at, "gone": gone}
        for table, rows in TABLES.items():
            await self._delete(table, rows, named)
        # Somebody may have stored a span of a trace just after it was found to be gone: a newer
        # one, or an old one of which they could not find any more that it is.
        since = f"{await self._ns(cut_off) - _WINDOW_NS:016x}"
        if await self._any(f"otel_traces WHERE {_NEW_SPANS}", {"batch": gone, "since": since}):
            await self._mend(gone, since=since)
            if not await self._erase_rest(gone, cut_off):
                await self._resolving.resolve(gone)

    async def _erase_rest(self, batch: str, cut_off: str) -> bool:
        """Erase old spans that came while their traces were deleted; return whether there were."""
        has_old = await self._any(f"otel_traces WHERE {_OLD_SPANS}", _of(batch, cut_off))
        if has_old:
            await self._erase_spans(batch, cut_off)
            await self._settle(batch, cut_off)
        return has_old

    async def _delete(self, table: str, rows: str, named: Mapping[str, Any]) -> None:
        if await self._any(f"{table} WHERE {rows}", named):
            await self._store.execute(
                f"DELETE FROM {table} WHERE {rows}", named, settings=_ERASED_WHEN_DONE
            )

    async def _gone(self, batch: str) -> str:
        """Return a batch of those traces of another one that have no span."""
        gone = new_batch()
        await self._store.execute(
            "INSERT INTO batch_traces (Batch, Project, TraceId)"
            f" SELECT {{gone:String}}, Project, TraceId FROM {_TRACES} WHERE (Project, TraceId)"
            f" NOT IN (SELECT Project, TraceId FROM otel_traces WHERE {_SPANS})",
            {"gone": gone, "batch": batch},
        )
        return gone

    async def _mend(self, batch: str, *, since: str) -> None:
        """
        Say once more what views made of the spans of some traces, stored by the batches from
        `since` on: erasing may have taken it for what was known of older spans.
        """
        for statement in MEND:
            await self._store.execute(statement, {"batch": batch, "since": since})

    async def _cut_off(self) -> str:
        return await self._now()

    async def _now(self) -> str:
        [[now]] = await self._store.query("SELECT toString(now64(9, 'UTC'))")
        return str(now)

    async def _any(self, rows: str, named: Mapping[str, Any]) -> bool:
        return bool(await self._store.query(f"SELECT 1 FROM {rows} LIMIT 1", named))

    async def _ns(self, time_: str) -> int:
        [[ns]] = await self._store.query(
            "SELECT toUnixTimestamp64Nano({time:DateTime64(9, 'UTC')})", {"time": time_}
        )
        return int(ns)


def _of(batch: str, cut_off: str) -> Mapping[str, str]:
    return {"batch": batch, "cut_off": cut_off}

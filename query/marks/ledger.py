"""
Marks with a history. Each change is appended as the state that it led to, and stays; a materialized
view keeps the newest state of each mark beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from query import cursor as cursors
from query.access.guard import Access
from query.marks import mark, rows
from query.marks.mark import Condition, Mark, MarkFilters
from query.reads.models import Page, rfc3339
from runtime.errors import NotFound
from store.client import Store

EDITS_MAX = 1000
MARKS_MAX = 1000

_SHARED_COLUMNS = {
    "session_id": "SessionId",
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "author": "Author",
    "created_at_ns": "CreatedAt",
    "edited_by": "EditedBy",
    "updated_at_ns": "Version",
    "is_deleted": "IsDeleted",
}

M = TypeVar("M", bound=Mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[M]):
    """A kind of marks: what it is called, its model, and the columns of the model's own fields."""

    noun: str
    model: type[M]
    columns: Mapping[str, str]


class Ledger(Generic[M]):
    """
    The marks of one kind, in all projects. All methods raise StoreUnavailable when the store is
    away.
    """

    def __init__(self, store: Store, kind: Kind[M]) -> None:
        self._store = store
        self._kind = kind
        self._columns = {**kind.columns, **_SHARED_COLUMNS}
        self._select = ", ".join(
            f"toUnixTimestamp64Nano({column})" if name.endswith("_ns") else column
            for name, column in self._columns.items()
        )

    async def append(self, access: Access, state: M, *, after: M | None) -> M:
        """
        Append a state, and return it with who led to it and when.

        Args:
            access: who makes the change, and in which project.
            state: what the change led to.
            after: the state before it. The new one is the newer, even where the clock was set back.

        Raises:
            StoreUnavailable: worth another try. The change may have been made.
        """
        now_ns = await rows.clock(self._store)
        if after is not None:
            now_ns = max(now_ns, after.updated_at_ns + 1)
        created_ns = state.created_at_ns or now_ns
        times = {"created_at_ns": created_ns, "updated_at_ns": now_ns}
        state = state.model_copy(update={**times, "edited_by": access.who})
        row = {
            column: rfc3339(getattr(state, name)) if name in times else getattr(state, name)
            for name, column in self._columns.items()
        }
        await rows.insert(
            self._store, f"{self._kind.noun}_edits", {"Project": access.project, **row}
        )
        return state

    async def newest(self, project: str, mark_id: str) -> M | None:
        """Return the newest state of a mark, deleted or not; None where there never was one."""
        found = await self._edits(project, mark_id, limit=1)
        return found[0] if found else None

    async def changeable(self, access: Access, mark_id: str) -> M:
        """
        Return the state of a mark that whoever asks may change.

        Raises:
            NotFound: there is no such mark in the project.
            NotAllowed: they neither wrote it nor are an admin.
        """
        state = await self.newest(access.project, mark_id)
        if state is None or state.is_deleted:
            raise self._not_found(mark_id)
        state.check_changeable(access)
        return state

    async def delete(self, access: Access, mark_id: str) -> None:
        """
        Take a mark away; its edits stay.

        Raises:
            NotFound: there is no such mark in the project.
            NotAllowed: they neither wrote it nor are an admin.
        """
        state = await self.changeable(access, mark_id)
        await self.append(access, state.model_copy(update={"is_deleted": True}), after=state)

    async def edits(self, project: str, mark_id: str) -> list[M]:
        """
        Return the states that the changes of a mark led to, in order; the last 1000 of them.

        Raises:
            NotFound: there never was such a mark in the project.
        """
        found = await self._edits(project, mark_id, limit=EDITS_MAX)
        if not found:
            raise self._not_found(mark_id)
        return found[::-1]

    async def find(
        self, project: str, filters: MarkFilters, *, cursor: str = "", limit: int = 100
    ) -> Page[M]:
        """
        Return a page of marks, the latest created first.

        Raises:
            InvalidRequest: the cursor belongs to another list.
        """
        return await self._page(project, filters.conditions(), cursor=cursor, limit=limit)

    async def of_session(self, project: str, session_id: str) -> list[M]:
        """
        Return the marks on a session and on the traces that are in it now, in the order in which
        they were made; the last 1000 of them.
        """
        return await self._all_of(project, mark.of_session(session_id))

    async def of_traces(self, project: str, trace_ids: Sequence[str]) -> list[M]:
        """Return the marks on these traces and their spans, as of_session() does."""
        return await self._all_of(project, mark.of_traces(trace_ids))

    async def _all_of(self, project: str, condition: Condition) -> list[M]:
        page = await self._page(project, [condition], cursor="", limit=MARKS_MAX)
        return page.data[::-1]

    async def _page(
        self, project: str, conditions: Iterable[Condition], *, cursor: str, limit: int
    ) -> Page[M]:
        key = self._columns["id"]
        texts, parameters = ["Project = {project:String}"], {"project": project, "rows": limit + 1}
        for text, named in [*conditions, *_before(cursor, key)]:
            texts.append(text)
            parameters |= named
        found = await self._marks(
            f"{self._kind.noun}s_data FINAL WHERE {' AND '.join(texts)}"
            f" ORDER BY CreatedAt DESC, {key} DESC LIMIT {{rows:UInt32}}",
            parameters,
        )
        more = len(found) > limit
        del found[limit:]
        following = cursors.encode(found[-1].created_at_ns, found[-1].id) if more else ""
        return Page(data=found, next=following)

    async def _edits(self, project: str, mark_id: str, *, limit: int) -> list[M]:
        return await self._marks(
            f"{self._kind.noun}_edits WHERE Project = {{project:String}}"
            f" AND {self._columns['id']} = {{id:String}}"
            " ORDER BY Version DESC LIMIT {rows:UInt32}",
            {"project": project, "id": mark_id, "rows": limit},
        )

    async def _marks(self, source: str, parameters: Mapping[str, Any]) -> list[M]:
        sql = f"SELECT {self._select} FROM {source}"  # noqa: S608 - our own columns and tables
        found = await self._store.query(sql, parameters)
        return [self._read(row) for row in found]

    def _read(self, row: Sequence[Any]) -> M:
        return self._kind.model(**dict(zip(self._columns, row, strict=True)))

    def _not_found(self, mark_id: str) -> NotFound:
        return NotFound(f"there is no {self._kind.noun} '{mark_id}'")


def _before(cursor: str, key: str) -> list[Condition]:
    if not cursor:
        return []
    created_ns, mark_id = cursors.decode(cursor, [int, str])
    after = "(fromUnixTimestamp64Nano({after_ns:Int64}, 'UTC'), {after_id:String})"
    return [(f"(CreatedAt, {key}) < {after}", {"after_ns": created_ns, "after_id": mark_id})]

"""Scores: what people and evaluators make of sessions, traces and spans."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from query.access.guard import Access
from query.marks.ledger import Kind, Ledger
from query.marks.score import NewScore, Score, ScoreChange, Source
from query.marks.values import Typed, Value, typed
from runtime.config import DataType, ScoreDefinition
from runtime.errors import InvalidRequest
from store.client import Store

_KIND = Kind(
    noun="score",
    model=Score,
    columns={
        "id": "ScoreId",
        "name": "Name",
        "data_type": "DataType",
        "number": "Value",
        "text": "StringValue",
        "comment": "Comment",
        "environment": "Environment",
        "metadata_json": "Metadata",
        "source": "Source",
    },
)


class Scores(Ledger[Score]):
    """The scores of all projects."""

    def __init__(self, store: Store, definitions: Sequence[ScoreDefinition]) -> None:
        super().__init__(store, _KIND)
        self._definitions = definitions

    async def create(self, access: Access, new: NewScore, *, source: Source) -> Score:
        """
        Create a score, or replace the one that has its id: author and time of creation stay then.

        Raises:
            InvalidRequest: the value is not as its type or its definition wants it, or the score
                that has the id is on something else.
            NotAllowed: the score that has the id is somebody else's.
        """
        value = self._typed(new.name, new.value, new.data_type)
        before = await self.newest(access.project, new.id) if new.id else None
        alive = before if before and not before.is_deleted else None
        if alive:
            alive.check_changeable(access)
            if not alive.is_on(new):
                raise InvalidRequest(
                    f"the score '{new.id}' is on something else: delete it first, or use another id"
                )
        score = Score(
            id=new.id or uuid.uuid4().hex,
            session_id=new.session_id,
            trace_id=new.trace_id,
            span_id=new.span_id,
            author=alive.author if alive else access.who,
            created_at_ns=alive.created_at_ns if alive else 0,
            name=new.name,
            comment=new.comment,
            environment=new.environment,
            metadata_json=orjson.dumps(new.metadata).decode(),
            source=source,
            **value,
        )
        return await self.append(access, score, after=before)

    async def edit(self, access: Access, score_id: str, change: ScoreChange) -> Score:
        """
        Change a score; what the change leaves out stays.

        Raises:
            NotFound: there is no such score in the project.
            NotAllowed: it is somebody else's.
            InvalidRequest: the value is not as the score's type or its definition wants it.
        """
        score = await self.changeable(access, score_id)
        update: dict[str, Any] = {}
        if change.value is not None:
            update |= self._typed(score.name, change.value, score.data_type)
        if change.comment is not None:
            update["comment"] = change.comment
        if change.metadata is not None:
            update["metadata_json"] = orjson.dumps(change.metadata).decode()
        return await self.append(access, score.model_copy(update=update), after=score)

    def _typed(self, name: str, value: Value, data_type: DataType | None) -> Typed:
        return typed(name, value, data_type, self._definitions)

"""What scores and comments have in common: a subject, an author, times, and who may change them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from query.access.guard import Access
from query.access.roles import Role
from query.reads.models import Time, nanoseconds
from runtime.errors import NotAllowed

Id = Annotated[str, Field(max_length=200)]
SessionId = Annotated[str, Field(max_length=10_000)]
Text = Annotated[str, Field(max_length=10_000)]

Condition = tuple[str, Mapping[str, Any]]

_OF_SESSION = """
(SessionId = {session_id:String} OR (SessionId = '' AND TraceId IN (
    SELECT TraceId FROM session_traces
    WHERE Project = {project:String} AND SessionId = {session_id:String})))
"""


class Subject(BaseModel):
    """What a mark is on: a session, or a trace, or a span of a trace. The rest is left empty."""

    model_config = ConfigDict(extra="forbid")

    session_id: SessionId = ""
    trace_id: Id = ""
    span_id: Id = ""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.session_id) == bool(self.trace_id):
            raise ValueError("give a session_id or a trace_id: a mark is on one of them")
        if self.span_id and not self.trace_id:
            raise ValueError("give the trace_id of the span as well")
        return self


class Mark(BaseModel):
    """The state of a score or a comment. Times are the store's, in nanoseconds."""

    model_config = ConfigDict(frozen=True)

    id: str
    session_id: str
    trace_id: str
    span_id: str
    author: str
    created_at_ns: Time = Field(default=0, serialization_alias="created_at")
    updated_at_ns: Time = Field(default=0, serialization_alias="updated_at")
    edited_by: str = Field(default="", description="Who made the last change.")
    is_deleted: bool = Field(
        default=False, description="Whether the last change took it away; only edits tell of that."
    )

    def is_on(self, subject: Subject) -> bool:
        """Return whether the mark is on this subject."""
        return all(getattr(self, name) == getattr(subject, name) for name in Subject.model_fields)

    def check_changeable(self, access: Access) -> None:
        """
        Return if whoever asks may change the mark.

        Raises:
            NotAllowed: they neither wrote it nor are an admin.
        """
        if self.author != access.who and access.role < Role.ADMIN:
            raise NotAllowed(
                f"'{self.id}' was written by {self.author}: only they or an admin may change it"
            )


class MarkFilters(BaseModel):
    """Which marks. Those that are given must all hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    session_id: SessionId = Field(
        default="", description="On this session, or on a trace that is in it now."
    )
    trace_id: Id = Field(default="", description="On this trace or a span of it.")
    span_id: Id = Field(default="", description="On this span.")
    author: Id = Field(default="", description="Written by them.")
    since: AwareDatetime | None = Field(
        default=None, alias="from", description="Created at or after this time (RFC 3339)."
    )
    to: AwareDatetime | None = Field(default=None, description="Created before this time.")

    def conditions(self) -> Iterator[Condition]:
        """Yield what must hold, each with the parameters it names. `project` is the caller's."""
        if self.session_id:
            yield of_session(self.session_id)
        yield from self._equal(trace_id="TraceId", span_id="SpanId", author="Author")
        for name, operator, time in (("since", ">=", self.since), ("to", "<", self.to)):
            if time:
                yield (
                    f"toUnixTimestamp64Nano(CreatedAt) {operator} {{{name}:Int64}}",
                    {name: nanoseconds(time)},
                )

    def _equal(self, **columns: str) -> Iterator[Condition]:
        for name, column in columns.items():
            if value := getattr(self, name):
                yield f"{column} = {{{name}:String}}", {name: value}


def of_session(session_id: str) -> Condition:
    """Return the condition that a mark is on this session, or on a trace that is in it now."""
    return _OF_SESSION, {"session_id": session_id}


def of_traces(trace_ids: Sequence[str]) -> Condition:
    """Return the condition that a mark is on one of these traces, or on a span of one."""
    wanted = {"trace_ids": list(trace_ids)}
    return "SessionId = '' AND TraceId IN {trace_ids:Array(String)}", wanted

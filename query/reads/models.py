"""
What is read, as pages and API give it. In here times and durations are nanoseconds, times since
1970; in JSON times are RFC 3339 text under a name of their own, as JavaScript's numbers end long
before nanoseconds do. Costs are USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema, computed_field


def rfc3339(time_ns: int) -> str:
    """Return a time as text, with its nanoseconds."""
    seconds, ns = divmod(time_ns, 10**9)
    # Not by a format of our own, which takes ten times as long: an answer has hundreds of times.
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{ns:09d}Z"


def nanoseconds(time: datetime) -> int:
    """
    Return a time, UTC where it has no zone, in nanoseconds since 1970; what the store has no number
    for becomes its first or last one.
    """
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
    return min(max(ns, -(2**63)), 2**63 - 1)


Time = Annotated[
    int,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Figures(BaseModel):
    """What is told of sessions and traces alike."""

    start_ns: Time = Field(serialization_alias="start_time")
    end_ns: Time = Field(serialization_alias="end_time")
    span_count: int
    error_count: int
    generation_count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def duration_ns(self) -> int:
        """From the first start to the last end."""
        return self.end_ns - self.start_ns


class SessionScore(BaseModel):
    """The scores of one name in a session: how many, and their mean where they are numbers."""

    name: str
    count: int
    mean: float | None
    values: list[str]
    is_share: bool = Field(default=False, exclude=True)  # the mean: all are booleans


class Session(Figures):
    """A session as the list shows it."""

    session_id: str
    trace_count: int
    user_ids: list[str]
    services: list[str]
    environments: list[str]
    models: list[str]
    tags: list[str]
    first_input: str
    last_output: str
    updated_at_ns: Time = Field(serialization_alias="updated_at")
    status: str = Field(description="`open`, `idle` or `ended`.")
    ended_at_ns: Time | None = Field(serialization_alias="ended_at")
    bookmarked: bool = False
    comment_count: int = 0
    scores: list[SessionScore] = []


class Span(BaseModel):
    """A span as trees and waterfalls show it; its values are previews of about 1 KB."""

    trace_id: str
    span_id: str
    parent_span_id: str
    start_ns: Time = Field(serialization_alias="start_time")
    duration_ns: int
    name: str
    kind: str
    service: str
    type: str
    level: str
    is_error: bool
    status_message: str
    model: str
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float
    input_preview: str
    output_preview: str
    depth: int = 0  # below its root; set by tree.arrange
    parent_is_missing: bool = False


class Value(BaseModel):
    """An input or output, whole or its beginning."""

    span_id: str = ""
    text: str = ""
    characters: int = 0  # of the whole

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def is_whole(self) -> bool:
        """Whether nothing was cut off."""
        return len(self.text) >= self.characters


class Trace(Figures):
    """A trace of a session; its values are previews of about 1 KB."""

    trace_id: str
    name: str
    user_id: str
    session_id_key: str
    other_session_ids: list[str]
    input_preview: str
    output_preview: str
    # For those who read the spans: of which the input and the output are, and where all stand.
    input_span_id: str = Field(exclude=True)
    output_span_id: str = Field(exclude=True)
    hours: list[datetime] = Field(exclude=True)


class LogRecord(BaseModel):
    """A log record as replays show it; its body is cut off after 10,000 characters."""

    trace_id: str
    span_id: str
    time_ns: Time = Field(serialization_alias="time")
    severity: str
    severity_number: int
    service: str
    event_name: str
    body: str


class WholeLogRecord(LogRecord):
    """A log record with everything that was sent; its body is whole."""

    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    scope_name: str
    session_id: str  # its own
    content_hash: int = Field(exclude=True)


class Turn(Trace):
    """
    A trace of a session: what went in, what came out, its spans, and its log records. The session's
    own log records, which are of no turn, stand before the turn that followed them.
    """

    input: Value = Field(default_factory=Value)
    output: Value = Field(default_factory=Value)
    spans: list[Span] = []
    logs: list[LogRecord] = []
    log_count: int = 0  # of the turn's, in all
    logs_before: list[LogRecord] = []
    logs_after: list[LogRecord] = []  # behind the last turn of the session


class Event(BaseModel):
    """An event of a span."""

    name: str
    time_ns: Time = Field(serialization_alias="time")
    attributes: Mapping[str, str]


class Link(BaseModel):
    """A link from a span to another."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, str]


class WholeSpan(Span):
    """A span with everything that was sent."""

    input: str
    output: str
    span_name: str  # as it was sent
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    audio_tokens: int
    model_parameters: str  # a JSON object
    prompt_name: str
    prompt_version: str
    time_to_first_token_ns: int  # from the start; 0 where it is not told
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    scope_name: str
    scope_version: str
    environment: str
    release: str
    app_version: str
    tags: list[str]
    session_id: str
    session_id_key: str
    user_id: str
    cost_source: str  # told, computed, or empty where there is no cost
    received_at_ns: Time = Field(serialization_alias="received_at")
    events: list[Event] = []
    links: list[Link] = []


Row = TypeVar("Row")


class Page(BaseModel, Generic[Row]):
    """Rows, and the cursor of the next page; empty where this is the last one."""

    data: list[Row]
    next: str = ""

"""
What the views must say, recomputed in plain Python from the spans that were sent.

This is the reference that the SQL is held against, so it is written for reading, not for speed: of
each span the newest version, of each trace its session, of each session its figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from runtime.config import SESSION_KEYS

DAY_NS = 86_400 * 10**9
PAST_NS = 400 * DAY_NS
FUTURE_NS = 1 * DAY_NS

Attributes = Mapping[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class SentSpan:
    """A span as it was sent, and when it was received."""

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str = "span"
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    is_error: bool = False
    status_message: str = ""
    exception: str = ""  # the message of one, as an event
    received_ns: int
    end_event_ns: int = 0  # of an event named session.end

    def text(self, *keys: str) -> str:
        """Return the first of these attributes that is not empty, as text."""
        return next((str(self.attributes[k]) for k in keys if self.attributes.get(k, "") != ""), "")

    @property
    def start_is_possible(self) -> bool:
        """Whether the start is in the believed range around the receive time."""
        return self.received_ns - PAST_NS <= self.start_ns <= self.received_ns + FUTURE_NS

    @property
    def timestamp_ns(self) -> int:
        """The start as it is stored."""
        return self.start_ns if self.start_is_possible else self.received_ns

    @property
    def duration_ns(self) -> int:
        """The duration as it is stored."""
        duration = self.end_ns - self.start_ns
        late = self.start_is_possible and self.end_ns > self.received_ns + FUTURE_NS
        return 0 if duration < 0 or duration > PAST_NS or late else duration

    @property
    def session_end_ns(self) -> int:
        """The moment of the span at which it says that its session is over; 0 where it does not."""
        if not self.end_event_ns:
            return 0
        end_ns = self.timestamp_ns + self.duration_ns
        return min(max(self.end_event_ns, self.timestamp_ns), end_ns)

    @property
    def session(self) -> tuple[str, str]:
        """Its session id and the key it came from, both empty where it has none."""
        for key in SESSION_KEYS:
            for attributes in (self.attributes, self.resource):
                value = str(attributes.get(key, ""))
                if value and not value.startswith("[Scrubbed due to "):
                    return value, key
        return "", ""

    @property
    def model(self) -> str:
        """The model that was used."""
        return self.text(
            "langfuse.observation.model.name", "gen_ai.response.model", "gen_ai.request.model"
        )

    @property
    def input_tokens(self) -> int:
        """Tokens in."""
        return int(self.text("gen_ai.usage.input_tokens") or 0)

    @property
    def output_tokens(self) -> int:
        """Tokens out."""
        return int(self.text("gen_ai.usage.output_tokens") or 0)

    @property
    def cost(self) -> Decimal:
        """What it cost."""
        return Decimal(self.text("gen_ai.usage.cost") or 0)

    @property
    def is_tool(self) -> bool:
        """Whether it is a tool's."""
        return self.text("openinference.span.kind") == "TOOL"

    @property
    def input(self) -> str:
        """What went in."""
        return self.text("langfuse.observation.input", "input.value")

    @property
    def output(self) -> str:
        """What came out."""
        return self.text("langfuse.observation.output", "output.value")


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A row of session_traces."""

    session_id: str
    trace_id: str
    name: str
    start_ns: int
    end_ns: int
    span_count: int
    error_count: int
    generation_count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: Decimal
    user_id: str
    user_ids: tuple[str, ...]
    services: tuple[str, ...]
    models: tuple[str, ...]
    input: str
    output: str
    session_id_key: str
    other_session_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Session:
    """A row of sessions."""

    session_id: str
    start_ns: int
    end_ns: int
    trace_count: int
    span_count: int
    error_count: int
    generation_count: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: Decimal
    user_ids: tuple[str, ...]
    services: tuple[str, ...]
    models: tuple[str, ...]
    first_input: str
    last_output: str
    ended_at_ns: int | None


def newest(sent: Iterable[SentSpan]) -> list[SentSpan]:
    """Return each span once, as it was received last."""
    spans: dict[tuple[str, str], SentSpan] = {}
    for span in sorted(sent, key=lambda s: s.received_ns):
        spans[span.trace_id, span.span_id] = span
    return list(spans.values())


def traces(sent: Iterable[SentSpan]) -> dict[str, Trace]:
    """Return the traces that belong to a session, by trace id."""
    groups: dict[str, list[SentSpan]] = defaultdict(list)
    for span in newest(sent):
        groups[span.trace_id].append(span)
    found = {trace_id: _trace(spans) for trace_id, spans in groups.items()}
    return {trace_id: trace for trace_id, trace in found.items() if trace}


def _trace(spans: Sequence[SentSpan]) -> Trace | None:
    candidates = [span for span in spans if span.session[0]]
    if not candidates:
        return None
    root_first = sorted(spans, key=lambda s: (s.parent_span_id != "", s.timestamp_ns, s.span_id))
    root_last = sorted(
        spans,
        key=lambda s: (s.parent_span_id == "", s.timestamp_ns + s.duration_ns, s.span_id),
    )
    # Tools come after others of their kind, as what they are told and tell is not said to the user.
    asked_first = sorted(root_first, key=lambda s: (s.parent_span_id != "", s.is_tool))
    answered_last = sorted(root_last, key=lambda s: (s.parent_span_id == "", not s.is_tool))
    session_id, key = min(
        candidates, key=lambda s: (s.parent_span_id != "", s.timestamp_ns, *s.session)
    ).session
    return Trace(
        session_id=session_id,
        trace_id=spans[0].trace_id,
        name=root_first[0].name,
        start_ns=min(span.timestamp_ns for span in spans),
        end_ns=max(span.timestamp_ns + span.duration_ns for span in spans),
        span_count=len(spans),
        error_count=sum(span.is_error for span in spans),
        generation_count=sum(span.model != "" for span in spans),
        input_tokens=sum(span.input_tokens for span in spans),
        output_tokens=sum(span.output_tokens for span in spans),
        total_tokens=sum(span.input_tokens + span.output_tokens for span in spans),
        cost=sum((span.cost for span in spans), Decimal(0)),
        user_id=_first(span.text("user.id") for span in root_first),
        user_ids=_distinct(span.text("user.id") for span in spans),
        services=_distinct(str(span.resource.get("service.name", "")) for span in spans),
        models=_distinct(span.model for span in spans),
        input=_first(span.input for span in asked_first),
        output=_first(span.output for span in reversed(answered_last)),
        session_id_key=key,
        other_session_ids=_distinct(
            span.session[0] for span in candidates if span.session[0] != session_id
        ),
    )


def sessions(sent: Iterable[SentSpan]) -> dict[str, Session]:
    """Return the sessions, by session id."""
    groups: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces(sent).values():
        groups[trace.session_id].append(trace)
    return {
        session_id: _session(session_id, group, _spans_of(sent, group))
        for session_id, group in groups.items()
    }


def _spans_of(sent: Iterable[SentSpan], group: Iterable[Trace]) -> list[SentSpan]:
    trace_ids = {trace.trace_id for trace in group}
    return [span for span in newest(sent) if span.trace_id in trace_ids]


def _session(session_id: str, group: list[Trace], spans: Sequence[SentSpan]) -> Session:
    ended_ns = max(span.session_end_ns for span in spans)
    is_ended = ended_ns >= max(span.timestamp_ns for span in spans)
    in_order = sorted(group, key=lambda t: (t.start_ns, t.trace_id))
    return Session(
        session_id=session_id,
        start_ns=min(trace.start_ns for trace in group),
        end_ns=max(trace.end_ns for trace in group),
        trace_count=len(group),
        span_count=sum(trace.span_count for trace in group),
        error_count=sum(trace.error_count for trace in group),
        generation_count=sum(trace.generation_count for trace in group),
        input_tokens=sum(trace.input_tokens for trace in group),
        output_tokens=sum(trace.output_tokens for trace in group),
        total_tokens=sum(trace.total_tokens for trace in group),
        cost=sum((trace.cost for trace in group), Decimal(0)),
        user_ids=_distinct(user for trace in group for user in trace.user_ids),
        services=_distinct(service for trace in group for service in trace.services),
        models=_distinct(model for trace in group for model in trace.models),
        first_input=_first(trace.input for trace in in_order),
        last_output=_first(trace.output for trace in reversed(in_order)),
        ended_at_ns=ended_ns if is_ended else None,
    )


def replay(sent: Iterable[SentSpan], session_id: str) -> list[str]:
    """Return the span ids of a session, in the order of its replay."""
    mine = {t.trace_id for t in traces(sent).values() if t.session_id == session_id}
    spans = [span for span in newest(sent) if span.trace_id in mine]
    spans.sort(key=lambda s: (s.timestamp_ns, s.parent_span_id != "", -s.duration_ns, s.span_id))
    return [span.span_id for span in spans]


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))

"""The replay as it is shown: turns with what was said, gaps between them, and waterfalls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from query import log_messages
from query.messages import Message, messages, split
from query.reads.models import LogRecord, Span, Turn, Value

# Longer silence between two turns is shown as a gap.
GAP_NS = 5 * 60 * 10**9
# What is longer is folded.
FOLD_CHARACTERS = 1_500
# What an agent does besides talking to models, and how much of it a turn names.
_STEPS = ("tool", "retriever", "guardrail", "evaluator")
STEPS_MAX = 12
# The width of a waterfall, in units of its own.
WIDTH = 1000
# By number, four each: logs.proto.
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Where a span stands in a waterfall of WIDTH."""

    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A span and its bar."""

    span: Span
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """A log record, and the messages that it is, if it is some."""

    record: LogRecord
    said: Sequence[Message]

    @property
    def severity(self) -> str:
        """What it calls its severity, or else what the number is called."""
        number = self.record.severity_number
        return self.record.severity or (_SEVERITIES[(number - 1) // 4] if 0 < number < 25 else "")

    @property
    def tone(self) -> str:
        """How bad it is: bad from errors on, warn from warnings on."""
        number = self.record.severity_number
        return "bad" if number >= 17 else "warn" if number >= 13 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """A turn of the conversation."""

    number: int  # 0 where it is not known: others may have been left out
    turn: Turn
    gap_ns: int  # silence before it, 0 where it is short
    starts_day: bool
    earlier: Sequence[Message]  # of the input, what had been said before
    said: Sequence[Message]
    answered: Sequence[Message]
    rows: Sequence[Row]
    logs: Sequence[LogView]
    logs_before: Sequence[LogView]  # of the session, not of the turn
    logs_after: Sequence[LogView]

    @property
    def models(self) -> list[str]:
        """The models that were used, in order."""
        return list(dict.fromkeys(span.model for span in self.turn.spans if span.model))

    @property
    def steps(self) -> list[Span]:
        """What was done on the way to the answer: tools called, documents retrieved."""
        return [span for span in self.turn.spans if span.type in _STEPS][:STEPS_MAX]

    @property
    def first_error(self) -> Span | None:
        """The first span that failed, of those shown."""
        return next((span for span in self.turn.spans if span.is_error), None)


def turns(
    found: Iterable[Turn], *, first_number: int = 1, ended_ns: int = 0, is_whole: bool = True
) -> Iterator[TurnView]:
    """
    Yield a page of turns as they are shown. `ended_ns` is when the turns before the page ended;
    between turns that were searched for (not `is_whole`) there may be others, and so no silence
    and no numbers.
    """
    day = _day(ended_ns)
    for number, turn in enumerate(found, first_number):
        earlier, said = split(_of(turn.input, "user"))
        gap_ns = turn.start_ns - ended_ns if ended_ns and is_whole else 0
        yield TurnView(
            number=number if is_whole else 0,
            turn=turn,
            gap_ns=gap_ns if gap_ns >= GAP_NS else 0,
            starts_day=_day(turn.start_ns) != day,
            earlier=earlier,
            said=said,
            answered=_of(turn.output, "assistant"),
            rows=waterfall(turn.spans),
            logs=logs(turn.logs),
            logs_before=logs(turn.logs_before),
            logs_after=logs(turn.logs_after),
        )
        day, ended_ns = _day(turn.start_ns), max(ended_ns, turn.end_ns)


def logs(records: Sequence[LogRecord]) -> list[LogView]:
    """Return log records as they are shown."""
    return [LogView(record=record, said=log_messages.said(record)) for record in records]


def waterfall(spans: Sequence[Span]) -> list[Row]:
    """Return each span with its bar, on the scale of all of them."""
    if not spans:
        return []
    start = min(span.start_ns for span in spans)
    end = max(span.start_ns + span.duration_ns for span in spans)
    scale = WIDTH / max(end - start, 1)
    return [
        Row(
            span=span,
            bar=Bar(
                x=round(min((span.start_ns - start) * scale, WIDTH - 3), 1),
                width=round(max(span.duration_ns * scale, 3), 1),
            ),
        )
        for span in spans
    ]


def _of(value: Value, role: str) -> list[Message]:
    return messages(value.text, role=role)


def _day(time_ns: int) -> int:
    return time_ns // (86_400 * 10**9)

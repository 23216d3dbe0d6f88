"""Spans with times of our choice, sent by a real exporter: what an application did, hours ago."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

SECOND_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A span, and what happens within it, one step after the other."""

    name: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    seconds: float = 0.02  # that it takes by itself, half of them before its steps
    steps: Sequence[Step] = ()
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One trace of a session, and how long after the turn before it starts."""

    root: Step
    after_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One session."""

    session_id: str
    minutes_ago: float  # that its first turn starts
    turns: Sequence[Turn]
    service: str = "support-chat"
    environment: str = "production"
    user: str = ""
    tags: Sequence[str] = ()


class _Ids(IdGenerator):
    """Ids that are the same in each run, so that pages can be named before anything is sent."""

    def __init__(self) -> None:
        self._random = random.Random(20)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) or 1


class Sender:
    """Sends conversations through an exporter, as the services that had them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.spans = 0
        self._exporter = exporter
        self._ids = _Ids()

    def send(self, conversation: Conversation, *, now_ns: int) -> list[str]:
        """Send a conversation and return the ids of its traces, a turn each."""
        provider = TracerProvider(
            resource=Resource.create(
                {
                    "service.name": conversation.service,
                    "service.version": "2.7.1",
                    "deployment.environment.name": conversation.environment,
                }
            ),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        provider.add_span_processor(BatchSpanProcessor(self._exporter, max_queue_size=16_384))
        tracer = provider.get_tracer("app.conversations", "1.4.0")
        at_ns = now_ns - int(conversation.minutes_ago * 60 * SECOND_NS)
        of_session: dict[str, AttributeValue] = {"session.id": conversation.session_id}
        if conversation.user:
            of_session["user.id"] = conversation.user
        if conversation.tags:
            of_session["langfuse.trace.tags"] = list(conversation.tags)
        traces = []
        for turn in conversation.turns:
            at_ns += int(turn.after_seconds * SECOND_NS)
            trace, at_ns = self._record(tracer, turn.root, at_ns, of_session)
            traces.append(trace)
        provider.force_flush()
        # The exporter goes on with the next one: the provider is left, not shut down.
        return traces

    def _record(
        self,
        tracer: Tracer,
        step: Step,
        at_ns: int,
        more: Mapping[str, AttributeValue],
        within: Context | None = None,
    ) -> tuple[str, int]:
        """Record a step and return its trace and when it ended."""
        self.spans += 1
        span = tracer.start_span(
            step.name,
            context=within,
            start_time=at_ns,
            attributes={**step.attributes, **more},
        )
        at_ns += int(step.seconds / 2 * SECOND_NS)
        for child in step.steps:
            _, at_ns = self._record(tracer, child, at_ns, {}, set_span_in_context(span))
        at_ns += int(step.seconds / 2 * SECOND_NS)
        if step.error is not None:
            span.record_exception(step.error, timestamp=at_ns)
            span.set_status(Status(StatusCode.ERROR, str(step.error)))
        span.end(at_ns)
        return f"{span.get_span_context().trace_id:032x}", at_ns

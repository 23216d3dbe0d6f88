"""Real exporters into a running pipeline, and their sessions read back with plain SQL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langfuse import Langfuse, get_client, observe
from opentelemetry.exporter.otlp.json.http import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

from tests import model, processes, views
from tests.model import SentSpan

EXPORTERS: dict[str, Callable[[processes.Pipeline], SpanExporter]] = {
    "grpc": lambda at: GrpcExporter(at.grpc, insecure=True),
    "http/protobuf": lambda at: HttpExporter(f"{at.http}/v1/traces"),
    "http/protobuf, gzip": lambda at: HttpExporter(
        f"{at.http}/v1/traces", compression=Compression.Gzip
    ),
    "http/json": lambda at: JsonExporter(f"{at.http}/v1/traces"),
}


@pytest.fixture
def provider() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    """A provider of its own that keeps what it sends in memory too."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "shop", "deployment.environment.name": "test"}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(memory))
    yield provider, memory
    provider.shutdown()


@pytest.mark.parametrize("name", EXPORTERS)
def test_sessions_come_back_exactly(
    running: processes.Pipeline,
    provider: tuple[TracerProvider, InMemorySpanExporter],
    name: str,
) -> None:
    """Several sessions of several traces: counts, order, durations and totals are what was sent."""
    tracers, memory = provider
    tracers.add_span_processor(BatchSpanProcessor(EXPORTERS[name](running)))
    run = secrets.token_hex(4)
    for number in range(3):
        for turn in range(number + 2):
            _send_turn(tracers.get_tracer("tests"), f"{run}-session-{number}", turn)
    tracers.force_flush()
    _assert_exact(running, memory.get_finished_spans(), run)


def test_langfuse_sessions_come_back_exactly(
    running: processes.Pipeline, provider: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    """Langfuse's SDK says the session on one span, late; it covers the whole trace."""
    tracers, memory = provider
    run = secrets.token_hex(4)
    public_key = f"pk-{run}"
    Langfuse(public_key=public_key, secret_key="sk", host=running.http, tracer_provider=tracers)

    @observe(as_type="generation")
    def answer(question: str) -> str:
        get_client().update_current_generation(
            model="gpt-4o",
            usage_details={"input": 20, "output": 5},
            cost_details={"input": 0.001, "output": 0.002},
        )
        return f"Answer to: {question}"

    @observe
    def turn(question: str, session_id: str) -> str:
        output = answer(question)
        get_client().update_current_trace(session_id=session_id, user_id="ada")
        return output

    for number in range(2):
        for question in ("Wo ist 東京?", "And Ottawa?"):
            # The decorator takes the key, which its type does not say.
            turn(question, f"{run}-session-{number}", langfuse_public_key=public_key)  # type: ignore[call-arg]
    client = get_client(public_key=public_key)
    with client.start_as_current_span(name="by hand") as span:
        span.update_trace(session_id=f"{run}-session-0")
    client.flush()

    stored = _assert_stored(running, memory.get_finished_spans())
    sessions = views.sessions(running.store.query, "default")
    first, second = sessions[f"{run}-session-0"], sessions[f"{run}-session-1"]
    assert (first.trace_count, first.span_count, first.generation_count) == (3, 5, 2)
    assert (second.trace_count, second.span_count, second.generation_count) == (2, 4, 2)
    assert (first.input_tokens, first.output_tokens, first.total_tokens) == (40, 10, 50)
    assert float(first.cost) == pytest.approx(0.006)
    assert first.user_ids == ("ada",)
    assert first.models == ("gpt-4o",)
    assert "Wo ist" in second.first_input
    assert "Ottawa" in second.last_output
    replayed = views.replay(running.store.query, "default", f"{run}-session-0")
    assert len(replayed) == 5
    assert set(replayed) <= stored


def _send_turn(tracer: Tracer, session: str, turn: int) -> None:
    """Send a trace as an application would; what holds the session id differs by turn."""
    on_root = {"session.id": session} if turn % 2 == 0 else {}
    on_child = {"session.id": session} if turn % 2 == 1 else {}
    with tracer.start_as_current_span(
        "turn", attributes={**on_root, "user.id": "ada", "input.value": f"Frage {turn}: 何?"}
    ) as root:
        with tracer.start_as_current_span("tool", attributes=on_child) as tool:
            if turn == 1:
                tool.record_exception(TimeoutError("too slow"))
                tool.set_status(StatusCode.ERROR, "too slow")
        for call in range(2):
            with tracer.start_as_current_span(
                "chat",
                attributes={
                    "gen_ai.request.model": "gpt-4o",
                    "gen_ai.usage.input_tokens": 100 + call,
                    "gen_ai.usage.output_tokens": 10 * turn + call,
                    "gen_ai.usage.cost": 0.001 * (call + 1),
                },
            ):
                pass
        root.set_attribute("output.value", f"Antwort {turn} 🎉")


def _assert_exact(running: processes.Pipeline, finished: Sequence[ReadableSpan], run: str) -> None:
    _assert_stored(running, finished)
    sent = [_sent(span) for span in finished]
    sessions = views.sessions(running.store.query, "default")
    expected = model.sessions(sent)
    assert expected == {key: found for key, found in sessions.items() if key.startswith(run)}
    traces = views.traces(running.store.query, "default")
    assert model.traces(sent) == {
        key: trace for key, trace in traces.items() if trace.session_id.startswith(run)
    }
    for session_id in expected:
        replayed = views.replay(running.store.query, "default", session_id)
        assert model.replay(sent, session_id) == replayed


def _assert_stored(running: processes.Pipeline, finished: Sequence[ReadableSpan]) -> set[str]:
    """Wait for the spans and hold each against what was sent; return their ids."""
    expected = sorted(
        (
            f"{span.context.span_id:016x}",
            f"{span.parent.span_id:016x}" if span.parent else "",
            span.name,
            span.start_time,
            (span.end_time or 0) - (span.start_time or 0),
            span.status.status_code.name.title(),
            len(span.events),
        )
        for span in finished
    )
    ids = {row[0] for row in expected}
    found: list[tuple[Any, ...]] = []

    def arrived() -> bool:
        found[:] = running.store.query(
            "SELECT SpanId, ParentSpanId, SpanName, toUnixTimestamp64Nano(Timestamp), Duration,"
            " StatusCode, length(Events.Name) FROM spans"
            " WHERE Project = 'default' AND SpanId IN {ids:Array(String)} ORDER BY SpanId",
            {"ids": sorted(ids)},
        )
        return len(found) == len(expected) and running.is_drained()

    processes.wait_until(arrived, what=f"{len(ids)} spans are stored", seconds_max=30)
    assert expected == found
    return ids


def _sent(span: ReadableSpan) -> SentSpan:
    return SentSpan(
        trace_id=f"{span.context.trace_id:032x}",
        span_id=f"{span.context.span_id:016x}",
        parent_span_id=f"{span.parent.span_id:016x}" if span.parent else "",
        name=span.name,
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        attributes=dict(span.attributes or {}),  # type: ignore[arg-type] # only plain values here
        resource=dict(span.resource.attributes),  # type: ignore[arg-type] # likewise
        is_error=span.status.status_code is StatusCode.ERROR,
        received_ns=time.time_ns(),
    )

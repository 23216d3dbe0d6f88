"""`sessiontrail demo`: a few chat sessions as a real application would send them."""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.re import parse_env_headers

from runtime.config import Config
from runtime.errors import ConfigError, NotAuthenticated, StoreUnavailable
from runtime.key_ring import KeyRing
from schemas.envelope import DEFAULT_PROJECT

_SECOND_NS = 10**9
# What stands in a statement for a project that only the receiver knows.
_UNKNOWN = "PROJECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its answer; `fails` makes the tool call in between an error."""

    question: str
    answer: str
    tool: str = ""
    fails: bool = False


_SESSIONS: dict[str, tuple[Turn, ...]] = {
    "order-help": (
        Turn(
            question="Where is my order 4711? It has been a week.",
            answer="It left the warehouse on Monday and arrives on Thursday.",
            tool="lookup_order",
        ),
        Turn(
            question="Can you send it to my office instead?",
            answer="The courier does not answer right now. I have noted your wish.",
            tool="change_address",
            fails=True,
        ),
        Turn(question="Thank you!", answer="You are welcome. Anything else?"),
    ),
    "reise-nach-日本": (
        Turn(
            question="Plane mir drei Tage in 京都 für zwei Personen 🏯",
            answer="Gern! Tag 1: Fushimi Inari ⛩️ und Gion …",
            tool="search_sights",
        ),
        Turn(
            question="Und wo essen wir?", answer="Im Nishiki-Markt: 豆腐, たこ焼き und Matcha 🍵."
        ),
    ),
    "sql-tutor": tuple(
        Turn(question=f"Explain {a_join} join.", answer=f"{a_join.capitalize()} join keeps … rows.")
        for a_join in ("an inner", "a left", "a full")
    ),
}


def send(config: Config) -> None:
    """
    Send the sessions through the OpenTelemetry SDK and print how to look at them.

    Raises:
        StoreUnavailable: nobody receives spans at the configured address.
    """
    run = secrets.token_hex(3)
    scheme = "https" if config.ingest.tls.cert_file else "http"
    exporter = _Checking(OTLPSpanExporter(endpoint=f"{scheme}://{config.ingest.grpc.endpoint}"))
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "demo-chat", "deployment.environment.name": "demo"}
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("sessiontrail.demo")
    ids = [f"demo-{name}-{run}" for name in _SESSIONS]
    for number, (session, turns) in enumerate(zip(ids, _SESSIONS.values(), strict=True)):
        start_ns = time.time_ns() - (600 - 120 * number) * _SECOND_NS
        for turn in turns:
            start_ns = _trace(tracer, session, f"user-{number}", turn, start_ns) + 20 * _SECOND_NS
    provider.shutdown()
    if exporter.failed:
        raise StoreUnavailable(
            f"the spans were not taken at {config.ingest.grpc.endpoint}: the lines above say why."
            " If UNAVAILABLE, is 'sessiontrail up' running? If UNAUTHENTICATED or"
            " PERMISSION_DENIED, give the key of an editor by OTEL_EXPORTER_OTLP_HEADERS, as"
            " 'sessiontrail keys create --project NAME' prints it"
        )
    _print_queries(config, _project(config), ids)


class _Checking(SpanExporter):
    """An exporter that remembers whether one of its exports failed."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.failed = False
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.failed:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        self.failed = result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _trace(tracer: Tracer, session: str, user: str, turn: Turn, start_ns: int) -> int:
    """Send one turn as a trace: a root, perhaps a tool call, a generation. Returns its end."""
    # Only the root carries the session id: that is all most applications set.
    root = tracer.start_span(
        "chat turn",
        start_time=start_ns,
        attributes={
            "session.id": session,
            "user.id": user,
            "input.value": turn.question,
            "output.value": turn.answer,
            "openinference.span.kind": "CHAIN",
        },
    )
    context = set_span_in_context(root)
    now_ns = start_ns + _SECOND_NS // 10
    if turn.tool:
        tool = tracer.start_span(
            f"execute_tool {turn.tool}",
            context=context,
            start_time=now_ns,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": turn.tool,
                "gen_ai.tool.call.arguments": json.dumps({"query": turn.question}),
            },
        )
        now_ns += _SECOND_NS // 2
        if turn.fails:
            _fail(tool, now_ns)
        tool.end(now_ns)
    dice = random.Random(turn.question)  # noqa: S311 - figures for a demo
    generation = tracer.start_span(
        "chat gpt-4o",
        context=context,
        start_time=now_ns,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "content": turn.question}], ensure_ascii=False
            ),
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "content": turn.answer}], ensure_ascii=False
            ),
            "gen_ai.usage.input_tokens": dice.randrange(200, 900),
            "gen_ai.usage.output_tokens": dice.randrange(20, 200),
            "gen_ai.usage.cost": round(dice.uniform(0.001, 0.02), 6),
        },
    )
    now_ns += 2 * _SECOND_NS
    generation.end(now_ns)
    root.end(now_ns)
    return now_ns


def _fail(span: Span, now_ns: int) -> None:
    span.record_exception(TimeoutError("the courier did not answer"), timestamp=now_ns)
    span.set_status(Status(StatusCode.ERROR, "the courier did not answer"))


def _project(config: Config) -> str:
    """Return the project of the key that was sent; nothing if the keys are not known here."""
    told = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or os.environ.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    authorization = parse_env_headers(told, liberal=True).get("authorization")
    if not authorization:
        return DEFAULT_PROJECT
    try:
        return KeyRing(config.keys_file).authenticate(authorization).project
    except (ConfigError, NotAuthenticated):
        return ""


def _print_queries(config: Config, project: str, ids: list[str]) -> None:
    url = config.store.url or f"http://{config.store.endpoint}"
    sessions = (
        "SELECT SessionId, TraceCount, SpanCount, ErrorCount, TotalTokens, round(Cost, 4) AS Cost, "  # noqa: S608 - text for a person
        f"FirstInput FROM sessions WHERE Project = '{project or _UNKNOWN}'"
        " ORDER BY EndTime DESC LIMIT 10"
    )
    view = f"session_replay(project='{project or _UNKNOWN}', session_id='{ids[0]}')"
    columns = "formatDateTime(Timestamp, '%T') AS At, Type, SpanName, StatusCode, Input, Output"
    replay = f"SELECT {columns} FROM {view}"  # noqa: S608 - text for a person
    page = f"/sessions?project={project}" if project not in {"", DEFAULT_PROJECT} else ""
    click.echo(
        f"Sent {len(ids)} sessions. In a second they are at http://{config.query.endpoint}{page}\n"
    )
    if not project:
        click.echo(
            f"{_UNKNOWN} below is the project of your key, which is not in {config.keys_file};"
            f" '{DEFAULT_PROJECT}' if the receiver has no keys.\n"
        )
    click.echo("Or look at them with plain SQL:\n")
    for statement in (sessions, replay):
        click.echo(f'curl {url} --data-binary "{statement} FORMAT PrettyCompact"\n')

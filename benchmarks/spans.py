"""
The spans to measure with: bodies of OTLP requests, made faster than they can be taken in.

A request is serialised once and cut at its ids. Each time it is sent the pieces are joined around
fresh ids, so that no trace, span or session of a run is ever repeated: repeated ids would be merged
away, and would flatter the store, its indexes and its compression.
"""

from __future__ import annotations

import itertools
import operator
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

TRACES_PER_SESSION = 10
KINDS = (Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)

_Value = str | int | float | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the requests of a run look like."""

    name: str
    spans_per_request: int
    spans_per_trace: int
    text_bytes: int  # of input.value and output.value together
    templates: int
    open_sessions: int  # how many are going on at a time

    @property
    def traces_per_request(self) -> int:
        """How many traces a request holds, each of them whole."""
        return self.spans_per_request // self.spans_per_trace


# The spans of an HTTP service that calls a model, without texts; 64 templates of 512 spans.
SMALL = Shape(
    name="490 B",
    spans_per_request=512,
    spans_per_trace=8,
    text_bytes=0,
    templates=64,
    open_sessions=500,
)
# Calls of a model with all that was said; 80 templates of 25 texts are 40 MB that do not repeat.
LARGE = Shape(
    name="20 KB",
    spans_per_request=25,
    spans_per_trace=5,
    text_bytes=18_200,
    templates=80,
    open_sessions=100,
)
SHAPES = {"small": SMALL, "large": LARGE}


@dataclass(frozen=True, slots=True)
class _Template:
    """The pieces of a serialised request, and for each gap between them which id belongs there."""

    pieces: list[bytes]
    ids: Callable[[Sequence[bytes]], tuple[bytes, ...]]


class Requests:
    """An endless supply of request bodies of one shape."""

    def __init__(self, shape: Shape, *, seed: int = 0) -> None:
        self.shape = shape
        self._random = random.Random(seed or time.time_ns())
        self._open = [self._new_session() for _ in range(shape.open_sessions)]
        maker = _Maker(shape, random.Random(7))
        self._templates = itertools.cycle([maker.template() for _ in range(shape.templates)])

    def next(self) -> bytes:
        """Return a body that was never returned before."""
        shape, template = self.shape, next(self._templates)
        traces, spans = shape.traces_per_request, shape.spans_per_request
        noise = self._random.randbytes(16 * traces + 8 * spans)
        ids = [noise[at : at + 16] for at in range(0, 16 * traces, 16)]
        ids += [noise[at : at + 8] for at in range(16 * traces, len(noise), 8)]
        ids += [self._session() for _ in range(traces)]
        pieces = template.pieces
        pieces[1::2] = template.ids(ids)
        return b"".join(pieces)

    def _session(self) -> bytes:
        """Return the session of the next trace; one that has had its traces makes room."""
        at = self._random.randrange(len(self._open))
        session = self._open[at]
        session[1] += 1
        if session[1] == TRACES_PER_SESSION:
            self._open[at] = self._new_session()
        return bytes(session[0])

    def _new_session(self) -> list[Any]:
        return [b"session-" + self._random.randbytes(8).hex().encode(), 0]


def one_span(session: str) -> bytes:
    """Return a request of one small span."""
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=random.randbytes(16),
            span_id=random.randbytes(8),
            name="probe",
            start_time_unix_nano=time.time_ns() - 10**6,
            end_time_unix_nano=time.time_ns(),
        )
    )
    span.attributes.extend(_attributes({"session.id": session}))
    return bytes(request.SerializeToString())


class _Maker:
    """Makes templates. Their ids are placeholders, found again in the serialised request."""

    def __init__(self, shape: Shape, source: random.Random) -> None:
        self._shape = shape
        self._random = source
        self._words = [
            "".join(source.choices("etaoinshrdlucmfwyp", k=n % 9 + 2)) for n in range(6000)
        ]
        # Few words are frequent and most are rare, as in any language.
        self._weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(6000)))

    def template(self) -> _Template:
        shape = self._shape
        traces = [self._random.randbytes(16) for _ in range(shape.traces_per_request)]
        spans = [self._random.randbytes(8) for _ in range(shape.spans_per_request)]
        sessions = [self._random.randbytes(8).hex() for _ in traces]
        names = [f"session-{session}".encode() for session in sessions]
        body = self._request(traces, spans, names)
        places = {id_: place for place, id_ in enumerate([*traces, *spans, *names])}
        pieces, holes, done = [], [], 0
        for id_ in self._ids_in_order(traces, spans, names):
            at = body.index(id_, done)
            pieces += [body[done:at], b""]
            holes.append(places[id_])
            done = at + len(id_)
        return _Template([*pieces, body[done:]], operator.itemgetter(*holes))

    def _ids_in_order(
        self, traces: list[bytes], spans: list[bytes], names: list[bytes]
    ) -> list[bytes]:
        """The order of their fields in a span: trace, span, parent (not the root's), attributes."""
        order = []
        for number, span in enumerate(spans):
            trace, place = divmod(number, self._shape.spans_per_trace)
            root = [spans[number - place]] if place else []
            order += [traces[trace], span, *root, names[trace]]
        return order

    def _request(self, traces: list[bytes], spans: list[bytes], names: list[bytes]) -> bytes:
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(self._resource())
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "opentelemetry.instrumentation.openai"
        scope_spans.scope.version = "0.62"
        for number, span_id in enumerate(spans):
            trace, place = divmod(number, self._shape.spans_per_trace)
            if place == 0:
                start = time.time_ns() - self._random.randrange(60 * 10**9)
            span = scope_spans.spans.add(
                trace_id=traces[trace],
                span_id=span_id,
                parent_span_id=spans[number - place] if place else b"",
                name="chat gpt-4o" if number % 2 else "POST /v1/chat",
                kind=KINDS[number % 3],
                start_time_unix_nano=start + place * 10**6 + self._random.randrange(10**6),
            )
            span.end_time_unix_nano = span.start_time_unix_nano + self._random.randrange(10**9)
            # The session comes first: the other ids of a span stand before its attributes.
            span.attributes.extend(_attributes({"session.id": names[trace].decode()}))
            span.attributes.extend(self._attributes(number))
            span.status.code = Status.STATUS_CODE_OK
            if number % 16 == 0:
                self._fail(span)
        return bytes(request.SerializeToString())

    def _resource(self) -> list[KeyValue]:
        return _attributes(
            {
                "service.name": "chat-api",
                "service.version": "1.2.3",
                "host.name": f"h{self._random.randrange(10)}",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": "1.45.0",
                "deployment.environment.name": "prod",
            }
        )

    def _attributes(self, number: int) -> list[KeyValue]:
        attributes: dict[str, _Value] = {
            "user.id": f"user-{number % 97}",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": self._random.randrange(4000),
            "gen_ai.usage.output_tokens": self._random.randrange(900),
            "http.request.method": "POST",
            "http.response.status_code": 200,
            "url.path": "/v1/chat/completions",
            "server.address": "api.example.com",
            "gen_ai.request.temperature": 0.7,
            "gen_ai.response.finish_reasons": ["stop"],
        }
        if self._shape.text_bytes:
            attributes["input.value"] = self._conversation(self._shape.text_bytes * 3 // 4)
            attributes["output.value"] = self._text(self._shape.text_bytes // 4)
        return _attributes(attributes)

    def _conversation(self, size: int) -> str:
        """A list of messages as JSON, as SDKs record what a model was told."""
        turns = [
            f'{{"role": "{role}", "content": "{self._text(size // 6)}"}}'
            for role in ("system", "user", "assistant", "user", "tool", "user")
        ]
        return f"[{', '.join(turns)}]"

    def _text(self, size: int) -> str:
        """Mixed text: words, numbers, other alphabets, and the ids and links of retrieved text."""
        parts: list[str] = []
        length = 0
        while length < size:
            parts += self._random.choices(self._words, cum_weights=self._weights, k=12)
            parts.append(
                self._random.choice(
                    (
                        f"{self._random.random() * 1000:.2f}.",
                        "für größere Städte",
                        "東京の天気は晴れです。",
                        f"https://example.com/{self._random.randbytes(6).hex()}",
                        "\\n\\n- ",
                    )
                )
            )
            length += sum(map(len, parts[-13:])) + 13
        return " ".join(parts)[:size]

    def _fail(self, span: Any) -> None:
        event = span.events.add(name="exception", time_unix_nano=span.start_time_unix_nano + 5)
        event.attributes.extend(_attributes({"exception.type": "ValueError"}))
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = "boom"


def _attributes(values: dict[str, _Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in values.items()]


def _any_value(value: _Value) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            array = ArrayValue(values=[AnyValue(string_value=item) for item in value])
            return AnyValue(array_value=array)

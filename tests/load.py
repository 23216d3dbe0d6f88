"""A load that behaves as exporters do: it sends until it is told that its spans are safe."""

from __future__ import annotations

import random
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from tests import otlp
from tests.model import SentSpan

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
}
_ATTEMPT_SECONDS_MAX = 10.0
_GIVE_UP_SECONDS = 240.0


@dataclass
class Load:
    """Senders on both transports, each with one request under way at a time."""

    grpc_address: str
    http_address: str
    seed: int
    senders: int = 4
    acknowledged: list[SentSpan] = field(default_factory=list)
    retries: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _turns: list[threading.Lock] = field(default_factory=list)

    def start(self) -> None:
        """Begin sending."""
        self._turns = [threading.Lock() for _ in range(self.senders)]
        for number in range(self.senders):
            thread = threading.Thread(target=self._send_all, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop once every request under way is acknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_GIVE_UP_SECONDS)
            assert not thread.is_alive(), "a sender was never acknowledged"

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing meanwhile: every request under way is acknowledged before."""
        with ExitStack() as turns:
            for turn in self._turns:
                turns.enter_context(turn)
            yield

    def _send_all(self, number: int) -> None:
        dice = random.Random(f"{self.seed}-{number}")
        with grpc.insecure_channel(
            self.grpc_address, options=[("grpc.max_reconnect_backoff_ms", 500)]
        ) as channel:
            export = channel.unary_unary(_EXPORT)
            while not self._stop.is_set():
                with self._turns[number]:
                    self._send(export, dice, over_grpc=number % 2 == 0)

    def _send(
        self, export: grpc.UnaryUnaryMultiCallable, dice: random.Random, *, over_grpc: bool
    ) -> None:
        """Send a trace until it is acknowledged."""
        spans = _trace(dice)
        body = otlp.request(spans)
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while not self._attempt(export, body, over_grpc=over_grpc):
            assert time.monotonic() < deadline
            self.retries += 1
            time.sleep(dice.uniform(0.02, 0.2))
        # Sometimes an acknowledgement gets lost on its way, and the same comes again.
        if dice.random() < 0.1:
            self._attempt(export, body, over_grpc=over_grpc)
        with self._lock:
            self.acknowledged += spans

    def _attempt(
        self, export: grpc.UnaryUnaryMultiCallable, body: bytes, *, over_grpc: bool
    ) -> bool:
        """Return whether the spans were acknowledged; fail on a refusal that is final."""
        if over_grpc:
            try:
                response = export(body, timeout=_ATTEMPT_SECONDS_MAX)
            except grpc.RpcError as error:
                assert error.code() in _RETRYABLE, error
                return False
            _assert_accepted(response)
            return True
        request = urllib.request.Request(
            f"{self.http_address}/v1/traces",
            data=body,
            headers={"Content-Type": "application/x-protobuf"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_ATTEMPT_SECONDS_MAX) as answer:
                _assert_accepted(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            assert error.code in {429, 502, 503, 504}, error
            return False
        except (OSError, TimeoutError):
            return False
        return True


def _assert_accepted(response: bytes) -> None:
    """Fail if a span was rejected. A server may leave the answer empty, or say so in it."""
    partial = ExportTraceServiceResponse.FromString(response).partial_success
    assert partial == ExportTracePartialSuccess(), partial


def _trace(dice: random.Random) -> list[SentSpan]:
    """Return a trace of a few spans; its session id is on any one of them."""
    trace_id = secrets.token_hex(16)
    root_id = secrets.token_hex(8)
    count = dice.randrange(1, 8)
    carrier = dice.randrange(count)
    start_ns = time.time_ns() - 10**9
    spans = []
    for number in range(count):
        attributes: dict[str, str | int | float] = {"user.id": f"user-{dice.randrange(5)}"}
        if number == carrier:
            attributes["session.id"] = f"session-{dice.randrange(25)}"
        if number:
            attributes["gen_ai.request.model"] = "gpt-4o"
            attributes["gen_ai.usage.input_tokens"] = dice.randrange(1000)
            attributes["gen_ai.usage.cost"] = dice.randrange(1000) / 1000
        spans.append(
            SentSpan(
                trace_id=trace_id,
                span_id=root_id if number == 0 else secrets.token_hex(8),
                parent_span_id="" if number == 0 else root_id,
                name=f"step {number}",
                start_ns=start_ns + number,
                end_ns=start_ns + number + dice.randrange(10**9),
                attributes=attributes,
                resource={"service.name": f"service-{dice.randrange(3)}"},
                is_error=dice.random() < 0.1,
                received_ns=time.time_ns(),
            )
        )
    return spans

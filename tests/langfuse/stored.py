"""Spans that are there before something is asked: at a time that no other test has."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from tests import otlp, processes
from tests.model import Attributes, SentSpan

_DAY_NS = 86_400 * 10**9
_HOUR_NS = 3600 * 10**9


class Past:
    """An hour of the last year, and the spans in it."""

    def __init__(self, running: processes.Pipeline) -> None:
        self._running = running
        ago = _DAY_NS + secrets.randbelow(300 * 24) * _HOUR_NS
        self._start_ns = (time.time_ns() - ago) // _HOUR_NS * _HOUR_NS
        self.prefix = secrets.token_hex(4)
        self.spans: list[SentSpan] = []
        print(f"hour {self._start_ns}, prefix {self.prefix}")

    def window(self) -> Mapping[str, str]:
        """Return the hour as the parameters of a list."""
        start, end = (
            datetime.fromtimestamp((self._start_ns + later) // 10**9, UTC).isoformat()
            for later in (0, _HOUR_NS)
        )
        return {"fromTimestamp": start, "toTimestamp": end}

    def span(
        self, second: int, *, of: SentSpan | None = None, name: str = "span", **attributes: str
    ) -> SentSpan:
        """
        Add a span that begins so many seconds into the hour: a root, or a child of `of`. In the
        names of attributes two underscores are a dot.
        """
        start_ns = self._start_ns + second * 10**9
        said: Attributes = {key.replace("__", "."): text for key, text in attributes.items()}
        span = SentSpan(
            trace_id=of.trace_id if of else secrets.token_hex(16),
            span_id=secrets.token_hex(8),
            parent_span_id=of.span_id if of else "",
            name=name,
            start_ns=start_ns,
            end_ns=start_ns + 10**9,
            attributes=said,
            received_ns=0,
        )
        self.spans.append(span)
        return span

    def store(self) -> None:
        """Return once all spans are stored, and their sessions with them."""
        self._running.send(otlp.request(self.spans))
        processes.wait_until(self._are_stored, what="the spans are stored")

    def _are_stored(self) -> bool:
        found = self._running.store.query(
            "SELECT uniqExact(SpanId) FROM spans WHERE TraceId IN {traces:Array(String)}",
            {"traces": sorted({span.trace_id for span in self.spans})},
        )
        return found == [(len(self.spans),)] and self._running.is_drained()

"""
The lag as a user would see it: small sessions sent now and then, and looked for until they show.

They go the same way as the load, from the exporter's port to the view `sessions`.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc

from benchmarks.load import METHOD
from benchmarks.spans import one_span
from tests.processes import Pipeline, Store

# Looking costs the store a few milliseconds each time.
_SEND_SECONDS = 0.25
_LOOK_SECONDS = 0.2
_LOOK = """
SELECT SessionId FROM sessions WHERE Project = 'default' AND SessionId IN {ids:Array(String)}
"""


class Probe:
    """Sends marked sessions of one span each, and notes when each can be queried."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.sent = 0
        self.lags: list[float] = []
        self._target = pipeline.grpc
        self._store = Store(address=pipeline.store.address)
        self._ended = threading.Event()
        self._missing: dict[str, float] = {}

    @contextmanager
    def probing(self) -> Iterator[None]:
        """Probe for as long as the context lasts, and then until the last one was found."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(timeout=120)

    def _run(self) -> None:
        with closing(self._store), grpc.insecure_channel(self._target) as channel:
            export = channel.unary_unary(METHOD)
            due = time.monotonic()
            while self._missing or not self._ended.is_set():
                if time.monotonic() >= due and not self._ended.is_set():
                    self._send(export)
                    due = time.monotonic() + _SEND_SECONDS
                self._look()
                time.sleep(_LOOK_SECONDS)

    def _send(self, export: Any) -> None:
        name = f"probe-{secrets.token_hex(8)}"
        try:
            export(one_span(name), timeout=10)
        except grpc.RpcError:
            return  # refused: the load is there to count that
        self.sent += 1
        self._missing[name] = time.perf_counter()

    def _look(self) -> None:
        if self._missing:
            found = self._store.query(_LOOK, {"ids": list(self._missing)})
            now = time.perf_counter()
            self.lags += [now - self._missing.pop(name) for (name,) in found]

"""What is logged: news at once, and what lasts now and then."""

from __future__ import annotations

import time

import pytest
from structlog.testing import capture_logs

from runtime import events


def test_an_outage_is_no_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trouble is told at once, and again once a minute for as long as it lasts."""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with capture_logs() as lines:
        for _ in range(150):  # two troubles, each second, for two minutes and a half
            now += 1
            for error in ("spans: no broker", "logs: no broker"):
                events.buffer_unreachable(client="producer", error=error)
                events.stage_retried(stage="consume", error=error, wait_seconds=1)
    told = [(line["event"], line["error"]) for line in lines]
    assert len(told) == 12
    assert len(set(told[:4])) == 4


def test_other_troubles_are_told_meanwhile() -> None:
    """Of another client, another stage or for another reason."""
    with capture_logs() as lines:
        for client in ("admin", "consumer"):
            for error in ("refused", "no answer"):
                events.buffer_unreachable(client=client, error=error)
    assert [(line["client"], line["error"]) for line in lines] == [
        ("admin", "refused"),
        ("admin", "no answer"),
        ("consumer", "refused"),
        ("consumer", "no answer"),
    ]

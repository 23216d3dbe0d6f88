"""How often the buffer is asked whether it would take records, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from ingest import readiness
from ingest.readiness import Readiness
from tests.fakes import RecordingProducer


class _Counting(RecordingProducer):
    """Counts the questions, and answers none of them while it hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def check(self) -> None:
        self.asked += 1
        await self.answers.wait()
        await super().check()


async def test_many_who_ask_cost_one_question() -> None:
    """Load balancers ask often, and each of them."""
    producer = _Counting()
    waits_for = Readiness(producer).waits_for
    assert await asyncio.gather(*(waits_for() for _ in range(50))) == [[]] * 50
    assert await waits_for() == []
    assert producer.asked == 1


async def test_an_answer_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble is seen, and so is its end."""
    monkeypatch.setattr(readiness, "CHECK_SECONDS_MIN", 0.05)
    producer = _Counting()
    waits_for = Readiness(producer).waits_for
    assert await waits_for() == []
    producer.mode = "failing"
    await asyncio.sleep(0.06)
    assert await waits_for() == ["buffer: the log is away"]
    producer.mode = "ok"
    await asyncio.sleep(0.06)
    assert await waits_for() == []


async def test_a_buffer_that_does_not_answer_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is bounded in time, and a hanging buffer is not asked again and again."""
    monkeypatch.setattr(readiness, "CHECK_SECONDS_MIN", 0.01)
    monkeypatch.setattr(readiness, "_ANSWER_SECONDS_MAX", 0.05)
    producer = _Counting()
    producer.answers.clear()
    waits_for = Readiness(producer).waits_for
    for _ in range(3):
        assert await waits_for() == ["buffer: no answer in time"]
    assert producer.asked == 1
    producer.answers.set()
    await asyncio.sleep(0.02)
    assert await waits_for() == []

"""What a process holds: bounded, shared among projects, and let go of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from ingest.admission import Gate, Request
from ingest.rates import Rates
from ingest.status import Overloaded, ProjectOverloaded, Throttled
from ingest.window import Window
from runtime import events
from runtime.ingest_config import REQUEST_OVERHEAD_BYTES, IngestConfig
from runtime.metrics import REGISTRY

MIB = 2**20


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Return a gate for 64 MiB, that lets a project "slow" send 1 MiB/s and has refused nobody."""
    monkeypatch.setattr(events, "_projects", set())
    limits = {"inflight_bytes_max": "64MiB", "rate": {"projects": {"slow": "1MiB"}}}
    return Gate(IngestConfig.model_validate(limits))


@pytest.fixture
def requests() -> Iterator[ExitStack]:
    """Yield what ends all requests of a test."""
    with ExitStack() as stack:
        yield stack


def enter(gate: Gate, requests: ExitStack, project: str, size: int) -> None:
    """Let one request in until the test ends, or raise why it is not."""
    with ExitStack() as refused:
        request = Request(gate, "test")
        refused.callback(request.leave)
        request.enter(project)
        request.hold(size)
        requests.push(refused.pop_all())


def fill(gate: Gate, requests: ExitStack, project: str, *, size: int = MIB) -> int:
    """Let requests of a project in until one is refused, and return how many were let in."""
    for count in range(1000):
        try:
            enter(gate, requests, project, size)
        except ProjectOverloaded:
            return count
    raise AssertionError("nothing was refused")


def test_a_project_leaves_as_much_to_others_as_it_takes(gate: Gate, requests: ExitStack) -> None:
    """One takes half, a second one a third of all then, and a third one still gets in."""
    cost = MIB + REQUEST_OVERHEAD_BYTES
    first = fill(gate, requests, "noisy")
    assert 64 * MIB / 2 - cost < first * cost <= 64 * MIB / 2

    second = fill(gate, requests, "loud")
    assert 64 * MIB / 4 - cost < second * cost <= 64 * MIB / 4

    enter(gate, requests, "quiet", 7 * MIB)
    assert fill(gate, requests, "noisy") == 0


def test_the_only_request_of_a_project_may_take_all_that_is_free(
    gate: Gate, requests: ExitStack
) -> None:
    """The largest ones would be refused for ever otherwise."""
    enter(gate, requests, "large", 63 * MIB)

    with pytest.raises(Overloaded, match="inflight_bytes_max"):
        enter(gate, requests, "other", MIB)


def test_many_small_requests_are_bounded_as_well(gate: Gate, requests: ExitStack) -> None:
    """Without a body, a request still takes memory."""
    assert fill(gate, requests, "tiny", size=0) == 64 * MIB / 2 / REQUEST_OVERHEAD_BYTES


def test_what_is_let_go_of_is_free_again(gate: Gate) -> None:
    """Whichever way a request ends."""
    for ending in (None, Overloaded("no"), ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(ending)) if ending else ExitStack(), gate.admit("test") as request:
            request.enter("shop")
            request.hold(60 * MIB)
            request.release(10 * MIB)
            if ending:
                raise ending


def refuse(gate: Gate, project: str) -> None:
    """Send what is larger than everything."""
    with suppress(Overloaded), gate.admit("test") as request:
        request.enter(project)
        request.hold(65 * MIB)


def test_refusals_are_counted_by_cause_and_project(gate: Gate) -> None:
    """An operator sees who is held off, and why."""
    before = _refused("memory", "refused-here")
    refuse(gate, "refused-here")

    assert _refused("memory", "refused-here") - before == 1


def test_only_a_hundred_projects_have_a_name_in_the_metrics(gate: Gate) -> None:
    """There may be any number of projects."""
    for number in range(200):
        refuse(gate, f"one-of-many-{number}")

    assert _refused("memory", "one-of-many-199") == 0
    assert _refused("memory", "(others)") > 0


def _refused(cause: str, project: str) -> float:
    labels = {"cause": cause, "project": project}
    return REGISTRY.get_sample_value("sessiontrail_refused_requests_total", labels) or 0


def test_a_rate_holds_one_project_off_and_no_other(gate: Gate) -> None:
    """It is told before its body is read, and when to come back."""
    with gate.admit("test") as request:
        request.enter("slow")
        request.charge(15 * MIB)
    with pytest.raises(Throttled, match=r"ingest\.rate.*again in 5 s"), gate.admit("test") as late:
        late.enter("slow")
    with gate.admit("test") as other:
        other.enter("quick")


def test_a_bucket_fills_with_time() -> None:
    """Ten seconds of it may be sent at once, and what was overdrawn is waited for."""
    now = 0.0
    rates = Rates(100, {"free": None}, now=lambda: now)
    rates.charge("shop", 1000)
    assert rates.wait_seconds("shop") == 0
    rates.charge("shop", 1001)
    assert rates.wait_seconds("shop") == 11
    now = 10.0
    assert rates.wait_seconds("shop") == 1
    now = 1000.0
    rates.charge("shop", 1101)
    assert rates.wait_seconds("shop") == 2
    rates.charge("free", 10**9)
    assert rates.wait_seconds("free") == 0


def test_late_answers_make_the_window_smaller_and_others_larger() -> None:
    """Once a second at most, never below what a few requests need, never beyond the setting."""
    now = 10.0
    window = Window(64 * MIB, now=lambda: now)
    window.answered(0, seconds=2.0)
    assert window.bytes == 64 * MIB, "it has just begun"
    now += 1
    window.answered(0, seconds=1.1)
    window.answered(0, seconds=1.1)
    assert window.bytes == int(64 * MIB * 0.7)
    for _ in range(100):
        now += 1
        window.answered(0, seconds=8.0)
    assert window.bytes == 8 * MIB
    window.answered(64 * MIB, seconds=4.9)  # large ones take longer
    assert window.bytes == 8 * MIB, "no time has passed"
    for _ in range(50):
        now += 0.1
        window.answered(0, seconds=0.1)
    assert window.bytes == pytest.approx(16 * MIB, rel=0.01)
    now += 100
    window.answered(0, seconds=0.1)
    assert window.bytes == pytest.approx(32 * MIB, rel=0.01)
    for _ in range(10):
        now += 5
        window.answered(0, seconds=0.1)
    assert window.bytes == 64 * MIB


def test_the_window_is_shared_and_the_first_request_of_a_project_gets_in(
    gate: Gate, requests: ExitStack
) -> None:
    """However slow everything is, a project that was quiet is served."""
    gate.window.bytes = 16 * MIB
    assert fill(gate, requests, "noisy") == 7
    enter(gate, requests, "quiet", 30 * MIB)

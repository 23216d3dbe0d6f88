"""
Promise 2 and promise 4, as a property: whatever is sent, in whatever order, however often and
through however many crashes, the views say what a plain recomputation says.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffer.port import ConsumedRecord
from runtime.config import SessionsConfig, TimesConfig
from schemas.erasing import Erasing
from store.client import Store
from tests import model, processes
from tests.exactness import ErasingEarly, assert_exact, record
from tests.model import SentSpan
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

# A fixed moment, close to the end of an hour and of a day, so that traces cross both.
NOON_NS = 1_795_391_999 * 10**9
# Each example is a dozen batches, through a real store.
pytestmark = pytest.mark.timeout(900)
_projects = (f"property-{secrets.token_hex(3)}-{number}" for number in itertools.count())

_SESSION_ATTRIBUTES: Sequence[model.Attributes] = (
    {},
    {},
    {"session.id": "a"},
    {"session.id": "b"},
    {"langfuse.session.id": "a"},
    {"gen_ai.conversation.id": "c", "session.id": ""},
    {"session.id": 42},
    {"session.id": "[Scrubbed due to 'session']"},
    {"thread.id": "b", "session.id": "a"},
)
_OTHER_ATTRIBUTES: Sequence[model.Attributes] = (
    {},
    {"user.id": "u1"},
    {"gen_ai.request.model": "m1", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.cost": 0.1},
    {
        "gen_ai.request.model": "m2",
        "gen_ai.response.model": "m2-2026",
        "gen_ai.usage.output_tokens": 11,
        "gen_ai.usage.cost": 0.2,
        "user.id": "u2",
    },
    {"input.value": "hello 日本", "output.value": "bye"},
    {"output.value": "late", "user.id": "u1"},
    {"openinference.span.kind": "TOOL", "input.value": "order", "output.value": "found"},
)
_RESOURCES: Sequence[model.Attributes] = (
    {"service.name": "web"},
    {"service.name": "web", "session.id": "r"},
    {"service.name": "job"},
)
_START_OFFSETS_S = (0, 0, 1, 2, 3600, -7200, 40 * 86400, -500 * 86400, 3 * 86400)
_DURATIONS_S = (0, 1, 1, 5, -1, 900 * 86400)


@st.composite
def sent_spans(draw: st.DrawFn) -> list[SentSpan]:
    """A few traces of a few spans, some sent again with changes, each in its own request time."""
    spans: list[SentSpan] = []
    count = draw(st.integers(1, 14))
    for number in range(count):
        trace, span = draw(st.integers(1, 3)), draw(st.integers(1, 4))
        received_ns = NOON_NS + number * 7 * 10**9 + number
        # Most starts lie in the past of their receipt; some are impossible.
        start_ns = NOON_NS - 10**9 + draw(st.sampled_from(_START_OFFSETS_S)) * 10**9
        spans.append(
            SentSpan(
                trace_id=f"{trace:032x}",
                span_id=f"{span:016x}",
                parent_span_id="" if span == 1 else f"{draw(st.integers(1, 2)):016x}",
                name=f"span {draw(st.integers(1, 3))}",
                start_ns=start_ns,
                end_ns=start_ns + draw(st.sampled_from(_DURATIONS_S)) * 10**9,
                attributes={
                    **draw(st.sampled_from(_SESSION_ATTRIBUTES)),
                    **draw(st.sampled_from(_OTHER_ATTRIBUTES)),
                },
                resource=draw(st.sampled_from(_RESOURCES)),
                is_error=draw(st.booleans()),
                received_ns=received_ns,
                end_event_ns=draw(st.sampled_from([0, 0, start_ns, NOON_NS + 10**10, 1])),
            )
        )
    return spans


# A resolving that is cut off after so many statements.
_STEPS = {f"resolve{steps}": steps for steps in range(1, 6)}


@dataclass(frozen=True)
class Delivery:
    """How the records reach the store: `crashes` says after which step each batch was cut off."""

    batches: list[list[int]]  # indices of records
    crashes: list[str]
    workers: int
    # How many spans of large traces a batch may read (here all are), and how many traces for its
    # sessions; what is left waits for a refresh.
    spans_max: int = 50_000
    traces_max: int = 50_000


@st.composite
def deliveries(draw: st.DrawFn, count: int) -> Delivery:
    """Every record at least once, in any order and any batches, some of them cut off."""
    order = draw(st.permutations(range(count)))
    repeats = draw(st.lists(st.integers(0, count - 1), max_size=4))
    records = [*order, *repeats]
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(records) - 1)), max_size=4)))
    batches = [records[start:end] for start, end in itertools.pairwise([0, *cuts, len(records)])]
    batches = [batch for batch in batches if batch]
    crashes = [
        draw(st.sampled_from(["", "", "insert", "erase2", "erase4", "erase6", *_STEPS]))
        for _ in batches
    ]
    return Delivery(
        batches=batches,
        crashes=crashes,
        workers=draw(st.integers(1, 3)),
        spans_max=draw(st.sampled_from([0, 3, 50_000])),
        traces_max=draw(st.sampled_from([0, 2, 50_000])),
    )


@given(data=st.data(), spans=sent_spans())
@settings(max_examples=15)
def test_views_equal_a_recomputation(
    store: processes.Store, data: st.DataObject, spans: list[SentSpan]
) -> None:
    """Shuffled, split, repeated and interrupted deliveries all end in the same exact figures."""
    delivery = data.draw(deliveries(len(spans)))
    project = next(_projects)
    asyncio.run(_deliver(store, project, spans, delivery))
    assert_exact(store, project, spans)


@given(data=st.data(), spans=sent_spans())
@settings(max_examples=6)
def test_a_deleted_trace_is_gone_whenever_it_was_deleted(
    store: processes.Store, data: st.DataObject, spans: list[SentSpan]
) -> None:
    """
    Deleted while it is delivered, with deletions and workers that break off: what was received
    until the cut-off is gone, and what was received later is there.
    """
    delivery = data.draw(deliveries(len(spans)))
    cut_off_ns = data.draw(st.sampled_from(spans)).received_ns
    trace_id = f"{data.draw(st.integers(1, 3)):032x}"
    steps = data.draw(st.integers(1, 14))
    pauses = data.draw(st.integers(0, 20))
    project = next(_projects)

    async def delete() -> None:
        for _ in range(pauses):
            async with Store(store.config) as client:
                await client.query("SELECT 1")
        async with Store(store.config) as client:
            try:
                dying = ErasingEarly(_DyingStore(client, steps=steps), cut_off_ns)
                await dying.delete_trace(project, trace_id, author="ada")
            except _DiedError:
                again = ErasingEarly(client, cut_off_ns)
                await again.delete_trace(project, trace_id, author="ada")

    async def run() -> None:
        await asyncio.gather(_deliver(store, project, spans, delivery), delete())

    asyncio.run(run())
    left = [s for s in spans if s.trace_id != trace_id or s.received_ns > cut_off_ns]
    assert_exact(store, project, left)


@given(data=st.data(), spans=sent_spans())
@settings(max_examples=6)
def test_a_deleted_session_does_not_come_back(
    store: processes.Store, data: st.DataObject, spans: list[SentSpan]
) -> None:
    """What was stored and is delivered again, in any order and any batches, with new spans."""
    known = data.draw(st.integers(1, len(spans)))
    cut_off_ns = spans[known - 1].received_ns
    # What comes new are new spans: an older self that a merge has removed tells nothing any more.
    spans = [
        s if s.received_ns <= cut_off_ns else replace(s, span_id=f"{number + 100:016x}")
        for number, s in enumerate(spans)
    ]
    first = data.draw(deliveries(known))
    second = data.draw(deliveries(len(spans)))
    session_id = data.draw(st.sampled_from(["a", "b", "r"]))
    project = next(_projects)
    asyncio.run(_deliver(store, project, spans[:known], first))

    async def delete() -> None:
        async with Store(store.config) as client:
            await ErasingEarly(client, cut_off_ns).delete_session(project, session_id, author="ada")

    asyncio.run(delete())
    were_in = [t for t, trace in model.traces(spans[:known]).items()
               if trace.session_id == session_id]  # fmt: skip
    left = [s for s in spans if s.trace_id not in were_in or s.received_ns > cut_off_ns]
    assert_exact(store, project, [s for s in left if s.received_ns <= cut_off_ns])
    asyncio.run(_deliver(store, project, spans, second))
    assert_exact(store, project, left)


def test_figures_made_while_another_worker_resolves(store: processes.Store) -> None:
    """
    A refresh between the moment at which another worker takes its version and the moment at which
    its traces can be read makes figures without them: the session stays due.
    """
    first = SentSpan(
        trace_id="1" * 32,
        span_id="1" * 16,
        start_ns=NOON_NS,
        end_ns=NOON_NS + 1,
        attributes={"session.id": "large"},
        received_ns=NOON_NS + 1,
    )
    spans = [replace(first, trace_id=f"{number:032x}") for number in range(1, 4)]
    project = next(_projects)

    async def run() -> None:
        async with Store(store.config) as client:
            inserter = Inserter(client, sessions=SessionsConfig(), times=TimesConfig())
            batches = [Batch.of([record(n, project, span)]) for n, span in enumerate(spans)]
            for batch in batches:
                await inserter.insert(batch)
            # Its first makes the session, its second leaves the session due.
            await Resolver(client, traces_max=0).resolve(batches[0].id)
            await Resolver(client, traces_max=0).resolve(batches[1].id)
            await _Interrupted(client, traces_max=0).resolve(batches[2].id)
            await Resolver(client).refresh(idle=True)

    asyncio.run(run())
    assert_exact(store, project, spans)


class _Interrupted(Resolver):
    """A resolver that is slow after it has taken its first version: others refresh meanwhile."""

    _is_first = True

    async def _now(self) -> str:
        now = await super()._now()
        if self._is_first:
            self._is_first = False
            await Resolver(self._store).refresh(idle=True)
        return now


async def _deliver(
    running: processes.Store, project: str, spans: Sequence[SentSpan], delivery: Delivery
) -> None:
    records = [record(offset, project, span) for offset, span in enumerate(spans)]
    async with Store(running.config) as store:
        await store.execute(
            "INSERT INTO large_traces (Project, TraceId, SpanCount)"
            " SELECT {project:String}, arrayJoin({traces:Array(String)}), 2",
            {"project": project, "traces": sorted({span.trace_id for span in spans})},
        )
        todo = list(zip(delivery.batches, delivery.crashes, strict=True))
        async with asyncio.TaskGroup() as workers:
            for number in range(delivery.workers):
                mine = todo[number :: delivery.workers]
                workers.create_task(_work(store, records, mine, delivery))


async def _work(
    store: Store,
    records: Sequence[ConsumedRecord],
    todo: Sequence[tuple[list[int], str]],
    delivery: Delivery,
) -> None:
    """Do what a worker does; a batch that is cut off is done again, as part of a larger one."""
    inserter = Inserter(store, sessions=SessionsConfig(), times=TimesConfig())
    again: list[int] = []
    for indices, crash in todo:
        again += indices
        batch = Batch.of([records[index] for index in again])
        if await _process(inserter, store, batch, delivery, until=crash):
            again = []
    if again:
        batch = Batch.of([records[index] for index in again])
        await _process(inserter, store, batch, delivery, until="")
    await Resolver(store).refresh(idle=True)


async def _process(
    inserter: Inserter, store: Store, batch: Batch, delivery: Delivery, *, until: str
) -> bool:
    """Do a worker's steps, or stop after one as if it had died. Returns whether all are done."""
    await inserter.insert(batch)
    assert not batch.unreadable
    if until == "insert":
        return False
    erases = until.startswith("erase")
    erasing = Erasing(_DyingStore(store, steps=int(until[5:]) if erases else 99))
    resolver = Resolver(
        _DyingStore(store, steps=_STEPS.get(until, 99)),
        traces_max=delivery.traces_max,
        spans_max=delivery.spans_max,
    )
    try:
        received_ns = min(row.envelope.received_ns for row in batch.rows)
        await erasing.erase_deleted(batch.id, received_ns=received_ns)
        if erases:
            return False
        await resolver.resolve(batch.id)
    except _DiedError:
        return False
    return True


class _DiedError(Exception):
    pass


class _DyingStore(Store):
    def __init__(self, store: Store, *, steps: int) -> None:
        self._store = store
        self._steps = steps

    async def query(self, *args: Any, **kwargs: Any) -> Any:
        return await self._store.query(*args, **kwargs)

    async def execute(self, *args: Any, **kwargs: Any) -> None:
        if self._steps == 0:
            raise _DiedError
        self._steps -= 1
        await self._store.execute(*args, **kwargs)

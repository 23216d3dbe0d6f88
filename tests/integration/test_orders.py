"""
The order of arrival never matters: the same final state for every order in which the spans of a
case can arrive, cut into batches in every way.

Each order is a project of its own, and all of them go through the store side by side, in as many
batches as the longest case has spans. Then there must be one final state, the recomputed one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.config import SessionsConfig, TimesConfig
from schemas.erasing import Erasing
from store.client import Store
from tests import processes
from tests.exactness import ErasingEarly, assert_exact, record
from tests.model import Attributes, SentSpan
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

# Just before midnight, so that a second later is another hour and another day.
NIGHT_NS = 1_795_391_999 * 10**9
SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
pytestmark = pytest.mark.timeout(900)
_RUN = f"orders-{secrets.token_hex(3)}"

_A, _B, _C = ({"session.id": session_id} for session_id in "abc")
_SCRUBBED = {"session.id": "[Scrubbed due to 'session']"}


def _sent(
    span: int, says: Attributes | None = None, *, trace: int = 1, parent: int = 1, at: int = 0
) -> SentSpan:
    """Return span 1, the root, or a child; `at` is when it starts, in seconds. Each has figures."""
    start_ns = NIGHT_NS + at * SECOND_NS
    return SentSpan(
        trace_id=f"{trace:032x}",
        span_id=f"{trace:08x}{span:08x}",
        parent_span_id="" if span == parent else f"{trace:08x}{parent:08x}",
        name=f"span {span}",
        start_ns=start_ns,
        end_ns=start_ns + span * SECOND_NS,
        attributes={
            "gen_ai.request.model": f"model {span}",
            "gen_ai.usage.input_tokens": 10**span,
            "gen_ai.usage.cost": 0.1,
            "input.value": f"question {trace}.{span}",
            **(says or {}),
        },
        is_error=span == 2,
        received_ns=0,
    )


def _of_resource(span: SentSpan, says: Attributes) -> SentSpan:
    return replace(span, resource={"service.name": "web", **says})


def _received(*spans: SentSpan) -> list[SentSpan]:
    """Return the spans as they were received, one after the other; this is not how they arrive."""
    return [replace(s, received_ns=NIGHT_NS + n * SECOND_NS + n) for n, s in enumerate(spans)]


CASES: Mapping[str, Sequence[SentSpan]] = {
    "on the root only": _received(_sent(1, _A), _sent(2), _sent(3, at=1), _sent(4)),
    "on one child only": _received(_sent(1), _sent(2), _sent(3, _A, at=1), _sent(4)),
    "on the resource of one": _received(
        _sent(1), _of_resource(_sent(2), {}), _of_resource(_sent(3, at=1), _A), _sent(4)
    ),
    "on the resource, and another on a span": _received(
        *(_of_resource(_sent(n), _B) for n in (1, 2)), _sent(3, _A), _sent(4)
    ),
    "two ids, the root's wins": _received(
        _sent(1, _B, at=1), _sent(2, _A), _sent(3), _sent(4, _C)
    ),
    "two ids, the earlier wins": _received(_sent(1), _sent(2, _A, at=1), _sent(3, _B), _sent(4)),
    "two ids, the smaller wins": _received(_sent(1), _sent(2, _B), _sent(3, _A), _sent(4, _C)),
    "changed, and changed again": _received(
        _sent(1), _sent(2, _A), _sent(2, _B), _sent(2, _C), _sent(3, at=1)
    ),
    "changed to another's and back": _received(
        _sent(1, _A), _sent(1, _B), _sent(1, _A), _sent(2), _sent(3, _C)
    ),
    "taken back": _received(_sent(1), _sent(2, _A), _sent(2), _sent(3)),
    "taken back, with another left": _received(
        _sent(1, _A), _sent(1), _sent(2, _B), _sent(3, at=1), _sent(4)
    ),
    "scrubbed, then told": _received(
        _sent(1, _SCRUBBED), _sent(2, {**_SCRUBBED, "thread.id": 7}), _sent(1, _B), _sent(3)
    ),
    "sent again in another hour": _received(
        _sent(1, _A), _sent(1, _B, at=7200), _sent(2, at=1), _sent(1, _A, at=3600)
    ),
    "a child that becomes the root": _received(
        _sent(2, _B), _sent(3, _A, parent=2), _sent(3, _A, parent=3), _sent(4, parent=3)
    ),
    "a trace that leaves its session": _received(
        _sent(1, _A), _sent(2), _sent(1, _A, trace=2), _sent(1, _B, trace=2), _sent(2, trace=2)
    ),
    "a better id, late": _received(
        _sent(2, _A, at=1), _sent(2, _A, trace=2), _sent(1, _B), _sent(3), _sent(3, trace=2)
    ),
    "of the root, of a child, changed, of another trace": _received(
        _sent(2, _B), _sent(1, _A), _sent(2, _C), _sent(2, _B, trace=2)
    ),
    "ended, and open again": _received(
        replace(_sent(1, _A), end_event_ns=NIGHT_NS + SECOND_NS),
        _sent(2),
        replace(_sent(3, at=2), end_event_ns=NIGHT_NS + 4 * SECOND_NS),
        _sent(1, _A, trace=2, at=3),
    ),
}  # fmt: skip


def _orders(count: int) -> Iterator[list[list[int]]]:
    """Yield every order of so many spans, cut into batches in every way."""
    for order in itertools.permutations(range(count)):
        for cuts in itertools.product([False, True], repeat=count - 1):
            batches: list[list[int]] = [[order[0]]]
            for is_cut, index in zip(cuts, order[1:], strict=True):
                if is_cut:
                    batches.append([])
                batches[-1].append(index)
            yield batches


def _projects(name: str) -> dict[str, list[list[int]]]:
    """Return the orders of a case by the projects that they are tried in."""
    prefix = f"{_RUN} {name}"
    return {f"{prefix} {n}": order for n, order in enumerate(_orders(len(CASES[name])))}


async def _deliver(running: processes.Store, batches: Iterable[list[tuple[str, SentSpan]]]) -> None:
    async with Store(running.config) as store:
        for spans in batches:
            await _work(store, spans)
        await Resolver(store).refresh(idle=True)


async def _work(store: Store, spans: Iterable[tuple[str, SentSpan]]) -> None:
    """Do with spans what a worker does with a batch."""
    records = [record(offset, project, span) for offset, (project, span) in enumerate(spans)]
    batch = Batch.of(records)
    await Inserter(store, sessions=SessionsConfig(), times=TimesConfig()).insert(batch)
    received_ns = min(row.envelope.received_ns for row in batch.rows)
    await Erasing(store).erase_deleted(batch.id, received_ns=received_ns)
    await Resolver(store).resolve(batch.id)


@pytest.fixture(scope="module")
def delivered(store: processes.Store) -> processes.Store:
    """The store, once every case has been delivered in every order."""
    batches: dict[int, list[tuple[str, SentSpan]]] = defaultdict(list)
    for name, spans in CASES.items():
        for project, order in _projects(name).items():
            for number, indices in enumerate(order):
                batches[number] += [(project, spans[index]) for index in indices]
    asyncio.run(_deliver(store, [batches[number] for number in sorted(batches)]))
    return store


# All that is told of a project, whatever it is told by, but for when it was resolved.
_STATES = """
SELECT Project, arraySort(groupArray(row)) FROM
(
    SELECT Project, toString(tuple(* EXCEPT (Project, Version))) AS row
    FROM sessions_data FINAL WHERE startsWith(Project, {prefix:String})
    UNION ALL
    SELECT Project, toString(tuple(* EXCEPT (Project, Version, Batch)))
    FROM session_traces_data FINAL WHERE startsWith(Project, {prefix:String})
    UNION ALL
    SELECT Project, toString(tuple(* EXCEPT (Project, Batch)))
    FROM spans WHERE startsWith(Project, {prefix:String})
)
GROUP BY Project
"""


@pytest.mark.parametrize("name", CASES)
def test_every_order_ends_in_the_same_state(delivered: processes.Store, name: str) -> None:
    """Whatever comes first, together or last: one state, and it is the one recomputed."""
    projects: dict[str, str] = {}  # one of each state
    rows = delivered.query(_STATES, {"prefix": f"{_RUN} {name} "})
    for project, state in rows:
        projects.setdefault(repr(state), project)
    assert len(rows) == len(_projects(name))
    for project in projects.values():
        assert_exact(delivered, project, CASES[name])
    assert len(projects) == 1


def test_a_session_deleted_before_between_and_after_its_spans(store: processes.Store) -> None:
    """Whenever it is deleted, what was received until then is gone, and what came later stays."""
    spans = _received(_sent(1, _A), _sent(2), _sent(3, at=1), _sent(4, _A, at=2))
    cut_off_ns = spans[2].received_ns
    # In the first project it is deleted before the first batch, in the last one after all.
    projects = [f"{_RUN} deleted {moment}" for moment in range(len(spans) + 1)]
    batches: list[list[SentSpan]] = [[] for _ in projects]
    # Each order is a trace of the session.
    for trace, order in enumerate(itertools.permutations(spans), start=1):
        for number, span in enumerate(order):
            batches[number].append(replace(span, trace_id=f"{trace:032x}"))

    async def run() -> None:
        async with Store(store.config) as client:
            for batch, deleted_now in zip(batches, projects, strict=True):
                erasing = ErasingEarly(client, cut_off_ns)
                await erasing.delete_session(deleted_now, "a", author="ada")
                if batch:
                    await _work(client, itertools.product(projects, batch))

    asyncio.run(run())
    left = [span for batch in batches for span in batch if span.received_ns > cut_off_ns]
    for project in projects:
        assert_exact(store, project, left)


@given(source=st.randoms(use_true_random=True))
@settings(max_examples=2)
def test_random_orders_of_many_spans(store: processes.Store, source: random.Random) -> None:
    """Hundreds of spans in traces of up to a hundred, many sent again, in three random orders."""
    spans = _many(source)
    projects = [f"{_RUN} many {secrets.token_hex(4)}" for _ in range(3)]
    batches: list[list[tuple[str, SentSpan]]] = [[] for _ in range(5)]
    for project in projects:
        cuts = sorted(source.choices(range(len(spans)), k=len(batches) - 1))
        order = source.sample(spans, k=len(spans))
        for batch, (start, end) in zip(
            batches, itertools.pairwise([0, *cuts, len(spans)]), strict=True
        ):
            batch += [(project, span) for span in order[start:end]]
    asyncio.run(_deliver(store, filter(None, batches)))
    for project in projects:
        assert_exact(store, project, spans)


def _many(source: random.Random) -> list[SentSpan]:
    """Return spans as they were received: a quarter of them once more, with changes."""
    sizes = {trace: source.choice([1, 3, 10, 30, 100]) for trace in range(1, 13)}
    numbers = [(trace, span) for trace, size in sizes.items() for span in range(1, size + 1)]
    numbers += source.choices(numbers, k=len(numbers) // 4)
    source.shuffle(numbers)
    says: Sequence[Attributes] = ({}, {}, {}, _A, _B, _C, _SCRUBBED, {"thread.id": 7})
    return _received(
        *(
            replace(
                _sent(span, source.choice(says), trace=trace, at=source.choice([0, 1, 5, 7200])),
                attributes={
                    **_sent(span, source.choice(says)).attributes,
                    "gen_ai.usage.input_tokens": source.randrange(1000),
                },
            )
            for trace, span in numbers
        )
    )

"""Retention: traces that are older than their project keeps them are gone, and nothing else is."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

from runtime.config import RetentionConfig
from schemas.erasing import Erasing
from store.client import Store
from tests import processes
from tests.integration.test_deletion import assert_exact, assert_gone, span, work
from tests.model import SentSpan
from workers.housekeeping import Housekeeping

HOUR_NS = 3600 * 10**9


def aged(one: SentSpan, hours: float) -> SentSpan:
    """Return a span that ended so many hours ago."""
    end_ns = time.time_ns() - int(hours * HOUR_NS)
    return replace(one, start_ns=end_ns - 10**9, end_ns=end_ns, received_ns=end_ns + 10**9)


async def test_each_project_keeps_its_own_time(store: processes.Store) -> None:
    """A trace goes as a whole, with a session or without; a session goes with its last trace."""
    token = secrets.token_hex(4)
    short, long, ever = (f"retention-{name}-{token}" for name in ("short", "long", "ever"))
    old = [aged(span(1, 1, "a"), 50), aged(span(1, 2, parent=1), 49), aged(span(2, 1), 30)]
    # Its first span is old, and it still goes on.
    lasting = [aged(span(3, 1, "b"), 50), aged(span(3, 2, parent=1), 20)]
    new = [aged(span(4, 1, "a"), 1)]
    config = RetentionConfig(projects={short: 1.0, long: 40.0, ever: None})
    async with Store(store.config) as client:
        for project in (short, long, ever):
            await work(client, project, [*old, *lasting, *new])
        await Housekeeping(client, config, traces_max=1).do_pass()
        for project in (long, ever):
            assert_exact(store, project, [*old, *lasting, *new])
        assert_exact(store, short, [*lasting, *new])
        for text in (f"{1:032x}", f"{2:032x}", "said 1"):
            assert_gone(store, short, text)
        # A record that comes once more changes nothing.
        await work(client, short, old)
        assert_exact(store, short, [*lasting, *new])
        await Housekeeping(client, config).do_pass()
        assert_exact(store, short, [*lasting, *new])


async def test_tombstones_are_swept(store: processes.Store) -> None:
    """Those of what moved away and of what was deleted; what is there stays."""
    project = f"sweep-{secrets.token_hex(4)}"
    moved = span(1, 2, "b", parent=1)
    spans = [moved, span(1, 1, "a", received=1), span(2, 1, "c"), span(3, 1, "d")]
    async with Store(store.config) as client:
        for one in spans:
            await work(client, project, [one])
        await Erasing(client).delete_session(project, "c", author="ada")
        left = [one for one in spans if one.trace_id != f"{2:032x}"]
        tombstones = "SELECT count() FROM {} WHERE IsDeleted AND Project = {{project:String}}"
        for table in ("sessions_data", "session_traces_data"):
            assert store.query(tombstones.format(table), {"project": project})[0][0] >= 2
        await Erasing(client).sweep()  # not as soon as that
        for table in ("sessions_data", "session_traces_data"):
            assert store.query(tombstones.format(table), {"project": project})[0][0] >= 2
        await Erasing(client).sweep(older_than_seconds=0)
        for table in ("sessions_data", "session_traces_data"):
            assert store.query(tombstones.format(table), {"project": project}) == [(0,)]
        assert_exact(store, project, left)

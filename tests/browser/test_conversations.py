"""The conversations that pages are tested with are all there, and are what they are meant to be."""

from __future__ import annotations

from itertools import pairwise

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.browser import conversations
from tests.browser.conftest import Site


def test_every_session_is_there_with_its_traces(site: Site) -> None:
    """Also the one whose id is an attack. Tests may have sent more."""
    stored = dict(site.pipeline.store.query("SELECT SessionId, TraceCount FROM sessions"))
    sent = {session: len(traces) for session, traces in site.sent.traces.items()}
    assert sent.items() <= stored.items()
    assert stored[conversations.LONG] == conversations.LONG_TRACES
    assert len(conversations.HOSTILE) == 300


def test_sessions_differ_in_what_a_list_filters_by(site: Site) -> None:
    """Environments, users, models and tags; some failed; each has texts and a cost."""
    rows = site.pipeline.store.query(
        "SELECT Environments, UserIds, Models, Tags, ErrorCount, Cost, FirstInput FROM sessions"
        " WHERE SessionId IN {sent:Array(String)}",
        {"sent": list(site.sent.traces)},
    )
    environments, users, models, tags, errors, costs, inputs = zip(*rows, strict=True)
    assert {"production", "staging", "development"} <= set().union(*environments)
    assert len(set().union(*users)) > 10
    assert len(set().union(*models)) == 4
    assert len(set().union(*tags)) > 10
    assert 5 < sum(count > 0 for count in errors) < len(rows) / 2
    assert all(cost > 0 for cost in costs)
    assert all(inputs)


def test_the_special_ones_are_special(site: Site) -> None:
    """A pause of 40 minutes, a megabyte, and nothing of tomorrow."""
    query = site.pipeline.store.query
    times = query(
        "SELECT StartTime, EndTime FROM session_traces"
        " WHERE SessionId = {id:String} ORDER BY StartTime",
        {"id": conversations.IDLE},
    )
    pauses = [(start - end).total_seconds() for (_, end), (start, _) in pairwise(times)]
    assert 2400 <= max(pauses) < 2500
    [[characters]] = query(
        "SELECT max(length(SpanAttributes['output.value'])) FROM spans"
        " WHERE has({traces:Array(String)}, TraceId)",
        {"traces": site.sent.traces[conversations.HUGE]},
    )
    assert characters > 0.9 * conversations.HUGE_BYTES
    assert query("SELECT count() FROM sessions WHERE EndTime > now()") == [(0,)]


def test_ids_are_known_before_anything_is_sent(site: Site) -> None:
    """So that an instance which somebody else filled can be looked at by them."""
    assert conversations.send(InMemorySpanExporter()) == site.sent

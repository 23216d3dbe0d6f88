"""The pages of a trace and of a span: tree, waterfall, and everything that was sent."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from playwright.sync_api import expect

from tests.browser import conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile
from tests.processes import wait_until

_WIDTH = 1000


@pytest.fixture(scope="module")
def stray(site: Site) -> str:
    """A trace without a session, whose spans' parent never came."""
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=site.pipeline.grpc, insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("strays")
    lost = otel.SpanContext(
        trace_id=time.time_ns(), span_id=0x10575, is_remote=True, trace_flags=otel.TraceFlags(1)
    )
    within = otel.set_span_in_context(otel.NonRecordingSpan(lost))
    for name in ("orphan", "another orphan"):
        with (
            tracer.start_as_current_span(name, context=within),
            tracer.start_span(f"child of {name}"),
        ):
            pass
    provider.shutdown()
    trace_id = f"{lost.trace_id:032x}"
    wait_until(
        lambda: (
            site.pipeline.store.query(
                "SELECT count() FROM spans WHERE TraceId = {id:String}", {"id": trace_id}
            )
            == [(4,)]
        ),
        what="the stray spans are stored",
    )
    return trace_id


def test_bars_stand_where_their_spans_were(site: Site, new_profile: Callable[..., Profile]) -> None:
    """On the scale of the trace; each as deep in the tree as it was called."""
    trace = site.sent.traces[conversations.RESEARCH][1]
    page = new_profile().open(places.trace(trace))
    stored = {
        f"{trace}/{span}": (start, took)
        for span, start, took in site.pipeline.store.query(
            "SELECT SpanId, toUnixTimestamp64Nano(Timestamp), Duration FROM spans"
            " WHERE TraceId = {id:String}",
            {"id": trace},
        )
    }
    first = min(start for start, _ in stored.values())
    whole = max(start + took for start, took in stored.values()) - first
    bars = page.locator(".row").evaluate_all(
        """rows => rows.map(row => {
            const query = new URL(row.href).searchParams;
            const bar = row.querySelector("rect");
            return [query.get("trace") + "/" + query.get("id"),
                bar.x.baseVal.value, bar.width.baseVal.value,
                Number(row.querySelector(".indent").getAttribute("width"))];
        })"""
    )
    assert len(bars) == len(stored) == 27
    for span, x, width, _ in bars:
        start, took = stored[span]
        assert x == pytest.approx((start - first) * _WIDTH / whole, abs=3)
        assert width == pytest.approx(max(took * _WIDTH / whole, 3), abs=0.1)
    # agent, five chains one within the other, and in the last of them a retriever's embedding
    assert max(indent for *_, indent in bars) == 14 * 7


def test_a_span_is_shown_beside_the_tree(site: Site, new_profile: Callable[..., Profile]) -> None:
    """The root at first, then whichever is clicked, in place; the session is a click away."""
    page = new_profile().open(places.trace(site.sent.traces[conversations.RESEARCH][0]))
    detail = page.locator("#detail")
    expect(detail.get_by_role("heading", level=2)).to_contain_text("research_agent")
    page.locator(".row", has_text="embed_query").first.click()
    expect(detail.get_by_role("heading", level=2)).to_contain_text("embed_query")
    expect(page.locator(".row.current .label")).to_have_text("embed_query")
    detail.locator("summary", has_text="attributes").click()
    expect(detail.get_by_role("row", name="openinference.span.kind")).to_contain_text("EMBEDDING")
    detail.locator("summary", has_text="resource").click()
    expect(detail.get_by_role("row", name="service.name")).to_contain_text("research-agent")
    page.get_by_role("link", name=conversations.RESEARCH).click()
    expect(page.locator(f"#t-{site.sent.traces[conversations.RESEARCH][0]}")).to_be_in_viewport()


def test_an_exception_is_told_with_its_span(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Type and message, without a click."""
    page = new_profile().open(places.trace(site.sent.traces[conversations.ERRORS][0]))
    page.locator(".row.error").first.click()
    detail = page.locator("#detail")
    expect(detail.locator(".failure")).to_contain_text("crm.internal did not answer")
    expect(detail.get_by_role("row", name="exception.type")).to_contain_text("TimeoutError")
    expect(detail.get_by_role("row", name="exception.message")).to_be_visible()


def test_a_link_to_a_span_opens_it(site: Site, new_profile: Callable[..., Profile]) -> None:
    """Within its trace, or by itself."""
    trace = site.sent.traces[conversations.ERRORS][0]
    [[span]] = site.pipeline.store.query(
        "SELECT SpanId FROM spans WHERE TraceId = {id:String} AND StatusCode = 'Error'"
        " ORDER BY Timestamp LIMIT 1",
        {"id": trace},
    )
    page = new_profile().open(places.span(trace, span))
    expect(page.locator(".span-detail")).to_contain_text(f"Span {span} of trace {trace}")
    page.locator("a.back").click()
    expect(page.locator(".row.current")).to_contain_text("crm.create_team")
    expect(page.locator("#detail .failure")).to_be_visible()


def test_a_trace_without_session_and_parents_is_shown(
    new_profile: Callable[..., Profile], stray: str
) -> None:
    """Each span whose parent never came is a top of its own, and says so."""
    page = new_profile().open(places.trace(stray))
    expect(page.locator(".row .label")).to_have_text(
        ["orphan", "child of orphan", "another orphan", "child of another orphan"]
    )
    expect(page.locator(".row", has_text="parent missing")).to_have_count(2)
    expect(page.locator(".heading .back")).to_have_count(0)


@pytest.mark.parametrize(
    "path", [places.trace("f" * 32), places.trace("no trace"), places.span("f" * 32, "f" * 16)]
)
def test_what_there_is_not_says_so(new_profile: Callable[..., Profile], path: str) -> None:
    """A wrong link is explained, and leads on."""
    page = new_profile().open(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.get_by_role("link", name="To the sessions")).to_be_visible()

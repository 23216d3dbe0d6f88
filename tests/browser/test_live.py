"""The list that is loaded again and again: new sessions come in by themselves."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from playwright.sync_api import expect

from tests.browser import places
from tests.browser.conftest import Site
from tests.browser.profile import Profile
from tests.processes import wait_until


def test_a_session_that_is_sent_now_comes_into_the_live_list(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Within ten seconds, without a reload, and not before live is switched on."""
    page = new_profile().page()
    page.clock.install()
    page.goto(places.listing(q="just-now"))
    assert places.shown(page) == []
    page.get_by_role("link", name="live").click()
    expect(page.get_by_role("link", name="● live")).to_be_visible()
    page.evaluate("window.isSamePage = true")
    _send(site, "just-now-1")
    page.clock.run_for(10_000)
    expect(page.get_by_role("link", name="just-now-1")).to_be_visible()
    _send(site, "just-now-2")
    page.clock.run_for(10_000)
    expect(page.get_by_role("link", name="just-now-2")).to_be_visible()
    assert page.evaluate("window.isSamePage")
    page.get_by_role("link", name="● live").click()
    expect(page.get_by_role("link", name="○ live")).to_be_visible()
    expect(page.locator("[hx-trigger]")).to_have_count(0)


def _send(site: Site, session_id: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=site.pipeline.grpc, insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("live").start_span("chat", attributes={"session.id": session_id}).end()
    provider.shutdown()
    wait_until(
        lambda: site.sessions("WHERE SessionId = {id:String}", id=session_id) == [session_id],
        what=f"{session_id} is stored",
    )

"""Go's exporters, driven by telemetrygen: what they were acknowledged is stored, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import processes
from tests.interop import telemetrygen

# The first run builds telemetrygen.
pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

_SESSION = """
SELECT TraceCount, SpanCount, ErrorCount, Services FROM sessions WHERE SessionId = {id:String}
"""


def test_stores_what_go_sends(tmp_path: Path) -> None:
    """Over gRPC and over HTTP, many small spans from several workers, and a few of a megabyte."""
    with processes.pipeline(tmp_path) as running:
        http = running.http.removeprefix("http://")
        ways = {"grpc": [f"--otlp-endpoint={running.grpc}"]}
        ways["http"] = [f"--otlp-endpoint={http}", "--otlp-http"]
        for way, endpoint in ways.items():
            session = f'--telemetry-attributes=session.id="go {way}"'
            small = ["--workers=4", "--traces=250", "--rate=0", "--status-code=Error"]
            telemetrygen.send_traces(*endpoint, session, *small)
            large = ["--traces=3", "--rate=0", "--size=1", "--child-spans=2"]
            telemetrygen.send_traces(*endpoint, session, *large)
        running.wait_for_spans("default", 2 * (4 * 250 * 2 + 3 * 3))

        for way in ways:
            found = running.store.query(_SESSION, {"id": f"go {way}"})
            assert found == [(1003, 2009, 2000, ["telemetrygen"])]

"""OpenTelemetry's exporters for JavaScript, in all encodings: what they send is what is stored."""

from __future__ import annotations

from pathlib import Path

from tests import processes
from tests.sdks import npm_programs

_SPANS = """
SELECT SpanName, SpanKind, StatusCode, StatusMessage, ScopeName, ScopeVersion, ServiceName,
    SpanAttributes, Events.Name, Events.Attributes, Links.Attributes, Links.SpanId = [ParentSpanId]
FROM spans WHERE SessionId = {id:String} ORDER BY SpanName
"""


def test_stores_what_the_exporters_for_javascript_send(
    running: processes.Pipeline, session_id: str, tmp_path: Path
) -> None:
    """gRPC, protobuf and JSON over HTTP, plain and by gzip, come out as the same."""
    npm_programs.run("exporters", tmp_path, running.grpc, running.http, session_id)
    processes.wait_until(running.is_drained, what="nothing waits in the log")
    rows = running.store.query(_SPANS, {"id": session_id})

    names = [f"{way} {how}" for way in ("grpc", "json", "protobuf") for how in ("gzip", "none")]
    assert [row[0] for row in rows] == [n for name in names for n in (name, f"{name}: child")]
    for root in rows[::2]:
        assert root[1:3] == ("Server", "Unset")
    for child in rows[1::2]:
        assert child[1:7] == ("Internal", "Error", "no luck", "tests", "1.0", "shop")
        assert child[7] == {
            "text": "grüße \U0001f600",
            "number": "-5",
            "large": "9007199254740991",
            "ratio": "0.25",
            "flag": "true",
            "list": '["a","b"]',
        }
        assert child[8:] == (["event"], [{"n": "1"}], [{"why": "test"}], 1)

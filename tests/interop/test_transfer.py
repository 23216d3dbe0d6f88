"""Files of the OpenTelemetry Collector imported, and an export taken by it."""

from __future__ import annotations

import secrets
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests import samples
from tests.interop import collector
from tests.interop.test_collector import read
from tests.processes import free_port, wait_until
from tests.transfer import FROM, TO, Running

# The first run builds the Collector.
pytestmark = [pytest.mark.interop, pytest.mark.timeout(1200)]

_CODES = Status.StatusCode.values()
FILES: dict[str, Mapping[str, str]] = {
    "json": {"format": "json"},
    "protobuf": {"format": "proto"},
    "json, packed": {"format": "json", "compression": "zstd"},
    "protobuf, packed": {"format": "proto", "compression": "zstd"},
}


@pytest.fixture(scope="module")
def running(two_projects: Running) -> Running:
    """A running pipeline with two projects."""
    return two_projects


def spans(session_id: str) -> list[Span]:
    """Return spans of a session with most of what spans can have."""
    now_ns = time.time_ns()
    trace_id = secrets.token_bytes(16)
    texts = {"session.id": session_id, "input.value": "東京 👩\u200d👧 \0"}
    attributes = [KeyValue(key=key, value=samples.text(text)) for key, text in texts.items()]
    return [
        samples.span(
            number,
            trace_id=trace_id,
            parent_span_id=b"" if number == 1 else (1).to_bytes(8, "big"),
            trace_state="a=b",
            flags=257,
            kind=number % 6,
            start_time_unix_nano=now_ns + number,
            end_time_unix_nano=now_ns + 10**9,
            attributes=attributes,
            dropped_attributes_count=number,
            events=[Span.Event(name="e", time_unix_nano=now_ns, attributes=attributes)],
            links=[Span.Link(trace_id=trace_id, span_id=bytes(range(8)), trace_state="c=d")],
            status=Status(code=_CODES[number % 3], message="why"),
        )
        for number in range(1, 20)
    ]


def post(url: str, body: bytes, content_type: str) -> None:
    """Send a request, and have it taken."""
    headers = {"Content-Type": content_type}
    request = urllib.request.Request(f"{url}/v1/traces", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 200


@pytest.mark.parametrize("kind", FILES)
def test_files_of_the_collector_are_imported(running: Running, tmp_path: Path, kind: str) -> None:
    """As JSON lines and behind lengths, packed or not: what it was sent is what is stored."""
    session_id = secrets.token_hex(4)
    sent = samples.request(*spans(session_id)).SerializeToString()
    http = f"127.0.0.1:{free_port()}"
    file = tmp_path / "spans"
    exporter = {"file": {"path": str(file), **FILES[kind]}}
    receiver = {"otlp": {"protocols": {"http": {"endpoint": http}}}}
    with collector.run(tmp_path, receiver=receiver, exporter=exporter):
        for _ in range(3):  # the same spans three times are one each
            post(f"http://{http}", sent, "application/x-protobuf")
    directly = tmp_path / "directly"
    directly.write_bytes(sent)
    running.command("import", directly, key=FROM)

    done = running.command("import", file, key=TO)

    assert done.stdout == b"accepted 57 spans, rejected 0, problems 0\n"
    running.wait_until_drained()
    running.assert_same(session_id)


def test_the_collector_takes_what_is_exported(running: Running, tmp_path: Path) -> None:
    """Line by line as OTLP/JSON; each span as it was sent, all of whose values were text."""
    session_id = secrets.token_hex(4)
    sent = spans(session_id)
    given = tmp_path / "given"
    given.write_bytes(samples.request(*sent).SerializeToString())
    running.command("import", given, key=FROM)
    running.wait_until_drained()
    exported = running.command("export", f"--session={session_id}", f"--project={FROM}").stdout
    http = f"127.0.0.1:{free_port()}"
    file = tmp_path / "spans"
    receiver = {"otlp": {"protocols": {"http": {"endpoint": http}}}}
    exporter = {"file": {"path": str(file), "format": "proto", "flush_interval": "200ms"}}
    with collector.run(tmp_path, receiver=receiver, exporter=exporter):
        for line in exported.splitlines():
            post(f"http://{http}", line, "application/json")
        wait_until(lambda: len(read(file)) == len(sent), what="the Collector has them all")
    found = {span.span_id: span for _, span in read(file).values()}
    assert found == {span.span_id: span for span in sent}

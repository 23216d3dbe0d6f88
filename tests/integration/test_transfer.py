"""`sessiontrail export` and `sessiontrail import`: one after the other gives the same session."""

from __future__ import annotations

import gzip
import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests import samples, transfer
from tests.transfer import FROM, TO, Running

_SECOND_NS, _DAY_NS = 10**9, 86_400 * 10**9
_HOSTILE = (
    "a\x1b[0m",
    "\u2028",
    "👩\u200d👩\u200d👧",
    "\ufeff",
    "\U0010ffff",
    '"\\/{{[',
    "é" * 3000,
)


@pytest.fixture(scope="module")
def running(two_projects: Running) -> Running:
    """A running pipeline with two projects."""
    return two_projects


def carry(running: Running, session_id: str, folder: Path) -> bytes:
    """Take a session out of one project and into the other; return the file in between."""
    file = folder / "session.jsonl"
    running.command("export", f"--session={session_id}", f"--project={FROM}", f"--output={file}")
    running.command("import", file, key=TO)
    running.wait_until_drained()
    return file.read_bytes()


def give(running: Running, folder: Path, *bodies: bytes, project: str = FROM) -> None:
    """Import requests in JSON into a project."""
    file = folder / "given.jsonl"
    file.write_bytes(b"\n".join(bodies))
    running.command("import", file, key=project)
    running.wait_until_drained()


_ages_ns = st.integers(-_DAY_NS // 2, 99 * _DAY_NS)


@st.composite
def _sessions(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Requests of whatever spans can be, whose start is believed, all of one session."""
    session_id = f"{secrets.token_hex(4)} {draw(st.sampled_from(_HOSTILE))}"
    traces = draw(st.lists(st.binary(min_size=16, max_size=16).filter(any), min_size=1, max_size=4))
    now_ns = time.time_ns()
    number = 0
    requests = draw(st.lists(samples.requests, min_size=1, max_size=12))
    for request in requests:
        for resource_spans in request.resource_spans:
            told = KeyValue(key="session.id", value=samples.text(session_id))
            resource_spans.resource.attributes.append(told)
            for scope_spans in resource_spans.scope_spans:
                scope_spans.scope.name = draw(st.sampled_from(["", "a\0b", *_HOSTILE]))
                for span in scope_spans.spans:
                    number += 1
                    span.trace_id = draw(st.sampled_from(traces))
                    span.span_id = number.to_bytes(8, "big")
                    parent = draw(st.integers(0, number))
                    span.parent_span_id = parent.to_bytes(8, "big") if parent else b""
                    span.start_time_unix_nano = now_ns - draw(
                        st.integers(-_DAY_NS // 2, 99 * _DAY_NS)
                    )
                    if draw(st.booleans()):
                        span.end_time_unix_nano = span.start_time_unix_nano + draw(
                            st.integers(0, 9 * _SECOND_NS)
                        )
    return session_id, [request.SerializeToString() for request in requests if number]


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(session=_sessions())
def test_whatever_spans_can_be_comes_back(
    running: Running, tmp_path: Path, session: tuple[str, list[bytes]]
) -> None:
    """Every column of every view, of whatever spans OTLP allows."""
    session_id, bodies = session
    if not any(samples.spans_of(body) for body in bodies):
        return
    file = tmp_path / "given.bin"
    file.write_bytes(b"".join(len(body).to_bytes(4, "big") + body for body in bodies))
    running.command("import", file, key=FROM)
    running.wait_until_drained()
    carry(running, session_id, tmp_path)
    running.assert_same(session_id)


def _request(session_id: str, *spans: dict[str, Any]) -> bytes:
    resource = {"attributes": [{"key": "session.id", "value": {"stringValue": session_id}}]}
    scopes = [{"scope": {"name": "tests"}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()


def _span(number: int = 1, **fields: Any) -> dict[str, Any]:
    now_ns = time.time_ns()
    return {
        "traceId": secrets.token_hex(16),
        "spanId": f"{number:016x}",
        "name": "span",
        "startTimeUnixNano": str(now_ns - _SECOND_NS),
        "endTimeUnixNano": str(now_ns),
        **fields,
    }


def _attribute(key: str, text: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": text}}


@pytest.mark.parametrize(
    "text",
    ["a\0b", "\ud800 half", "👩\u200d👩\u200d👧 日本", "x" * 3_000_000, '{"a": ["\\u0000"]}'],
    ids=["nul", "half a surrogate pair", "emoji", "huge", "json"],
)
def test_hostile_text_comes_back(running: Running, tmp_path: Path, text: str) -> None:
    """In names, values, keys, messages, states and the session id."""
    session_id = f"{secrets.token_hex(4)} {text[:9]}".replace("\0", "").replace("\ud800", "�")
    span = _span(
        name=text[:9999],
        traceState=text[:99],
        attributes=[_attribute("input.value", text), _attribute(text[:99], "value")],
        status={"code": 2, "message": text[:99]},
        events=[{"name": text[:99], "timeUnixNano": "5", "attributes": [_attribute("k", text)]}],
        links=[{"traceId": "ab" * 16, "spanId": "cd" * 8, "traceState": text[:99]}],
    )
    give(running, tmp_path, _request(session_id, span))

    carry(running, session_id, tmp_path)

    running.assert_same(session_id)


def test_times_are_exported_as_they_were_told(running: Running, tmp_path: Path) -> None:
    """Those that could not be, too: what stood in for them is the store's, not the sender's."""
    session_id = secrets.token_hex(4)
    start = str(time.time_ns())
    told = [("5", "9"), (start, str(int(start) - 1)), (start, "0"), (start, str(2**64 - 1))]
    spans = [
        _span(number, startTimeUnixNano=begin, endTimeUnixNano=end)
        for number, (begin, end) in enumerate(told, start=1)
    ]
    give(running, tmp_path, _request(session_id, *spans))

    exported = carry(running, session_id, tmp_path)

    found = [
        (span["spanId"], span["startTimeUnixNano"], span["endTimeUnixNano"], span.get("attributes"))
        for line in exported.splitlines()
        for resource_spans in json.loads(line)["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]
    expected = [(f"{number:016x}", *times, None) for number, times in enumerate(told, start=1)]
    assert sorted(found) == expected
    repairs = "SELECT SpanId, TimeRepairs, SpanAttributes FROM spans WHERE Project = {p:String}"
    repairs += " AND ResourceAttributes['session.id'] = {id:String} ORDER BY SpanId"
    before, after = (
        running.pipeline.store.query(repairs, {"p": project, "id": session_id})
        for project in (FROM, TO)
    )
    assert before == after
    assert [row[1] for row in before] == [["start"], ["end"], ["end"], ["end"]]


def test_to_import_twice_changes_nothing(running: Running, tmp_path: Path) -> None:
    """Not a row more, and no figure: each span is counted once."""
    session_id = secrets.token_hex(4)
    spans = [_span(n, attributes=[_attribute("gen_ai.usage.input_tokens", "7")]) for n in (1, 2)]
    body = _request(session_id, *spans)
    give(running, tmp_path, body)
    before = {view: running.rows(view, FROM, session_id) for view in transfer.VIEWS}

    give(running, tmp_path, body, body)

    assert {view: running.rows(view, FROM, session_id) for view in transfer.VIEWS} == before
    assert json.loads(before["sessions"][0])["InputTokens"] in (14, "14")


def test_the_later_version_of_a_span_wins(running: Running, tmp_path: Path) -> None:
    """Lines are taken in their order, within a request and across requests."""
    session_id = secrets.token_hex(4)
    trace_id = secrets.token_hex(16)
    large = [_attribute("input.value", "x" * 3_000_000)]
    lines = [
        _request(session_id, _span(name=f"version {n}", attributes=large, traceId=trace_id))
        for n in range(1, 6)
    ]
    give(running, tmp_path, *lines)

    [row] = running.rows("spans", FROM, session_id)
    assert json.loads(row)["SpanName"] == "version 5"


def test_a_long_session_is_exported_whole(running: Running, tmp_path: Path) -> None:
    """Page by page: many traces, and one of more spans than a page has."""
    session_id = secrets.token_hex(4)
    trace_id = secrets.token_hex(16)
    many = [_span(number) for number in range(1, 1500)]
    one = [_span(number, traceId=trace_id) for number in range(1, 1200)]
    give(running, tmp_path, _request(session_id, *many), _request(session_id, *one))

    exported = carry(running, session_id, tmp_path)

    assert len(exported.splitlines()) > 5
    running.assert_same(session_id)
    [row] = running.rows("sessions", TO, session_id)
    assert int(json.loads(row)["SpanCount"]) == len(many) + len(one)


def test_what_is_not_there_is_not_exported(running: Running, tmp_path: Path) -> None:
    """And leaves no file; a session of another project is not there either."""
    file = tmp_path / "session.jsonl"
    give(running, tmp_path, _request("only-there", _span()), project=TO)
    for project in (FROM, TO):
        done = running.command(
            "export",
            "--session=only-there",
            f"--project={project}",
            f"--output={file}",
            check=False,
        )
        assert (done.returncode, file.exists()) == ((1, False) if project == FROM else (0, True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.jsonl", "session.jsonl"]


def test_a_session_goes_through_a_pipe(running: Running) -> None:
    """Standard output into standard input, compressed or not."""
    session_id = secrets.token_hex(4)
    body = _request(session_id, _span(1), _span(2))
    running.command("import", "-", key=FROM, stdin=gzip.compress(body))
    running.wait_until_drained()
    exported = running.command("export", f"--session={session_id}", f"--project={FROM}").stdout
    done = running.command("import", "-", key=TO, stdin=exported)
    assert done.stdout == b"accepted 2 spans, rejected 0, problems 0\n"
    running.wait_until_drained()
    running.assert_same(session_id)


def test_what_is_wrong_fails_the_command(running: Running, tmp_path: Path) -> None:
    """A bad line and an invalid span are named, and all others are taken."""
    session_id = secrets.token_hex(4)
    bad_span = _span(3, name="bad", traceId="00" * 16)
    lines = [_request(session_id, _span(1)), b"{oops", _request(session_id, _span(2), bad_span)]
    file = tmp_path / "spans.jsonl"
    file.write_bytes(b"\n".join(lines))
    done = running.command("import", file, tmp_path / "none", key=FROM, check=False)
    assert done.returncode == 1
    assert done.stdout == b"accepted 2 spans, rejected 1, problems 3\n"
    told = done.stderr.decode()
    assert f"{file}, line 2: the body is not JSON" in told
    assert f"{file}, line 3: 1 of 2 spans rejected" in told
    assert f"{tmp_path / 'none'}: cannot be read: No such file" in told


def test_without_a_key_nothing_is_taken(running: Running, tmp_path: Path) -> None:
    """Whoever runs the command is told how to give one."""
    file = tmp_path / "spans.jsonl"
    file.write_bytes(_request("s", _span()))
    done = running.command("import", file, check=False)
    assert (done.returncode, done.stdout[:16]) == (1, b"accepted 0 spans")
    assert b"OTEL_EXPORTER_OTLP_HEADERS" in done.stderr

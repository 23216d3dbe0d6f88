"""Requests on their way: what a receiver may answer, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from tenacity import AsyncRetrying

from cli.transfer import sending
from cli.transfer.importing import Import
from runtime.errors import (
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PermanentError,
    ReceiverUnavailable,
)
from tests import samples

_PROTOBUF = "application/x-protobuf"


class Receiver:
    """A receiver that answers as it is told to, one answer after the other, and then well."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.bodies: list[bytes] = []
        self.headers: list[str | None] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the request and answer it."""
        self.bodies.append(await request.read())
        self.headers.append(request.headers.get("Authorization"))
        return self.answers.pop(0) if self.answers else web.Response(content_type=_PROTOBUF)

    def spans(self) -> list[bytes]:
        """Return the ids of all spans that came, in their order."""
        return [span.span_id for body in self.bodies for span in samples.spans_of(body)]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver."""
    found = Receiver()
    application = web.Application(client_max_size=2**30)
    application.router.add_post("/v1/traces", found.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the sender waited; it does not really."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(sending, "AsyncRetrying", partial(AsyncRetrying, sleep=sleep))
    return waited


def file_of(folder: Path, requests: int, *, size: int = 10) -> str:
    """Write a file of so many lines, each a span of about so many bytes; return its name."""
    lines = (
        samples.as_json(samples.request(samples.span(number, name="x" * size)))
        for number in range(1, requests + 1)
    )
    path = folder / "spans.jsonl"
    path.write_bytes(b"\n".join(lines))
    return str(path)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((429, "7"), 7.0),
        ((503, "0"), 0.0),
        ((503, "9999"), 60.0),
        ((502, ""), 1.0),
        ((504, "?"), 1.0),
    ],
)
async def test_a_receiver_that_is_busy_is_asked_again(
    receiver: Receiver,
    waits: list[float],
    tmp_path: Path,
    answer: tuple[int, str],
    expected: float,
) -> None:
    """When it says, but not in an hour; the very same request, and nothing else before it."""
    status, retry_after = answer
    headers = {"Retry-After": retry_after} if retry_after else {}
    receiver.answers = [web.Response(status=status, headers=headers) for _ in range(2)]
    importing = Import([file_of(tmp_path, 3, size=3_000_000)], bytes_max=2**26)
    await importing.run(receiver.url)
    assert waits == [expected, expected]
    assert receiver.bodies[0] == receiver.bodies[1] == receiver.bodies[2]
    assert [int.from_bytes(span_id, "big") for span_id in receiver.spans()] == [1, 1, 1, 2, 3]
    assert importing.summary() == "accepted 3 spans, rejected 0, problems 0"


async def test_a_date_to_come_back_at_is_kept(receiver: Receiver, waits: list[float]) -> None:
    """HTTP allows dates; one that has passed is now."""
    headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    receiver.answers = [web.Response(status=503, headers=headers)]
    async with aiohttp.ClientSession() as session:
        await sending.Sender(session, receiver.url).send(b"")
    assert waits == [0.0]


async def test_partial_success_is_told(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what the receiver said, and the lines that the request is of."""
    partial = ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
    answer = ExportTraceServiceResponse(partial_success=partial)
    receiver.answers = [web.Response(body=answer.SerializeToString(), content_type=_PROTOBUF)]
    name = file_of(tmp_path, 5)
    importing = Import([name], bytes_max=2**26)
    await importing.run(receiver.url)
    assert importing.summary() == "accepted 3 spans, rejected 2, problems 1"
    assert capsys.readouterr().err == f"{name}, line 1 to {name}, line 5: too old\n"


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_a_request_that_is_refused_costs_no_other(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """It is named, with the reason, and counted."""
    refusal = Status(message="not like this").SerializeToString()
    receiver.answers = [web.Response(status=status, body=refusal, content_type=_PROTOBUF)]
    importing = Import([file_of(tmp_path, 3, size=3_000_000)], bytes_max=2**26)
    await importing.run(receiver.url)
    assert importing.summary() == "accepted 2 spans, rejected 1, problems 1"
    assert f"answered with {status}: not like this" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, NotAuthenticated), (403, NotAllowed), (404, NotFound), (302, NotFound)],
)
async def test_what_no_request_can_mend_ends_it(
    receiver: Receiver, tmp_path: Path, status: int, error: type[PermanentError]
) -> None:
    """A wrong key or address: nothing more is sent there."""
    receiver.answers = [web.Response(status=status)]
    with pytest.raises(error, match=str(status)):
        await Import([file_of(tmp_path, 9, size=3_000_000)], bytes_max=2**26).run(receiver.url)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("was_there", [False, True])
async def test_a_receiver_that_is_away_is_given_up(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, was_there: bool
) -> None:
    """Soon where nobody ever answered; what was accepted by then is told."""
    monkeypatch.setattr(sending, "_ABSENT_SECONDS_MAX", 0.0)
    monkeypatch.setattr(sending, "_BUSY_SECONDS_MAX", 0.1)
    refusals = [web.Response(status=503) for _ in range(10_000)]
    receiver.answers = [web.Response(content_type=_PROTOBUF), *refusals] if was_there else []
    importing = Import([file_of(tmp_path, 3, size=3_000_000)], bytes_max=2**26)
    with pytest.raises(ReceiverUnavailable, match=r"503" if was_there else "nobody receives"):
        await importing.run(receiver.url if was_there else "http://127.0.0.1:1")
    accepted = 1 if was_there else 0
    assert importing.summary().startswith(f"accepted {accepted} spans")


async def test_headers_are_those_of_exporters(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sessiontrail keys create` prints them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20sk-st-1")
    await Import([file_of(tmp_path, 1)], bytes_max=2**26).run(f"{receiver.url}/")
    assert receiver.headers == ["Bearer sk-st-1"]


async def test_no_more_than_two_requests_are_held(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the file is: the next one is prepared while one is under way."""
    importing = Import([file_of(tmp_path, 40, size=1_000_000)], bytes_max=2**26)
    reading, ahead = importing._reading, list[float]()
    sizes: list[int] = []

    async def send(_: sending.Sender, body: bytes) -> sending.Answer:
        sizes.append(len(body))
        ahead.append(reading.bytes_read - sum(sizes))
        return sending.Answer()

    monkeypatch.setattr(sending.Sender, "send", send)
    await importing.run(receiver.url)
    assert len(sizes) > 9
    assert max(ahead) < 10_000_000

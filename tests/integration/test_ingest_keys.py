"""Project keys at both receivers: whose spans they are, and who is turned away."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import pytest
from google.rpc.status_pb2 import Status
from langfuse import Langfuse
from opentelemetry.exporter.otlp.json.http import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ingest.service import IngestService
from runtime import key_ring, keys
from runtime.errors import ConfigError
from runtime.keys import NewKey
from runtime.metrics import REGISTRY
from runtime.roles import RoleName
from schemas.envelope import PROJECT
from tests import processes
from tests.fakes import RecordingProducer, running_ingest
from tests.integration.test_ingest_exporters import finished_spans
from tests.samples import request, span

BODY = request(span(1)).SerializeToString()
EXPORT = "/opentelemetry.proto.collector.{}/Export"
TRACES = EXPORT.format("trace.v1.TraceService")

Exporters = dict[str, Callable[[IngestService, str], SpanExporter]]
EXPORTERS: Exporters = {
    "grpc": lambda at, key: GrpcExporter(
        f"http://127.0.0.1:{at.grpc_port}", insecure=True, headers={"authorization": key}
    ),
    "protobuf": lambda at, key: HttpExporter(
        f"http://127.0.0.1:{at.http_port}/v1/traces", headers={"Authorization": key}
    ),
    "json": lambda at, key: JsonExporter(
        f"http://127.0.0.1:{at.http_port}/v1/traces", headers={"Authorization": key}
    ),
}


@pytest.fixture(autouse=True)
def _look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "LOOK_SECONDS", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the keys are."""
    return tmp_path / "keys.json"


@pytest.fixture
def producer() -> RecordingProducer:
    """Return the buffer behind the ingest."""
    return RecordingProducer()


@pytest.fixture
async def service(path: Path, producer: RecordingProducer) -> AsyncIterator[IngestService]:
    """Yield an ingest that looks for keys there."""
    async with running_ingest(producer, keys_file=path) as running:
        yield running


def make(path: Path, project: str, role: RoleName = "editor") -> NewKey:
    """Make a key."""
    return keys.create(path, project=project, role=role, name="")


def basic(key: NewKey) -> str:
    """Return the header that Langfuse's SDKs send."""
    return "Basic " + base64.b64encode(f"{key.key.public_key}:{key.secret}".encode()).decode()


def projects(producer: RecordingProducer) -> list[str]:
    """Return the projects of the records so far."""
    return [record.headers[PROJECT].decode() for record in producer.records]


@pytest.mark.parametrize("name", EXPORTERS)
async def test_the_key_says_the_project(
    service: IngestService, path: Path, producer: RecordingProducer, name: str
) -> None:
    """Real exporters, with a bearer's key and with a pair."""
    for number, header in enumerate((lambda key: f"Bearer {key.secret}", basic)):
        exporter = EXPORTERS[name](service, header(make(path, f"shop-{number}")))
        result = await asyncio.to_thread(exporter.export, finished_spans())
        await asyncio.to_thread(exporter.shutdown)
        assert result is SpanExportResult.SUCCESS
    assert projects(producer) == ["shop-0", "shop-1"]


async def test_langfuse_sends_with_its_key_pair(
    service: IngestService, path: Path, producer: RecordingProducer
) -> None:
    """Nothing but the pair and the host is set."""
    key = make(path, "shop")
    tracers = TracerProvider(shutdown_on_exit=False)
    host = f"http://127.0.0.1:{service.http_port}"
    public = key.key.public_key
    langfuse = Langfuse(
        public_key=public, secret_key=key.secret, host=host, tracer_provider=tracers
    )
    with langfuse.start_as_current_span(name="turn"):
        pass
    await asyncio.to_thread(tracers.force_flush)
    await asyncio.to_thread(langfuse.shutdown)
    await asyncio.to_thread(tracers.shutdown)
    assert projects(producer) == ["shop"]


@pytest.mark.parametrize("name", EXPORTERS)
async def test_a_revoked_key_is_turned_away_at_once(
    service: IngestService, path: Path, producer: RecordingProducer, name: str
) -> None:
    """Without a restart; the exporter gives up instead of trying again."""
    key = make(path, "shop")
    exporter = EXPORTERS[name](service, f"Bearer {key.secret}")
    assert await asyncio.to_thread(exporter.export, finished_spans()) is SpanExportResult.SUCCESS
    keys.revoke(path, key.key.public_key)
    async with asyncio.timeout(5):
        result = await asyncio.to_thread(exporter.export, finished_spans())
    await asyncio.to_thread(exporter.shutdown)
    assert result is SpanExportResult.FAILURE
    assert projects(producer) == ["shop"]


@pytest.mark.parametrize("path_", ["/v1/traces", "/v1/metrics", "/v1/logs"])
async def test_http_says_who_is_missing(
    service: IngestService, path: Path, producer: RecordingProducer, path_: str
) -> None:
    """401 and 403 with a Status in the request's own type, and not to be tried again."""
    url = f"http://127.0.0.1:{service.http_port}{path_}"
    async with aiohttp.ClientSession() as session:

        async def send(authorization: str | None, content_type: str) -> tuple[int, bool, bytes]:
            headers = {"Content-Type": content_type}
            if authorization:
                headers["Authorization"] = authorization
            async with session.post(url, data=b"", headers=headers) as response:
                assert "Retry-After" not in response.headers
                told = "WWW-Authenticate" in response.headers
                return response.status, told, await response.read()

        protobuf, json = "application/x-protobuf", "application/json"
        assert (await send("Bearer anything", protobuf))[0] == 200, "there are no keys yet"
        make(path, "shop")
        viewer = f"Bearer {make(path, 'shop', 'viewer').secret}"
        before = _failures("http")
        status, told, body = await send(None, protobuf)
        assert (status, told, Status.FromString(body).code) == (401, True, 16)
        assert "Authorization: Bearer" in Status.FromString(body).message
        status, told, body = await send("Bearer anything", json)
        assert (status, told) == (401, True)
        assert b'"code": 16' in body
        status, told, body = await send(viewer, protobuf)
        assert (status, told, Status.FromString(body).code) == (403, False, 7)
        assert _failures("http") - before == 3
    assert producer.records == []


@pytest.mark.parametrize(
    "method", ["trace.v1.TraceService", "metrics.v1.MetricsService", "logs.v1.LogsService"]
)
async def test_grpc_says_who_is_missing(
    service: IngestService, path: Path, producer: RecordingProducer, method: str
) -> None:
    """UNAUTHENTICATED and PERMISSION_DENIED, and not to be tried again."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
        call = channel.unary_unary(EXPORT.format(method))
        assert await call(b"", metadata=(("authorization", "Bearer anything"),)) == b""
        editor, viewer = make(path, "shop"), make(path, "shop", "viewer")
        before = _failures("grpc")
        for secret, code in (
            (None, grpc.StatusCode.UNAUTHENTICATED),
            ("sk-st-wrong", grpc.StatusCode.UNAUTHENTICATED),
            (viewer.secret, grpc.StatusCode.PERMISSION_DENIED),
        ):
            metadata = (("authorization", f"Bearer {secret}"),) if secret else ()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(b"", metadata=metadata)
            details = dict(refused.value.trailing_metadata() or ())
            assert refused.value.code() is code
            assert "keys create" in (refused.value.details() or "") or secret is None
            assert "google.rpc.retryinfo-bin" not in details
        assert _failures("grpc") - before == 3
        metadata = (("authorization", f"Bearer {editor.secret}"),)
        assert await call(b"", metadata=metadata) == b""
    assert producer.records == []


def _failures(transport: str) -> float:
    labels = {"transport": transport, "outcome": "failure"}
    return REGISTRY.get_sample_value("otelcol_receiver_requests_total", labels) or 0


async def test_strangers_are_answered_before_they_have_sent_a_body(
    service: IngestService, path: Path
) -> None:
    """What they send costs nothing, however much it is."""
    make(path, "shop")
    reader, writer = await asyncio.open_connection("127.0.0.1", service.http_port)
    head = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()

    async def nothing_yet() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield BODY

    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.stream_unary(TRACES)(nothing_yet(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def _break(path: Path) -> None:
    path.write_text("{")


async def test_readiness_complains_of_a_broken_file(service: IngestService, path: Path) -> None:
    """The keys that were read stay in force meanwhile."""
    key = make(path, "shop")
    base = f"http://127.0.0.1:{service.http_port}"
    headers = {"Authorization": f"Bearer {key.secret}", "Content-Type": "application/x-protobuf"}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{base}/readyz") as response:
            assert response.status == 200
        _break(path)
        async with session.get(f"{base}/readyz") as response:
            assert response.status == 503
            assert str(path) in await response.text()
        async with session.post(f"{base}/v1/traces", data=BODY, headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("prepare", "problem"),
    [(_break, r"keys\.file"), (lambda _: None, "keys create"), (lambda at: make(at, "shop"), "")],
    ids=["broken", "none", "some"],
)
async def test_with_keys_it_listens_beyond_loopback(
    path: Path, prepare: Callable[[Path], object], problem: str
) -> None:
    """A broken file keeps it from starting; a file that is not there is no keys."""
    prepare(path)
    with pytest.raises(ConfigError, match=problem) if problem else nullcontext():
        async with running_ingest(
            RecordingProducer(), keys_file=path, grpc={"endpoint": "0.0.0.0:0"}
        ) as service:
            assert service.grpc_port


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Pipeline]:
    """A running pipeline of several receivers."""
    folder = tmp_path_factory.mktemp("pipeline")
    with processes.pipeline(folder, "ingest.processes=2") as running:
        yield running


def test_one_session_id_in_two_projects_never_meets(pipeline: processes.Pipeline) -> None:
    """Keys made while everything runs, through the whole pipeline, over every transport."""
    bearers = [_create(pipeline, project) for project in ("shop", "bank")]
    time.sleep(1.5)  # each receiver looks once a second
    for bearer, transports in zip(bearers, (3, 2), strict=True):
        exporters = (
            GrpcExporter(pipeline.grpc, insecure=True, headers={"authorization": bearer}),
            HttpExporter(f"{pipeline.http}/v1/traces", headers={"Authorization": bearer}),
            JsonExporter(f"{pipeline.http}/v1/traces", headers={"Authorization": bearer}),
        )
        for exporter in exporters[:transports]:
            assert exporter.export(finished_spans()) is SpanExportResult.SUCCESS
        for exporter in exporters:
            exporter.shutdown()
    pipeline.wait_for_spans("shop", 6)
    pipeline.wait_for_spans("bank", 4)
    rows = pipeline.store.query(
        "SELECT Project, SessionId, TraceCount, SpanCount FROM sessions ORDER BY Project"
    )
    assert rows == [("bank", "s-1", 2, 4), ("shop", "s-1", 3, 6)]
    assert pipeline.store.query("SELECT DISTINCT Project FROM spans ORDER BY 1") == [
        ("bank",),
        ("shop",),
    ]


def _create(pipeline: processes.Pipeline, project: str) -> str:
    """Make a key as an operator would, and return what proves it."""
    command: list[str | Path] = [processes.COMMAND, "keys", "create", f"--project={project}"]
    page = subprocess.run(
        [*command, f"--data-dir={pipeline.folder}"], check=True, capture_output=True, text=True
    ).stdout
    [line] = [line for line in page.splitlines() if "LANGFUSE_SECRET_KEY" in line]
    return f"Bearer {line.partition('=')[2].strip(chr(34))}"

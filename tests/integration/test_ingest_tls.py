"""TLS on both transports: real exporters, client certificates, and files that change meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest
from opentelemetry.exporter.otlp.json.http import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cli.transfer.importing import Import
from ingest.service import IngestService
from query.langfuse.ingest import Ingest
from runtime import certificates
from runtime.config import Config
from runtime.errors import ConfigError
from runtime.metrics import REGISTRY
from tests.certificates import Files, issue
from tests.fakes import RecordingProducer, running_ingest
from tests.integration.test_ingest_exporters import finished_spans
from tests.samples import request, span

BODY = request(span(1)).SerializeToString()
PROTOBUF = {"Content-Type": "application/x-protobuf"}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def _grpc(at: IngestService, files: Files, *, mutual: bool) -> SpanExporter:
    pair = {
        "private_key": files.client_key.read_bytes(),
        "certificate_chain": files.client_certificate.read_bytes(),
    }
    credentials = grpc.ssl_channel_credentials(files.ca.read_bytes(), **(pair if mutual else {}))
    return GrpcExporter(f"https://127.0.0.1:{at.grpc_port}", credentials=credentials)


def _http(kind: Any) -> Callable[..., SpanExporter]:
    def exporter(at: IngestService, files: Files, *, mutual: bool) -> SpanExporter:
        pair = {
            "client_certificate_file": str(files.client_certificate),
            "client_key_file": str(files.client_key),
        }
        made: SpanExporter = kind(
            f"https://127.0.0.1:{at.http_port}/v1/traces",
            certificate_file=str(files.ca),
            **(pair if mutual else {}),
        )
        return made

    return exporter


EXPORTERS: dict[str, Callable[..., SpanExporter]] = {
    "grpc": _grpc,
    "protobuf": _http(HttpExporter),
    "json": _http(JsonExporter),
}


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LOOK_SECONDS", 0.02)


@pytest.fixture(autouse=True)
def _trust_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    # `requests`, which one exporter uses, prefers these to what it is told.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return the files that the receiver is pointed at."""
    return issue(tmp_path / "tls")


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mtls"])
@pytest.mark.parametrize("name", EXPORTERS)
async def test_receives_what_an_exporter_sends(files: Files, name: str, *, mutual: bool) -> None:
    """OpenTelemetry's own exporters, with no more than their usual settings."""
    producer = RecordingProducer()
    async with running_ingest(producer, tls=files.settings(mutual=mutual)) as service:
        exporter = EXPORTERS[name](service, files, mutual=mutual)
        result = await asyncio.to_thread(exporter.export, finished_spans())
        await asyncio.to_thread(exporter.shutdown)

    assert result is SpanExportResult.SUCCESS
    assert len(producer.records) == 1


async def test_files_are_imported_with_what_exporters_are_told(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom to trust, and a certificate of one's own."""
    for name, file in (
        ("CERTIFICATE", files.ca),
        ("CLIENT_CERTIFICATE", files.client_certificate),
        ("CLIENT_KEY", files.client_key),
    ):
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", str(file))
    spans = tmp_path / "spans.bin"
    spans.write_bytes(BODY)
    importing = Import([str(spans)], bytes_max=1 << 20)
    producer = RecordingProducer()
    async with running_ingest(producer, tls=files.settings(mutual=True)) as service:
        await importing.run(f"https://localhost:{service.http_port}")
    assert importing.summary() == "accepted 1 spans, rejected 0, problems 0"
    assert len(producer.records) == 1


@pytest.mark.parametrize("name", ["CERTIFICATE", "CLIENT_CERTIFICATE"])
async def test_a_file_that_cannot_be_used_is_told_of(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent."""
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_CERTIFICATE"):
        await Import([], bytes_max=1).run("https://localhost:1")


def context(files: Files, *, client: Files | None = None) -> ssl.SSLContext:
    """Return what an HTTP client trusts, and shows."""
    made = ssl.create_default_context(cafile=files.ca)
    if client:
        made.load_cert_chain(client.client_certificate, client.client_key)
    return made


@asynccontextmanager
async def connected(service: IngestService, tls: ssl.SSLContext) -> AsyncIterator[Any]:
    """Yield what sends a request over HTTP and returns the answer's status, on one connection."""
    connector = aiohttp.TCPConnector(ssl=tls, limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send(path: str = "/v1/traces", method: str = "POST") -> int:
            url = f"https://localhost:{service.http_port}{path}"
            body = BODY if method == "POST" else None
            async with session.request(method, url, data=body, headers=PROTOBUF) as response:
                await response.read()
                return response.status

        yield send


def channel(service: IngestService, files: Files, *, client: Files | None = None) -> Any:
    """Return a gRPC channel with a connection of its own."""
    pair = (
        (client.client_key.read_bytes(), client.client_certificate.read_bytes()) if client else ()
    )
    return grpc.aio.secure_channel(
        f"localhost:{service.grpc_port}",
        grpc.ssl_channel_credentials(files.ca.read_bytes(), *pair),
        options=[("grpc.use_local_subchannel_pool", 1)],
    )


async def test_a_client_without_a_right_certificate_cannot_send(
    files: Files, tmp_path: Path
) -> None:
    """A wrong one ends the handshake. Over HTTP one without any is told, and may ask how we are."""
    producer = RecordingProducer()
    stranger = issue(tmp_path / "stranger")
    async with running_ingest(producer, tls=files.settings(mutual=True)) as service:
        for client in (None, stranger):
            async with channel(service, files, client=client) as calls:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await calls.unary_unary(EXPORT)(BODY, timeout=10)
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        async with connected(service, context(files)) as send:
            assert await send() == 401
            assert await send("/v1/metrics") == 401
            for path in ("/healthz", "/readyz", "/metrics"):
                assert await send(path, "GET") == 200
        async with connected(service, context(files, client=stranger)) as send:
            with pytest.raises(aiohttp.ClientError):
                await send()
    assert producer.records == []


async def test_speaks_nothing_older_than_tls_1_2(files: Files) -> None:
    """Nor plain text; what was tried before does not keep others from sending."""
    old = context(files)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with running_ingest(RecordingProducer(), tls=files.settings(mutual=False)) as service:
        for port in (service.grpc_port, service.http_port):
            with pytest.raises((ssl.SSLError, OSError)):
                await asyncio.open_connection("localhost", port, ssl=old)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://127.0.0.1:{service.http_port}/healthz")
        async with connected(service, context(files)) as send:
            assert await send() == 200


async def test_takes_new_files_while_clients_stay_connected(files: Files, tmp_path: Path) -> None:
    """Server and clients change their authority; who was connected before goes on sending."""
    producer = RecordingProducer()
    old, new = (shutil.copytree(files.folder, tmp_path / "old"), issue(tmp_path / "new"))
    before = Files(folder=old)
    async with (
        running_ingest(producer, tls=files.settings(mutual=True)) as service,
        channel(service, before, client=before) as calls,
        connected(service, context(before, client=before)) as send,
    ):
        assert (await calls.unary_unary(EXPORT)(BODY), await send()) == (b"", 200)
        _put(new, files)
        await _until(lambda: _served(service.http_port, new))

        assert (await calls.unary_unary(EXPORT)(BODY), await send()) == (b"", 200)
        async with (
            channel(service, new, client=new) as calls_then,
            connected(service, context(new, client=new)) as send_then,
        ):
            assert (await calls_then.unary_unary(EXPORT)(BODY), await send_then()) == (b"", 200)
        # What is no longer trusted is not, although what is shown to it would be.
        async with connected(service, context(new, client=before)) as send_then:
            with pytest.raises(aiohttp.ClientError):
                await send_then()
        async with channel(service, new, client=before) as calls_then:
            with pytest.raises(grpc.aio.AioRpcError):
                await calls_then.unary_unary(EXPORT)(BODY, timeout=10)
    assert len(producer.records) == 6


@pytest.mark.parametrize("name", ["server.pem", "server.key", "ca.pem"])
async def test_broken_files_change_nothing_and_are_complained_of(
    files: Files, tmp_path: Path, name: str
) -> None:
    """The files that were read before stay in force until there are right ones."""
    new = issue(tmp_path / "new")
    broken = files.folder / name
    async with running_ingest(RecordingProducer(), tls=files.settings(mutual=True)) as service:
        kept = shutil.copytree(files.folder, tmp_path / "kept")
        before = Files(folder=kept)
        broken.write_text("broken")
        await _until(lambda: _complains() == 1)
        async with connected(service, context(before, client=before)) as send:
            assert await send() == 200
        async with channel(service, before, client=before) as calls:
            assert await calls.unary_unary(EXPORT)(BODY) == b""
        _put(new, files)
        await _until(lambda: _complains() == 0)
        async with connected(service, context(new, client=new)) as send:
            assert await send() == 200


async def test_query_hands_spans_on_over_tls(files: Files) -> None:
    """What Langfuse's SDKs send to the pages' address goes on to ingest, with a certificate."""
    producer = RecordingProducer()
    async with running_ingest(producer, tls=files.settings(mutual=True)) as service:
        pair = {"cert_file": files.client_certificate, "key_file": files.client_key}
        settings = {
            "ingest_url": f"https://localhost:{service.http_port}",
            "ingest_tls": {"ca_file": files.ca, **pair},
        }

        async def body() -> AsyncIterator[bytes]:
            yield BODY

        async with Ingest(Config.model_validate({"query": settings})) as ingest:
            answer = await ingest.forward("/v1/traces", PROTOBUF.items(), body())
    assert (answer.status, answer.body) == (200, b"")
    assert len(producer.records) == 1


def _put(made: Files, at: Files) -> None:
    for file in made.folder.iterdir():
        shutil.copy(file, at.folder)


def _complains() -> float:
    return REGISTRY.get_sample_value("sessiontrail_broken_certificates") or 0


def _served(port: int, files: Files) -> bool:
    """Return whether a new connection is shown the certificate of these files."""
    return ssl.get_server_certificate(("localhost", port)) == files.certificate.read_text()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda files: files.key.unlink(), r"ingest\.tls\.key_file: cannot read"),
        (lambda files: files.certificate.write_text("no"), r"ingest\.tls: .*server\.pem"),
        (lambda files: shutil.copy(files.client_key, files.key), "KEY_VALUES_MISMATCH"),
        (lambda files: files.ca.write_text(""), r"ingest\.tls\.client_ca_file"),
    ],
)
async def test_does_not_start_with_broken_files(
    files: Files, change: Callable[[Files], object], problem: str
) -> None:
    """It says which file is wrong."""
    change(files)
    with pytest.raises(ConfigError, match=problem):
        async with running_ingest(RecordingProducer(), tls=files.settings(mutual=True)):
            pass


@pytest.mark.parametrize("left_out", ["cert_file", "key_file"])
async def test_a_certificate_needs_its_key(files: Files, left_out: str) -> None:
    """And nobody who forgot one of them sends in plain text."""
    settings = files.settings(mutual=True)
    del settings[left_out]
    with pytest.raises(ConfigError, match=r"ingest\.tls: cert_file and key_file belong together"):
        async with running_ingest(RecordingProducer(), tls=settings):
            pass


async def test_an_unfinished_handshake_holds_up_nobody(files: Files) -> None:
    """Whoever connects and says nothing waits alone."""
    async with running_ingest(RecordingProducer(), tls=files.settings(mutual=False)) as service:
        ports = [service.grpc_port, service.http_port] * 100
        silent = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        try:
            async with connected(service, context(files)) as send:
                assert await send() == 200
            async with channel(service, files) as calls:
                assert await calls.unary_unary(EXPORT)(BODY, timeout=10) == b""
        finally:
            for one in silent:
                one.close()

"""The worker with a real log and a real store: poison, outages and missing views."""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.port import ConsumedRecord, Record
from runtime import metrics
from runtime.config import Config, SessionsConfig, StoreConfig, TimesConfig, WorkerConfig
from runtime.section import HostPort
from schemas import dead_letter, envelope
from schemas.envelope import Envelope
from schemas.erasing import Erasing
from schemas.migrate import migrate
from schemas.otlp.signals import Signal
from store.client import Store
from tests import otlp, processes, samples
from tests.model import SentSpan
from workers import foreign
from workers.dead_letters import DeadLetters
from workers.inserter import Inserter
from workers.pipeline import Pipeline
from workers.resolver import Resolver

Closable = TypeVar("Closable", EmbeddedProducer, EmbeddedConsumer)


@dataclass(kw_only=True)
class Worker:
    """A worker whose log, store and dead letters a test can look at."""

    project: str
    producer: EmbeddedProducer
    dead: EmbeddedConsumer
    consumer: EmbeddedConsumer
    store: Store
    pipeline: Pipeline

    async def append(self, value: bytes, headers: dict[str, bytes] | None = None) -> None:
        """Append a record as ingest would, or with other headers."""
        ours = Envelope(project=self.project, received_ns=otlp.RECEIVED_NS, spans=1)
        await self.producer.append(
            Record(value=value, headers=ours.to_headers() if headers is None else headers)
        )

    async def run_until_drained(self) -> None:
        """Work until the log is empty."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(60):
            tasks.create_task(self.pipeline.run(stop))
            while (await self.consumer_backlog()) > 0:
                await asyncio.sleep(0.05)
            stop.set()

    async def consumer_backlog(self) -> int:
        """Return how many records are not committed."""
        return (await self.consumer.backlog()).records


@pytest.fixture
async def worker(store: processes.Store, tmp_path: Path) -> AsyncIterator[Worker]:
    """A worker over the shared store, in a project of its own."""
    async with _worker(store.config, tmp_path) as made:
        yield made


@asynccontextmanager
async def _worker(config: StoreConfig, folder: Path) -> AsyncIterator[Worker]:
    spans, dead = folder / "spans.db", folder / "dead.db"
    async with AsyncExitStack() as stack:

        async def closing(opening: Awaitable[Closable]) -> Closable:
            opened = await opening
            stack.push_async_callback(opened.close)
            return opened

        producer = await closing(EmbeddedProducer.open(spans, log_bytes_max=10**9))
        dead_producer = await closing(EmbeddedProducer.open(dead, log_bytes_max=10**9))
        consumer = await closing(EmbeddedConsumer.open(spans))
        dead_consumer = await closing(EmbeddedConsumer.open(dead))
        store = await stack.enter_async_context(Store(config))
        pipeline = Pipeline(
            consumer=consumer,
            inserter=Inserter(store, sessions=SessionsConfig(), times=TimesConfig()),
            erasing=Erasing(store),
            resolver=Resolver(store),
            dead_letters=DeadLetters(dead_producer, topic="otlp_spans", letters_max=1000),
            config=WorkerConfig(batch_seconds_max=0.1),
        )
        yield Worker(
            project=f"worker-{secrets.token_hex(4)}",
            producer=producer,
            dead=dead_consumer,
            consumer=consumer,
            store=store,
            pipeline=pipeline,
        )


def _stored(store: processes.Store, project: str) -> int:
    [[count]] = store.query(
        "SELECT count() FROM spans WHERE Project = {project:String}", {"project": project}
    )
    return int(count)


async def test_poison_goes_to_the_dead_letters_and_the_rest_is_stored(
    worker: Worker, store: processes.Store
) -> None:
    """Records that are no OTLP, or have half an envelope, are kept whole with the reason."""
    good = [otlp.request([otlp.sample(number)]) for number in range(1, 10)]
    poison = b"\x0a\xff\xff\xff\xff\x0fnot protobuf"
    for value in good[:5]:
        await worker.append(value)
    await worker.append(poison)
    await worker.append(good[0], headers={envelope.SPANS: b"1", "other": b"1"})
    for value in good[5:]:
        await worker.append(value)

    await worker.run_until_drained()

    assert await asyncio.to_thread(_stored, store, worker.project) == len(good)
    dead = await worker.dead.consume(value_bytes_max=10**6, wait_seconds_max=1)
    reasons = {letter.record.headers[dead_letter.REASON]: letter.record for letter in dead}
    assert set(reasons) == {b"protobuf", b"envelope"}
    assert reasons[b"protobuf"].value == poison
    assert reasons[b"protobuf"].headers[dead_letter.OFFSET] == b"5"
    assert reasons[b"envelope"].headers["other"] == b"1"
    assert reasons[b"envelope"].value == good[0]


async def test_records_of_other_writers_are_stored_in_the_default_project(
    worker: Worker, store: processes.Store
) -> None:
    """
    As an OpenTelemetry Collector's kafka exporter writes them, with headers of its own or none.
    Invalid spans are left out, what the store cannot hold is repaired, and garbage is kept whole.
    """
    trace_id = secrets.token_bytes(16)
    key = KeyValue(key="session.id", value=samples.text(trace_id.hex()))
    names = ["otlp_proto", "otlp_json", "bad ??", "deep", "good", "invalid", "good again"]
    proto, json, bad, deep, *three = [
        samples.span(number, name=name, trace_id=trace_id, attributes=[key])
        for number, name in enumerate(names, start=1)
    ]
    deep.attributes.append(KeyValue(key="deep", value=samples.array(samples.array())))
    three[1].span_id = b"short"
    garbage = b'{"resourceSpans": "yes"}'

    await worker.append(_encoded(proto), headers={"x-tenant": b"a"})
    await worker.append(samples.as_json(samples.request(json)), headers={})
    await worker.append(_encoded(bad).replace(b"??", b"\xc3\x28"), headers={})
    await worker.append(_encoded(deep), headers={})
    await worker.append(_encoded(*three), headers={})
    await worker.append(garbage, headers={"x-tenant": b"a"})
    await worker.run_until_drained()

    rows = await asyncio.to_thread(
        store.query,
        "SELECT SpanName, SpanAttributes['deep'], SessionId = TraceId FROM spans"
        " WHERE Project = 'default' AND TraceId = {trace_id:String} ORDER BY SpanId",
        {"trace_id": trace_id.hex()},
    )
    assert rows == [
        ("otlp_proto", "", True),
        ("otlp_json", "", True),
        ("bad \ufffd(", "", True),
        ("deep", "[[]]", True),
        ("good", "", True),
        ("good again", "", True),
    ]
    [dead] = await worker.dead.consume(value_bytes_max=10**6, wait_seconds_max=1)
    assert dead.record.value == garbage
    assert dead.record.headers["x-tenant"] == b"a"
    assert dead.record.headers[dead_letter.REASON] == b"encoding"


async def test_records_of_other_writers_are_read_beside_the_event_loop(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validating megabytes takes seconds, in which health checks should be answered."""
    readers: list[threading.Thread] = []

    def read(consumed: ConsumedRecord, signal: Signal) -> tuple[Envelope, bytes]:
        readers.append(threading.current_thread())
        return foreign_read(consumed, signal)

    foreign_read = foreign.read
    monkeypatch.setattr(foreign, "read", read)
    await worker.append(_encoded(samples.span()), headers={})
    await worker.run_until_drained()

    assert len(readers) == 1
    assert readers[0] is not threading.main_thread()


def _encoded(*spans: Span) -> bytes:
    body: bytes = samples.request(*spans).SerializeToString()
    return body


async def test_valid_protobuf_that_the_engine_refuses_is_stored(
    worker: Worker, store: processes.Store
) -> None:
    """Two members of a oneof on the wire: the last one wins, as protobuf says."""
    await worker.append(_with_two_members(otlp.sample(1)))
    await worker.append(otlp.request([otlp.sample(2)]))
    await worker.run_until_drained()
    assert await asyncio.to_thread(_stored, store, worker.project) == 2
    assert not await worker.dead.consume(value_bytes_max=10**6, wait_seconds_max=0.2)
    rows = await asyncio.to_thread(
        store.query,
        "SELECT SessionId FROM spans WHERE Project = {project:String}",
        {"project": worker.project},
    )
    assert rows == [("s",), ("s",)]


async def test_many_records_that_the_engine_refuses_take_few_statements(
    worker: Worker, store: processes.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that writes such records writes all of them so; poison is found among them."""
    statements = 0

    async def counted(*arguments: Any, **more: Any) -> None:
        nonlocal statements
        statements += "body" in more
        await execute(*arguments, **more)

    execute = worker.store.execute
    monkeypatch.setattr(worker.store, "execute", counted)
    for number in range(1, 31):
        await worker.append(_with_two_members(otlp.sample(number)))
    await worker.append(b"\x0a\xff\xff\xff\xff\x0fnot protobuf")
    await worker.run_until_drained()

    assert await asyncio.to_thread(_stored, store, worker.project) == 30
    [dead] = await worker.dead.consume(value_bytes_max=10**6, wait_seconds_max=1)
    assert dead.record.headers[dead_letter.REASON] == b"protobuf"
    # As they came, nothing at all, in canonical form.
    assert statements == 3


async def test_what_the_store_refuses_is_told_until_it_is_mended(
    store: processes.Store, tmp_path: Path
) -> None:
    """A worker that can store nothing is not ready, and says why."""
    database = f"mended_{secrets.token_hex(4)}"
    elsewhere = store.config.model_copy(update={"database": database})
    async with _worker(elsewhere, tmp_path) as worker, asyncio.timeout(60):
        await worker.append(otlp.request([otlp.sample(1)]))
        working = asyncio.create_task(worker.run_until_drained())
        while not worker.pipeline.refusals:
            await asyncio.sleep(0.05)
        [refusal] = worker.pipeline.refusals
        assert re.match(f"insert: .*{database}", refusal)
        async with Store(store.config) as client:
            await client.execute(f"CREATE DATABASE {database}")
        async with Store(elsewhere) as client:
            await migrate(client, Config(store=elsewhere))
        await working
        assert not worker.pipeline.refusals
        async with Store(store.config) as client:
            await client.execute(f"DROP DATABASE {database}")


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        pytest.param(6, ("Client", 0), id="int32: kind"),
        pytest.param(10, ("Internal", 3), id="uint32: dropped_attributes_count"),
    ],
)
async def test_a_number_beyond_32_bits_blocks_nothing(
    worker: Worker, store: processes.Store, field: int, stored: tuple[str, int]
) -> None:
    """Protobuf cuts it to 32 bits; the engine refuses it."""
    number = bytes([field << 3]) + b"\x83\x80\x80\x80\x10"  # 2³² + 3
    request = ExportTraceServiceRequest.FromString(otlp.request([otlp.sample(1)]))
    span = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    await worker.append(_field(1, _field(2, _field(2, span + number))))
    await worker.append(otlp.request([otlp.sample(2)]))
    await worker.run_until_drained()

    rows = await asyncio.to_thread(
        store.query,
        "SELECT SpanKind, DroppedAttributesCount FROM spans"
        " WHERE Project = {project:String} ORDER BY SpanId",
        {"project": worker.project},
    )
    assert rows == [stored, ("Internal", 0)]


def _with_two_members(span: SentSpan) -> bytes:
    """Return a request whose session id is sent as an integer and, behind it, as a string."""
    session = span.attributes["session.id"]
    bare = ExportTraceServiceRequest.FromString(otlp.request([replace(span, attributes={})]))
    value = b"\x18\x07" + _field(1, str(session).encode())  # int_value 7, then string_value
    attribute = _field(1, b"session.id") + _field(2, value)
    grown = bare.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    return _field(1, _field(2, _field(2, grown + _field(9, attribute))))


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of fewer than 128 bytes, or of fewer than 16384."""
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return bytes([number << 3 | 2]) + size + content


async def test_the_worker_waits_for_a_store_that_is_away(tmp_path: Path) -> None:
    """
    Started before the store, it stores what waited as soon as the store is there, and tells until
    then how much waits, though it commits nothing.
    """
    metrics.backlog_records.labels("traces").set(0)
    config = StoreConfig(endpoint=HostPort("127.0.0.1", processes.free_port()))
    async with _worker(config, tmp_path) as worker:
        await worker.append(otlp.request([otlp.sample(1)]))
        working = asyncio.create_task(worker.run_until_drained())
        await asyncio.sleep(1)
        assert not working.done()
        waiting = {"signal": "traces"}
        assert metrics.REGISTRY.get_sample_value("sessiontrail_backlog_records", waiting) == 1
        started = processes.store(tmp_path / "data", address=config.endpoint)
        running = await asyncio.to_thread(started.__enter__)
        try:
            await working
            assert await asyncio.to_thread(_stored, running, worker.project) == 1
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def test_the_worker_inserts_nothing_while_a_view_is_missing(tmp_path: Path) -> None:
    """A missing view would lose rows in silence, so the worker waits until it is back."""
    started = processes.store(tmp_path / "data")
    running = await asyncio.to_thread(started.__enter__)
    try:
        async with _worker(running.config, tmp_path / "other") as other:
            await asyncio.to_thread(running.answers, "DROP VIEW trace_sessions_mv")
            await other.append(otlp.request([otlp.sample(1)]))
            working = asyncio.create_task(other.run_until_drained())
            await asyncio.sleep(1)
            assert await asyncio.to_thread(_stored, running, other.project) == 0
            await asyncio.to_thread(processes.migrate, running)
            await working
            rows = await asyncio.to_thread(running.query, "SELECT SessionId FROM sessions")
            assert rows == [("s",)]
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)

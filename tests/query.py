"""The application of a query process, asked over HTTP without a port, and sessions to ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from buffer.port import ConsumedRecord, Record
from query.app import create_app
from query.langfuse.ingest import Ingest
from query.services import Services
from runtime.config import Config, KeysConfig, QueryConfig, SessionsConfig, StoreConfig, TimesConfig
from schemas.envelope import Envelope
from schemas.otlp.logs import Logs
from store.client import Store
from tests import otlp, samples
from tests.model import SentSpan
from workers.batch import Batch
from workers.inserter import Inserter
from workers.log_resolver import LogResolver
from workers.resolver import Resolver


@asynccontextmanager
async def app_client(
    store: StoreConfig, *, query: QueryConfig | None = None, keys_file: Path = Path(os.devnull)
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application over a store, by default without users and keys."""
    keys = KeysConfig(file=keys_file)
    config = Config(store=store, query=query or QueryConfig(), keys=keys)
    async with Store(store) as client, Ingest(config) as ingest:
        services = Services(config=config, store=client, ingest=ingest)
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            yield asking


async def keep(store: Store, project: str, spans: Sequence[SentSpan]) -> None:
    """Insert spans and resolve their sessions, as a worker does with what it consumed."""
    await keep_all(store, {project: spans})


async def keep_all(store: Store, sent: Mapping[str, Sequence[SentSpan]]) -> None:
    """Do so with spans of several projects, a record each, in one batch."""
    records = []
    for offset, (project, spans) in enumerate(sent.items()):
        envelope = Envelope(project=project, received_ns=spans[0].received_ns, spans=len(spans))
        record = Record(value=otlp.request(spans), headers=envelope.to_headers())
        records.append(ConsumedRecord(partition=0, offset=offset, appended_at_ns=0, record=record))
    batch = Batch.of(records)
    await Inserter(store, sessions=SessionsConfig(), times=TimesConfig()).insert(batch)
    await Resolver(store).resolve(batch.id)


async def keep_logs(
    store: Store, project: str, *records: LogRecord, received_ns: int = otlp.RECEIVED_NS
) -> None:
    """Insert log records, as a worker does with what it consumed."""
    signal = Logs(SessionsConfig().keys)
    envelope = Envelope(project=project, received_ns=received_ns, spans=len(records))
    value = samples.log_request(*records).SerializeToString()
    record = Record(value=value, headers=envelope.to_headers())
    consumed = ConsumedRecord(partition=0, offset=0, appended_at_ns=0, record=record)
    batch = Batch.of([consumed], signal)
    await Inserter(store, signal, sessions=SessionsConfig(), times=TimesConfig()).insert(batch)
    await LogResolver(store).resolve(batch.id)

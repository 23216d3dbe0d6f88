"""The application of a query process, asked over HTTP without a port."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from query.app import create_app
from query.langfuse.ingest import Ingest
from query.services import Services
from runtime.config import Config, KeysConfig, QueryConfig, StoreConfig
from store.client import Store


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

"""The application of a query process, asked over HTTP without a port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from query.app import create_app
from query.services import Services
from runtime.config import Config, QueryConfig, StoreConfig
from store.client import Store


@asynccontextmanager
async def app_client(
    store: StoreConfig, *, query: QueryConfig | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application over a store."""
    config = Config(store=store, query=query or QueryConfig())
    async with Store(store) as client:
        transport = httpx.ASGITransport(create_app(Services(config=config, store=client)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as asking:
            yield asking

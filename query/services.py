"""What the handlers of one query process share, and how a handler gets at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from query.langfuse.ingest import Ingest
from runtime.config import Config
from store.client import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a query process. They live as long as it does."""

    config: Config
    store: Store
    ingest: Ingest


# Asynchronous, as is all that handlers depend on: FastAPI gives anything else a thread, and waits.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Shared = Annotated[Services, Depends(_services)]

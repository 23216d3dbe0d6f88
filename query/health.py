"""What an operator asks of the process. Open to everybody, as on every process."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from query.services import Shared
from query.wire import Json
from runtime import telemetry
from runtime.errors import PipelineError

# As long as a worker waits for it; whoever asks waits a little longer.
_ANSWER_SECONDS_MAX = 5.0
# Asked first: a SELECT from what is not there yet stands as an error in the store's log, and every
# first start has a while of it.
_MIGRATED = "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'sessions'"

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> Response:
    """Say that the process lives."""
    return Json({"alive": True})


@router.get("/readyz")
async def readyz(services: Shared) -> Response:
    """Say whether the process can do its work, and what it waits for."""
    reasons = await waits_for(services)
    return Json({"ready": not reasons, "waiting_for": reasons}, status_code=503 if reasons else 200)


@router.get("/metrics")
async def metrics() -> Response:
    """Return the metrics in Prometheus' text format."""
    body, content_type = telemetry.exposition()
    return Response(body, media_type=content_type)


async def waits_for(services: Shared) -> list[str]:
    """Return what the process waits for, in words."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            if not await services.store.query(_MIGRATED):
                return ["store: it has no tables yet ('up' makes them, or 'sessiontrail migrate')"]
            await services.store.query("SELECT 1 FROM sessions LIMIT 1")
    except TimeoutError:
        return [f"store: no answer within {_ANSWER_SECONDS_MAX:g} s"]
    except PipelineError as error:
        return [f"store: {error}"]
    return []

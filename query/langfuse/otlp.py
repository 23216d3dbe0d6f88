"""
OTLP under Langfuse's path. Whether the sender's key is good is ingest's to check, so the routes are
open here.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from starlette.responses import Response

from query.errors import RETRY_AFTER_SECONDS
from query.langfuse.ingest import IngestUnavailable
from query.services import Shared
from runtime import events

router = APIRouter(prefix="/api/public")

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_UNAVAILABLE = 14  # google.rpc.Code


@router.post("/otel/v1/{signal}", include_in_schema=False)
async def export(
    signal: Literal["traces", "metrics", "logs"], request: Request, services: Shared
) -> Response:
    """Hand an export on to ingest, and its answer back."""
    headers = request.headers.items()
    try:
        answer = await services.ingest.forward(f"/v1/{signal}", headers, request.stream())
    except IngestUnavailable as error:
        events.request_not_forwarded(reason=str(error))
        return _come_back(request)
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


def _come_back(request: Request) -> Response:
    """OTLP (HTTP Response, Failures): a google.rpc.Status in the encoding of the request."""
    status = Status(code=_UNAVAILABLE, message="ingest is away: send the same request again later")
    delay = Duration(seconds=RETRY_AFTER_SECONDS)
    status.details.add().Pack(RetryInfo(retry_delay=delay))
    is_json = request.headers.get("content-type", "").lower().startswith(_JSON)
    return Response(
        json_format.MessageToJson(status, indent=None) if is_json else status.SerializeToString(),
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        media_type=_JSON if is_json else _PROTOBUF,
    )

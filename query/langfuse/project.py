"""What the SDKs ask before all else: is anybody there, and which project is the key's."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from starlette.responses import Response

from query.access.guard import Viewer
from query.wire import Json

router = APIRouter(prefix="/api/public")


@router.get("/health")
async def health() -> Response:
    """Say that the server answers, and its release. Open to everybody."""
    return Json({"status": "OK", "version": version("sessiontrail")})


@router.get("/projects")
async def projects(access: Viewer) -> Response:
    """Return the project of the key that asks."""
    return Json(
        {
            "data": [
                {
                    "id": access.project,
                    "name": access.project,
                    "organization": {"id": "sessiontrail", "name": "SessionTrail"},
                    "metadata": {},
                }
            ]
        }
    )

"""What every page of a project shows: who looks, at which project, and what they may do there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends

from query.access.guard import Access, Known
from query.access.projects import projects_of
from query.access.roles import Role
from query.services import Shared


async def _projects(identity: Known, services: Shared) -> Sequence[str]:
    return await projects_of(identity, services.store)


Projects = Annotated[Sequence[str], Depends(_projects)]


def of(access: Access, projects: Sequence[str]) -> dict[str, Any]:
    """Return what the frame of a page needs; `projects` are those to choose from."""
    return {
        "access": access,
        "projects": projects,
        "is_open": access.open,
        "may_edit": access.role >= Role.EDITOR,
        "may_delete": access.role >= Role.ADMIN,
    }


def local(url: str, *, otherwise: str) -> str:
    """Return where to go after a form: a path of ours, never another site."""
    # Browsers take `//host`, `/\\host` and a tab between the slashes for another site.
    is_ours = url.startswith("/") and not url.startswith("//")
    return url if is_ours and "\\" not in url and url.isprintable() else otherwise

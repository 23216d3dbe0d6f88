"""
What each handler demands: a project, and a role in it. A handler that takes neither Viewer
nor Editor is open to everybody, and says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request

from query.access.gate import Gate
from query.access.roles import Identity, Role
from runtime.errors import NotAllowed
from schemas.envelope import DEFAULT_PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks, and for which project. The role has been checked."""

    project: str
    who: str  # the author of what they write
    role: Role
    open: bool = False  # anybody, because there are no users: pages say so


async def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


Door = Annotated[Gate, Depends(_gate)]


async def _identify(request: Request, gate: Door) -> Identity:
    return gate.identify(request)


Known = Annotated[Identity, Depends(_identify)]
Project = Annotated[str, Query(description="The project, where one may see several.")]


def access_to(identity: Identity, project: str, *, needed: Role) -> Access:
    """
    Let somebody into a project; the one that is theirs, if they name none.

    Raises:
        NotAllowed: they have no such role there.
    """
    project = project or _usual_project(identity)
    role = identity.role_in(project)
    if role is None:
        raise NotAllowed(
            f"{identity.name} has no role in project '{project}': an operator gives roles in"
            " query.users, and keys by `sessiontrail keys create`"
        )
    if role < needed:
        raise NotAllowed(
            f"{identity.name} is {role.name.lower()} in project '{project}', and this needs"
            f" {needed.name.lower()}"
        )
    return Access(project=project, who=identity.name, role=role, open=identity.open)


def _usual_project(identity: Identity) -> str:
    if identity.role_in(DEFAULT_PROJECT) is not None:
        return DEFAULT_PROJECT
    return min(identity.roles)


def _demand(needed: Role) -> Callable[[Identity, str], Awaitable[Access]]:
    async def demand(identity: Known, project: Project = "") -> Access:
        return access_to(identity, project, needed=needed)

    return demand


Viewer = Annotated[Access, Depends(_demand(Role.VIEWER))]
Editor = Annotated[Access, Depends(_demand(Role.EDITOR))]
Admin = Annotated[Access, Depends(_demand(Role.ADMIN))]

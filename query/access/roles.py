"""Who somebody is, and their roles by project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.roles import Role

__all__ = ["EVERY_PROJECT", "Identity", "Role"]

EVERY_PROJECT = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody who may read at least one project: a user, a project's key, or anybody."""

    name: str
    roles: Mapping[str, Role]  # by project; EVERY_PROJECT stands for those not named
    open: bool = False  # anybody, because there are no users

    def role_in(self, project: str) -> Role | None:
        """Return the role in a project, if there is one."""
        return self.roles.get(project, self.roles.get(EVERY_PROJECT))

"""Roles in a project."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

# As they are written in settings, key files and on the command line.
RoleName = Literal["viewer", "editor", "admin"]


class Role(IntEnum):
    """What somebody may do in a project; each role may do all that the ones before it may."""

    VIEWER = 1  # read
    EDITOR = 2  # send spans; bookmark, score, comment, publish; edit what they wrote
    ADMIN = 3  # edit and remove what others wrote

    @classmethod
    def named(cls, name: RoleName) -> Role:
        """Return the role of that name."""
        return cls[name.upper()]

"""What every page of a project shows: who looks, at which project, and what they may do there."""

from __future__ import annotations

from typing import Any

from query.access.guard import Access
from query.access.roles import Role


def of(access: Access) -> dict[str, Any]:
    """Return what the frame of a page needs."""
    return {
        "access": access,
        "projects": [access.project],
        "is_open": access.open,
        "may_edit": access.role >= Role.EDITOR,
    }


def local(url: str, *, otherwise: str) -> str:
    """Return where to go after a form: a path of ours, never another site."""
    # Browsers take `//host`, `/\\host` and a tab between the slashes for another site.
    is_ours = url.startswith("/") and not url.startswith("//")
    return url if is_ours and "\\" not in url and url.isprintable() else otherwise

"""Which projects somebody may see."""

from __future__ import annotations

from collections.abc import Sequence

from query.access.roles import EVERY_PROJECT, Identity
from schemas.envelope import DEFAULT_PROJECT
from store.client import Store

# More than anybody picks from; whoever knows the name of another one may still ask for it.
_ALL = "SELECT DISTINCT Project FROM sessions_data ORDER BY Project LIMIT 1000"


async def projects_of(identity: Identity, store: Store) -> Sequence[str]:
    """
    Return them in order: those they have a role in; with a role in all, those that hold sessions,
    and the default one.

    Raises:
        StoreUnavailable: worth another try.
    """
    named = {project for project in identity.roles if project != EVERY_PROJECT}
    if EVERY_PROJECT in identity.roles:
        named |= {DEFAULT_PROJECT, *(project for (project,) in await store.query(_ALL))}
    return sorted(named)

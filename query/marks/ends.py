"""Ends: that somebody says a session is over, until new spans open it again."""

from __future__ import annotations

from query.access.guard import Access
from query.marks import rows
from schemas.resolving import Resolving
from schemas.statements import END_SESSION
from store.client import Store


async def end(store: Store, access: Access, session_id: str) -> None:
    """
    End a session now. It can be read as ended from the return on.

    Raises:
        NotFound: there is no such session in the project.
        StoreUnavailable: worth another try. The end may have been kept.
    """
    await rows.check_session(store, access.project, session_id)
    session = {"project": access.project, "session_id": session_id}
    await store.execute(END_SESSION, session)
    await Resolving(store).refigure(access.project, session_id)

"""Public links: what opens a session, and what does not any more."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from query.access.guard import Access
from query.access.roles import Role
from query.marks import rows
from query.marks.shares import NewShare, Shares
from runtime.errors import InvalidRequest, NotFound
from store.client import Store
from tests import otlp, processes
from tests.query import app_client, keep


@pytest.fixture
async def client(store: processes.Store) -> AsyncIterator[Store]:
    """The store's client."""
    async with Store(store.config) as connected:
        yield connected


@pytest.fixture
async def access(client: Store) -> Access:
    """An editor of a project that has the session "s"."""
    project = f"shares-{secrets.token_hex(4)}"
    await keep(client, project, [otlp.sample(1)])
    return Access(project=project, who="ann", role=Role.EDITOR)


async def test_a_token_opens_its_session_until_it_is_revoked(client: Store, access: Access) -> None:
    """At once, and for that link alone."""
    shares = Shares(client)
    first, token = await shares.publish(access, "s", NewShare(hides_content=True))
    second, other = await shares.publish(access, "s", NewShare())
    assert await shares.find(token) == first
    assert (first.project, first.session_id, first.hides_content) == (access.project, "s", True)
    assert await shares.find(other) == second
    assert await shares.of_session(access.project, "s") == [second, first]

    bob = Access(project=access.project, who="bob", role=Role.EDITOR)
    await shares.revoke(bob, first.id)
    await shares.revoke(access, first.id)  # changes nothing
    assert await shares.find(token) is None
    assert await shares.find(other) == second
    [_, revoked] = await shares.of_session(access.project, "s")
    assert (revoked.id, revoked.revoked_by) == (first.id, "bob")
    assert revoked.revoked_at_ns is not None


async def test_a_link_is_revoked_even_where_the_clock_was_set_back(
    client: Store, access: Access
) -> None:
    """What was done last is what counts."""
    shares = Shares(client)
    share, token = await shares.publish(access, "s", NewShare())
    with mock.patch.object(rows, "clock", mock.AsyncMock(return_value=10**18)):
        await shares.revoke(access, share.id)
    assert await shares.find(token) is None


@pytest.mark.parametrize("token", ["", "wrong", "\x00", "é" * 100_000, "\ud800"])
async def test_other_tokens_open_nothing(client: Store, access: Access, token: str) -> None:
    """Whatever stands in the address."""
    await Shares(client).publish(access, "s", NewShare())
    assert await Shares(client).find(token) is None


async def test_a_link_expires(client: Store, access: Access) -> None:
    """By the store's clock; a time that is over, or beyond all times, is refused."""
    shares = Shares(client)
    now = datetime.now(UTC)
    soon, token = await shares.publish(access, "s", NewShare(expires_at=now + timedelta(seconds=1)))
    later, kept = await shares.publish(access, "s", NewShare(expires_at=now + timedelta(days=1)))
    assert soon.expires_at_ns is not None
    while await rows.clock(client) < soon.expires_at_ns:
        await asyncio.sleep(0.05)
    assert await shares.find(token) is None
    assert await shares.find(kept) == later
    for impossible in (now - timedelta(seconds=1), datetime(2262, 5, 1, tzinfo=UTC)):
        with pytest.raises(InvalidRequest, match="expires_at"):
            await shares.publish(access, "s", NewShare(expires_at=impossible))


async def test_the_store_has_no_token_in_clear(
    client: Store, access: Access, store: processes.Store
) -> None:
    """Its hash alone, so that a copy of the store opens nothing."""
    _, token = await Shares(client).publish(access, "s", NewShare())
    assert len(token) >= 43  # 256 bits
    [row] = store.query(
        "SELECT * FROM shares_data WHERE Project = {project:String}", {"project": access.project}
    )
    assert hashlib.sha256(token.encode()).hexdigest() in row
    assert token not in repr(row)


async def test_what_is_not_there_is_neither_published_nor_revoked(
    client: Store, access: Access
) -> None:
    """Also where another project has it."""
    shares = Shares(client)
    share, token = await shares.publish(access, "s", NewShare())
    other = Access(project=f"{access.project}-other", who="eve", role=Role.ADMIN)
    with pytest.raises(NotFound):
        await shares.publish(access, "none", NewShare())
    with pytest.raises(NotFound):
        await shares.publish(other, "s", NewShare())
    with pytest.raises(NotFound):
        await shares.revoke(other, share.id)
    assert await shares.find(token) == share


async def test_links_are_made_listed_and_revoked_over_http(
    client: Store, access: Access, store: processes.Store
) -> None:
    """The token is told once; the list has neither it nor its hash."""
    session = {"project": access.project, "id": "s"}
    async with app_client(store.config) as http:
        made = await http.post("/api/v1/session/shares", params=session)
        assert made.status_code == 201
        token = made.json()["path"].removeprefix("/shared/")
        assert await Shares(client).find(token)
        [listed] = (await http.get("/api/v1/session/shares", params=session)).json()["data"]
        assert listed == {k: v for k, v in made.json().items() if k != "path"}
        assert "hash" not in made.text
        link = f"/api/v1/shares/{listed['id']}"
        gone = await http.delete(link, params={"project": access.project})
        assert (gone.status_code, gone.content) == (204, b"")
        assert await Shares(client).find(token) is None
        none = await http.post("/api/v1/session/shares", params={**session, "id": "../none"})
        assert (none.status_code, none.json()["status"]) == (404, 404)
        over = {"expires_at": "2001-01-01T00:00:00Z"}
        refused = await http.post("/api/v1/session/shares", params=session, json=over)
        assert (refused.status_code, refused.json()["detail"][:10]) == (400, "expires_at")

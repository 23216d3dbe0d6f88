"""Logging in and out, keys, open processes, and what every answer carries."""

from __future__ import annotations

import asyncio
import base64
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from query.access.attempts import BY_NAME_MAX
from query.access.cookies import NAME
from query.access.projects import projects_of
from query.access.protection import BODY_BYTES_MAX
from query.access.roles import EVERY_PROJECT, Identity
from query.service import serve
from query.wire import Problem
from runtime import key_ring, keys
from runtime.config import Config, QueryConfig, UserConfig
from runtime.errors import ConfigError
from runtime.roles import Role
from store.client import Store
from tests import processes
from tests.query import app_client
from tests.users import PASSWORD, query_config, user

ADA = user("ada", shop="viewer", bank="admin")
FORM = {"name": "ada", "password": PASSWORD}


@asynccontextmanager
async def asking(
    store: processes.Store, *users: UserConfig, **others: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an application with these users."""
    async with app_client(store.config, query=query_config(*users), **others) as client:
        yield client


async def test_logs_in_and_out(store: processes.Store) -> None:
    """A page leads to the form, and the form back to the page; the cookie is for our eyes only."""
    async with asking(store, ADA) as client:
        sent = await client.get("/session?id=a/b&project=shop")
        assert sent.headers["location"] == "/login?next=%2Fsession%3Fid%3Da%2Fb%26project%3Dshop"
        form = await client.get(sent.headers["location"])
        assert 'value="/session?id=a/b&amp;project=shop"' in form.text
        back = await client.post("/login", data={**FORM, "next": "/session?id=a/b&project=shop"})
        assert (back.status_code, back.headers["location"]) == (303, "/session?id=a/b&project=shop")
        cookie = back.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert (await client.get("/api/v1/sessions?project=shop")).status_code == 200
        kept = client.cookies[NAME]
        assert (await client.post("/logout")).headers["location"] == "/login"
        assert NAME not in client.cookies
        assert (await client.get("/api/v1/sessions?project=shop")).status_code == 401
    async with asking(store, user("ada", "another password", shop="viewer")) as client:
        client.cookies.set(NAME, kept)
        assert (await client.get("/api/v1/sessions?project=shop")).status_code == 401


async def test_over_https_the_cookie_stays_there(store: processes.Store) -> None:
    """A browser would send it over plain HTTP otherwise."""
    async with asking(store, ADA) as client:
        answer = await client.post("https://localhost/login", data=FORM)
        assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "ada", "password": "wrong"},
        {"name": "bob", "password": PASSWORD},
        {"name": "ADA", "password": PASSWORD},
        {"name": "ada"},
        {},
    ],
)
async def test_says_nothing_of_which_was_wrong(
    store: processes.Store, fields: dict[str, str]
) -> None:
    """Name and password alike, and the form comes again, wherever `next` leads."""
    async with asking(store, ADA) as client:
        answer = await client.post("/login", data={**fields, "next": "//evil.example"})
        assert answer.status_code == 401
        assert "Name or password is wrong." in answer.text
        assert "evil.example" not in answer.text
        assert "set-cookie" not in answer.headers
        assert "password" not in dict(answer.headers)


async def test_a_form_must_be_a_form(store: processes.Store) -> None:
    """And no larger than one; what was typed is shown as text."""
    async with asking(store, ADA) as client:
        assert (await client.post("/login", json=FORM)).status_code == 400
        huge = {"name": "ada", "password": "x" * 20_000}
        assert (await client.post("/login", data=huge)).status_code == 400
        many = {str(number): "x" for number in range(100)}
        assert (await client.post("/login", data=many)).status_code == 400
        answer = await client.post("/login", data={"name": '"><script>', "password": "x"})
        assert "&#34;&gt;&lt;script&gt;" in answer.text


async def test_guessing_is_slowed_down(store: processes.Store) -> None:
    """Also when the guesses come all at once, and the right one among them too late."""
    async with asking(store, ADA) as client:
        guesses = [
            client.post("/login", data={"name": "ada", "password": f"guess {number}"})
            for number in range(BY_NAME_MAX + 5)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]
        assert sorted(statuses) == [401] * BY_NAME_MAX + [429] * 5
        late = await client.post("/login", data=FORM)
        assert late.status_code == 429
        assert 0 < int(late.headers["retry-after"]) <= 300
        assert "Too many attempts" in late.text


async def test_keys_open_the_api(
    store: processes.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bearer or Basic, in one project, until they are revoked; a wrong one is never anybody."""
    monkeypatch.setattr(key_ring, "LOOK_SECONDS", 0.0)
    path = tmp_path / "keys.json"
    url = "/api/v1/sessions"
    async with asking(store, ADA, keys_file=path) as client:

        async def status(authorization: str, url: str = url) -> int:
            return (await client.get(url, headers={"Authorization": authorization})).status_code

        assert await status("Bearer anything") == 401
        key, secret, _ = keys.create(path, project="shop", role="viewer", name="")
        pair = base64.b64encode(f"{key.public_key}:{secret}".encode()).decode()
        assert await status(f"Bearer {secret}") == 200
        assert await status(f"Basic {pair}") == 200
        assert await status(f"Bearer {secret}", f"{url}?project=bank") == 403
        refused = await client.get(url, headers={"Authorization": "Bearer wrong"})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="sessiontrail"'
        assert refused.headers["content-type"] == "application/problem+json"
        await client.post("/login", data=FORM)
        assert await status("Bearer wrong", f"{url}?project=shop") == 401, "whatever the cookie"
        keys.revoke(path, key.public_key)
        assert await status(f"Bearer {secret}") == 401


async def test_without_users_it_is_open_to_this_machine(
    store: processes.Store, tmp_path: Path
) -> None:
    """With any key pair while there are none; under a name of the web to nobody."""
    path = tmp_path / "keys.json"
    rebound = {"Host": "evil.example:8080"}
    async with asking(store, keys_file=path) as client:
        assert (await client.get("/api/v1/sessions")).status_code == 200
        any_pair = {"Authorization": "Basic cGs6c2s="}
        assert (await client.get("/api/v1/sessions", headers=any_pair)).status_code == 200
        for headers in (rebound, {**rebound, **any_pair}):
            answer = await client.get("/api/v1/sessions", headers=headers)
            assert (answer.status_code, "query.users" in answer.text) == (403, True)
        assert (await client.get("/login?next=/sessions")).headers["location"] == "/sessions"
        assert (await client.post("/login", data=FORM)).status_code == 303
    keys.create(path, project="shop", role="viewer", name="")
    async with asking(store, keys_file=path) as client:
        assert (await client.get("/api/v1/sessions")).status_code == 200
        assert (await client.get("/api/v1/sessions", headers=any_pair)).status_code == 401
    anyhow = QueryConfig(without_users=True)
    async with app_client(store.config, query=anyhow) as client:
        assert (await client.get("/api/v1/sessions", headers=rebound)).status_code == 200


async def test_other_sites_change_nothing(store: processes.Store) -> None:
    """Neither by a form nor by a script, logged in or open; reading is the browser's to keep."""
    for users in ((), (user("ada", everywhere="admin"),)):
        async with asking(store, *users) as client:
            if users:
                await client.post("/login", data=FORM)
            for headers in (
                {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
                {"Sec-Fetch-Site": "same-site"},
                {"Origin": "https://evil.example"},
                {"Origin": "null"},
                {"Origin": "https://evil.example", "Authorization": "Basic cGs6c2s="},
            ):
                for path in ("/session/bookmark", "/login", "/logout"):
                    answer = await client.post(path, data={"id": "s", "on": "1"}, headers=headers)
                    assert answer.status_code == 403, (path, headers)
            ours = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
            for headers in ({}, ours, {"Origin": "http://localhost"}):
                answer = await client.post(
                    "/session/bookmark", data={"id": "s", "on": "1"}, headers=headers
                )
                assert answer.status_code == 404, "there is no such session, and it was looked for"
            shown = await client.get("/sessions", headers={"Sec-Fetch-Site": "cross-site"})
            assert shown.status_code == 200, "a link from elsewhere"


@pytest.mark.parametrize(
    "path", ["/sessions", "/login", "/nothing", "/api/v1/sessions", "/api/v1/session", "/healthz"]
)
async def test_every_answer_is_protected(store: processes.Store, path: str) -> None:
    """Errors included; nothing is kept by a browser or a proxy."""
    async with asking(store, ADA) as client:
        headers = (await client.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


async def test_projects_are_those_one_has(store: processes.Store) -> None:
    """With a role in all, those that hold sessions, and the default one."""
    async with Store(store.config) as client:
        named = Identity(name="a", roles={"shop": Role.VIEWER, "bank": Role.ADMIN})
        assert await projects_of(named, client) == ["bank", "shop"]
        every = Identity(name="a", roles={EVERY_PROJECT: Role.VIEWER, "shop": Role.ADMIN})
        assert {"default", "shop"} <= set(await projects_of(every, client))


async def test_refuses_to_serve_beyond_loopback_without_users(tmp_path: Path) -> None:
    """Whoever could reach it could read and change everything."""
    for query, problem in (
        ({"endpoint": "0.0.0.0:0"}, "query.users"),
        ({"endpoint": "127.0.0.1:0", "secret": "short"}, "query.secret"),
        ({"users": [ADA, ADA]}, "several users 'ada'"),
    ):
        config = Config.model_validate({"query": query, "data_dir": tmp_path})
        with pytest.raises(ConfigError, match=problem):
            async with serve(config):
                pass
    for more in ({"users": [ADA]}, {"without_users": True}):
        given = {"endpoint": "0.0.0.0:0", **more}
        async with serve(Config.model_validate({"query": given, "data_dir": tmp_path})) as address:
            assert address.port


def test_a_real_process_takes_a_user_of_its_settings(
    store: processes.Store, tmp_path: Path
) -> None:
    """From `hash-password` through the environment to the cookie, over a real port."""
    hashed = subprocess.run(
        [processes.COMMAND, "hash-password"],
        input=f"{PASSWORD}\n",
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    file = tmp_path / "sessiontrail.yaml"
    file.write_text(
        "query:\n  users:\n"
        f"    - {{name: ada, password_hash: '{hashed}', roles: {{'*': editor}}}}\n"
    )
    base = f"http://127.0.0.1:{processes.free_port()}"
    process = subprocess.Popen(
        [
            processes.COMMAND,
            "query",
            f"--config={file}",
            f"--data-dir={tmp_path / 'data'}",
            f"--set=query.endpoint={base.removeprefix('http://')}",
            f"--set=store.endpoint={store.address}",
        ]
    )
    try:
        processes.wait_until(
            lambda: processes.answer(f"{base}/readyz")[0] == 200, what="query is ready"
        )
        with httpx.Client(base_url=base) as client:
            assert client.get("/sessions").headers["location"].startswith("/login?next=")
            assert client.post("/login", data={**FORM, "password": "wrong"}).status_code == 401
            assert client.post("/login", data=FORM).status_code == 303
            assert client.get("/sessions").status_code == 200
            assert "sessiontrail_log_ins_total" in client.get("/metrics").text
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
    shown = subprocess.run(
        [processes.COMMAND, "print-config", f"--config={file}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "name: ada" in shown
    assert "$argon2" not in shown
    assert "***" in shown


async def test_a_body_that_is_too_large_is_not_read(store: processes.Store) -> None:
    """By its length, or because it does not tell it; exports of spans are another matter."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("it was read")

    async with app_client(store.config) as asking:
        large = await asking.post("/api/v1/scores", content=b" " * (BODY_BYTES_MAX + 1))
        assert (large.status_code, large.headers["content-type"]) == (413, Problem.media_type)
        unknown = await asking.post("/api/v1/scores", content=endless())
        assert unknown.status_code == 411
        form = await asking.post("/session/publish", content=b"a=" * BODY_BYTES_MAX)
        assert form.status_code == 413

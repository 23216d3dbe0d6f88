"""
Project keys: what they are, and the file that holds them.

Of a secret only its SHA-256 is kept. A slow hash protects what people think up; a secret of 256
random bits cannot be guessed at any speed, and each request would pay for the slowness.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime import private_files
from runtime.errors import ConfigError, NotFound
from runtime.roles import Role, RoleName

# Harmless in a URL, a shell, a header and a file name; `*` stands for every project elsewhere.
PROJECT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Key(BaseModel):
    """One key: who it belongs to, what it allows, and the SHA-256 of its secret in hex."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_key: str = Field(pattern=r"^pk-st-[0-9a-f]+$")
    secret_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    project: str = Field(pattern=PROJECT)
    role: RoleName = "editor"
    name: str = Field(default="", max_length=100, pattern=r"^\P{C}*$")
    created: datetime
    revoked: datetime | None = None

    def allows(self, role: Role) -> bool:
        """Whether it may do, in its project, what `role` may."""
        return Role.named(self.role) >= role


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[Key, ...] = ()


class NewKey(NamedTuple):
    """A key, and its secret, which is nowhere else. `is_first`: there were none before it."""

    key: Key
    secret: str
    is_first: bool


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", errors="replace")).hexdigest()


def read(path: Path) -> tuple[Key, ...]:
    """
    Return all keys of a file, revoked ones included; none where it is empty or not there.

    Raises:
        ConfigError: it cannot be read, or is no file of keys.
    """
    try:
        content = path.read_bytes()
        return _File.model_validate_json(content).keys if content.strip() else ()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"keys.file: cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        # Not what was found there: that may be a secret.
        where = {".".join(map(str, e["loc"])) or e["msg"] for e in error.errors()}
        raise ConfigError(
            f"keys.file: {path} is no file of keys ({'; '.join(sorted(where)[:3])}): mend it, or"
            " put back a copy"
        ) from error


def create(path: Path, *, project: str, role: RoleName, name: str) -> NewKey:
    """
    Add a key to the file, which every process reads within a second or so.

    Raises:
        ConfigError: the file is broken or cannot be written, or the project's name is no name.
    """
    secret = f"sk-st-{secrets.token_urlsafe(32)}"
    try:
        key = Key(
            public_key=f"pk-st-{secrets.token_hex(12)}",
            secret_sha256=digest(secret),
            project=project,
            role=role,
            name=name,
            created=_now(),
        )
    except ValidationError as error:
        raise ConfigError(
            "a project is named by up to 100 letters, digits, '.', '_' and '-', and begins with"
            " a letter or a digit; the name of a key has up to 100 printable characters"
        ) from error
    with _changing(path) as keys:
        is_first = not keys
        keys.append(key)
    return NewKey(key, secret, is_first)


def revoke(path: Path, public_key: str) -> Key:
    """
    Let a key be of no use any more, and return it. It stays listed.

    Raises:
        NotFound: there is no such key.
        ConfigError: the file is broken or cannot be written.
    """
    with _changing(path) as keys:
        for number, key in enumerate(keys):
            if key.public_key == public_key:
                keys[number] = key.model_copy(update={"revoked": key.revoked or _now()})
                return keys[number]
        raise NotFound(f"there is no key '{public_key}': `sessiontrail keys list` shows them")


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """Yield the keys to be changed, one change at a time, and write them down."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = list(read(path))
            yield keys
            content = _File(keys=tuple(keys)).model_dump_json(indent=2)
            private_files.replace(path, content.encode() + b"\n")
    except OSError as error:
        raise ConfigError(f"keys.file: cannot write {path}: {error.strerror}") from error


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)

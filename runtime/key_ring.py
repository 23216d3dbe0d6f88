"""The keys in force in one process: read from their file, and read again when it changes."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import time
from collections.abc import Mapping
from pathlib import Path

from runtime import events, keys
from runtime.errors import ConfigError, NotAuthenticated
from runtime.keys import Key

# How often the file is looked at; a revoked key is of no use so soon after.
LOOK_SECONDS = 1.0

_HOW = "send 'Authorization: Bearer SECRET_KEY', or Basic with 'PUBLIC_KEY:SECRET_KEY' in base64"


class KeyRing:
    """
    The project keys. A file that is broken, emptied or gone changes nothing, and is complained of:
    the keys that were read last stay in force, so that no accident opens what was closed.
    """

    def __init__(self, path: Path) -> None:
        """
        Read the file.

        Raises:
            ConfigError: it is broken.
        """
        self._path = path
        self._state = _state_of(path)
        self._looked_at = time.monotonic()
        self._by_digest = _by_digest(keys.read(path))
        self._problem = ""

    def has_keys(self) -> bool:
        """Whether there is any key, revoked ones included: revoking the last one opens nothing."""
        self._look()
        return bool(self._by_digest)

    def problem(self) -> str:
        """Return what is wrong with the file, in words; nothing while it is right."""
        self._look()
        return self._problem

    def authenticate(self, authorization: str | None) -> Key:
        """
        Return the key that an Authorization header proves: `Bearer SECRET`, or Basic with
        `PUBLIC:SECRET` as Langfuse's clients send it.

        Raises:
            NotAuthenticated: it proves none; the message says what to send.
        """
        self._look()
        public, secret = _credentials(authorization)
        # Looking up a digest tells nothing by its time: nobody can choose how a digest begins.
        key = self._by_digest.get(keys.digest(secret))
        if key is None or not hmac.compare_digest(
            (key.public_key if public is None else public).encode(errors="replace"),
            key.public_key.encode(),
        ):
            raise NotAuthenticated(
                "no project has this key: look for it in `sessiontrail keys list`, or make one with"
                " `sessiontrail keys create --project NAME`"
            )
        if key.revoked:
            raise NotAuthenticated(
                f"the key {key.public_key} was revoked: make another one with"
                f" `sessiontrail keys create --project {key.project}`"
            )
        return key

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        state = _state_of(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            found = _by_digest(keys.read(self._path))
        except ConfigError as error:
            self._complain(str(error))
            return
        if self._by_digest and not found:
            self._complain(
                f"keys.file: {self._path} holds no keys any more: put it back, or start again to go"
                " on without keys"
            )
            return
        self._by_digest, self._problem = found, ""
        events.keys_read(keys=len(found))

    def _complain(self, problem: str) -> None:
        self._problem = problem
        events.keys_unreadable(error=problem)


def _by_digest(found: tuple[Key, ...]) -> Mapping[str, Key]:
    return {key.secret_sha256: key for key in found}


def _state_of(path: Path) -> tuple[int, ...]:
    """Return what differs as soon as somebody has changed the file or who may read it."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - the fastest way, on the way of every request
    except OSError as error:
        return (error.errno or 0,)
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _credentials(authorization: str | None) -> tuple[str | None, str]:
    """Return the public key, if one is given, and the secret."""
    if not authorization:
        raise NotAuthenticated(f"a project key is needed: {_HOW}")
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer" and credentials:
        return None, credentials
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, ValueError):
            text = ""
        public, colon, secret = text.partition(":")
        if colon:
            return public, secret
    raise NotAuthenticated(f"the Authorization header cannot be read: {_HOW}")

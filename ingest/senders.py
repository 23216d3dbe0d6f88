"""Whose spans a request holds: its project key says so."""

from __future__ import annotations

from runtime.errors import NotAllowed
from runtime.key_ring import KeyRing
from runtime.roles import Role
from schemas.envelope import DEFAULT_PROJECT


class Senders:
    """Everyone who may send: anybody while there are no keys, editors of a project from then on."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def project_of(self, authorization: str | None) -> str:
        """
        Return the project that the spans of a request belong to.

        Raises:
            NotAuthenticated: a key is needed, and this is none.
            NotAllowed: the key may only read.
        """
        if not self._keys.has_keys():
            return DEFAULT_PROJECT
        key = self._keys.authenticate(authorization)
        if not key.allows(Role.EDITOR):
            raise NotAllowed(
                f"the key {key.public_key} may only read: make one that may send spans with"
                f" `sessiontrail keys create --project {key.project}`"
            )
        return key.project

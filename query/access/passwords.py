"""Passwords: Argon2 hashes, a bounded number of them being checked at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import argon2

from runtime.config import UserConfig
from runtime.errors import ConfigError, RetryableError

# Each takes 64 MiB and a core for some 50 ms.
_CHECKS_AT_ONCE = 2
_WAITING_MAX = 20

PASSWORD_CHARACTERS_MAX = 1000


class Busy(RetryableError):
    """So many passwords wait to be checked that another one would wait too long."""


def hash_password(password: str) -> str:
    """Return what the settings keep of a password."""
    return argon2.PasswordHasher().hash(password)


class Passwords:
    """The users of one process, and whether a password is theirs."""

    def __init__(self, users: Sequence[UserConfig]) -> None:
        """
        Take the users of the settings.

        Raises:
            ConfigError: a hash is none.
        """
        self._users = {user.name: user for user in users}
        self._turns = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._waiting = 0
        # Checked for names that nobody has, with the costs of a real one: the time that an answer
        # takes tells nothing about who is a user.
        self._nobodys = _same_costs(users[0]) if users else ""

    def user(self, name: str) -> UserConfig | None:
        """Return the user of that name."""
        return self._users.get(name)

    async def check(self, name: str, password: str) -> UserConfig | None:
        """
        Return the user if the password is theirs.

        Raises:
            Busy: too many wait already.
        """
        if self._waiting >= _WAITING_MAX:
            raise Busy("too many log-ins at once: try again in a moment")
        user = self._users.get(name)
        expected = user.password_hash.get_secret_value() if user else self._nobodys
        self._waiting += 1
        try:
            async with self._turns:
                is_right = await asyncio.to_thread(_is_right, expected, password)
        finally:
            self._waiting -= 1
        return user if is_right else None


def _same_costs(user: UserConfig) -> str:
    try:
        costs = argon2.extract_parameters(user.password_hash.get_secret_value())
        return argon2.PasswordHasher(
            costs.time_cost, costs.memory_cost, costs.parallelism, type=costs.type
        ).hash(secrets.token_hex())
    except (argon2.exceptions.InvalidHashError, argon2.exceptions.HashingError) as error:
        raise ConfigError(
            f"query.users: the password_hash of {user.name} cannot be used: write what"
            " `sessiontrail hash-password` prints"
        ) from error


def _is_right(expected: str, password: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(expected, password)
    except argon2.exceptions.VerificationError:
        return False

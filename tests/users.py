"""Users for tests, whose passwords cost nothing to check."""

from __future__ import annotations

import argon2
from pydantic import SecretStr

from runtime.config import QueryConfig, UserConfig
from runtime.roles import RoleName

PASSWORD = "correct horse"
SECRET = SecretStr("0123456789abcdef" * 2)

_CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def user(name: str, password: str = PASSWORD, **roles: RoleName) -> UserConfig:
    """Return a user with roles by project; `everywhere` is a role in every project."""
    named = {"*" if project == "everywhere" else project: role for project, role in roles.items()}
    return UserConfig(name=name, password_hash=SecretStr(_CHEAP.hash(password)), roles=named)


def query_config(*users: UserConfig, login_hours: float = 12.0) -> QueryConfig:
    """Return the read side's settings with these users."""
    return QueryConfig(users=users, secret=SECRET, login_hours=login_hours)

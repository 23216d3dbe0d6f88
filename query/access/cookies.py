"""A log-in: a signed cookie that names the user, for so many hours, for as long as they are one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from query.access.passwords import Passwords
from runtime import private_files
from runtime.config import Config, UserConfig
from runtime.errors import ConfigError

NAME = "sessiontrail_login"


class LogIns:
    """Writes and reads the cookie."""

    def __init__(self, config: Config, users: Passwords) -> None:
        """
        Find the secret, or make one.

        Raises:
            ConfigError: the file of the secret cannot be used.
        """
        self._users = users
        self.seconds = int(config.query.login_hours * 3600)
        self._secret = config.query.secret.get_secret_value() or _kept_secret(
            config.data_dir / "query.secret"
        )
        self._signer = URLSafeTimedSerializer(self._secret, salt="log-in")

    def write(self, user: UserConfig) -> str:
        """Return the cookie of a user who has just logged in."""
        return self._signer.dumps([user.name, self._mark(user)])

    def read(self, cookie: str) -> UserConfig | None:
        """Return whose log-in it is; nobody's if it is too old, forged, or of an old password."""
        try:
            name, mark = self._signer.loads(cookie, max_age=self.seconds)
        except (BadData, ValueError):
            return None
        user = self._users.user(name)
        if user is None or not hmac.compare_digest(mark, self._mark(user)):
            return None
        return user

    def _mark(self, user: UserConfig) -> str:
        """Return what is another one as soon as the user has another password."""
        kept = user.password_hash.get_secret_value().encode()
        return hmac.digest(self._secret.encode(), kept, hashlib.sha256).hex()


def _kept_secret(path: Path) -> str:
    try:
        private_files.create(path, f"{secrets.token_hex(32)}\n".encode())
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot keep the secret of log-ins there: {error}") from error
    if not secret:
        raise ConfigError(f"{path} is empty: remove it, and another secret is made")
    return secret

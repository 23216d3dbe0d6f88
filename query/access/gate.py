"""Who a request is from: a project's key, a user who has logged in, or anybody where that is so."""

from __future__ import annotations

import ipaddress

from starlette.requests import HTTPConnection

from query.access import cookies
from query.access.attempts import Attempts
from query.access.cookies import LogIns
from query.access.passwords import Passwords
from query.access.roles import EVERY_PROJECT, Identity
from runtime.config import Config, UserConfig
from runtime.errors import NotAllowed, NotAuthenticated
from runtime.key_ring import KeyRing
from runtime.keys import Key
from runtime.roles import Role

_ANYBODY = Identity(name="anonymous", roles={EVERY_PROJECT: Role.ADMIN}, open=True)


class Gate:
    """Knows users and keys, and tells who asks. One for each process."""

    def __init__(self, config: Config) -> None:
        """
        Read keys and users.

        Raises:
            ConfigError: the file of keys, or that of the log-ins' secret, is broken.
        """
        self.keys = KeyRing(config.keys_file)
        self.passwords = Passwords(config.query.users)
        self.attempts = Attempts()
        self.log_ins = LogIns(config, self.passwords) if config.query.users else None
        self._under_any_name = config.query.without_users

    @property
    def is_open(self) -> bool:
        """Whether there are no users: whoever reaches the process may do everything."""
        return self.log_ins is None

    def identify(self, request: HTTPConnection) -> Identity:
        """
        Return who a request is from.

        Raises:
            NotAuthenticated: nobody that is known here.
            NotAllowed: it is open, and was asked under a name that is not this machine's own.
        """
        authorization = request.headers.get("authorization")
        # An SDK always sends some key pair; where there are no keys and no users, any will do.
        if authorization is not None and not (self.is_open and not self.keys.has_keys()):
            key = self.keys.authenticate(authorization)
            return _identity_of_key(key)
        if self.log_ins is not None:
            user = self.log_ins.read(request.cookies.get(cookies.NAME, ""))
            if user is None:
                raise NotAuthenticated(
                    "log in at /login, or send a project key: 'Authorization: Bearer SECRET_KEY'"
                )
            return _identity_of(user)
        # Any page of the web can have a name of its own that leads to this machine, and could then
        # read all answers. Under such a name nobody is let in who proves nothing.
        if not (self._under_any_name or _is_loopback(request.headers.get("host", ""))):
            raise NotAllowed(
                "there are no users here, so only this machine may ask, as 'localhost' or"
                " '127.0.0.1'. For other names, set query.users, or query.without_users"
            )
        return _ANYBODY


def _identity_of_key(key: Key) -> Identity:
    # With the public key, so that it is nobody else's name: authors may edit what they wrote.
    name = f"{key.name} ({key.public_key})" if key.name else key.public_key
    return Identity(name=name, roles={key.project: Role.named(key.role)})


def _identity_of(user: UserConfig) -> Identity:
    roles = {project: Role.named(role) for project, role in user.roles.items()}
    return Identity(name=user.name, roles=roles)


def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine and nothing else."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    name = name.removeprefix("[").removesuffix("]").removesuffix(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

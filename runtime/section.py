"""What settings are made of: sections, and addresses."""

from __future__ import annotations

import ipaddress
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class HostPort(NamedTuple):
    """An address to listen on or to reach. Port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_host_port(text: object) -> object:
    """Return what `host:port` names; what is no text stays as it is, for others to judge."""
    if not isinstance(text, str):
        return text
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"'{text}' is not an address; write host:port, such as 127.0.0.1:4317")
    return HostPort(host.removeprefix("[").removesuffix("]"), int(port))


Endpoint = Annotated[
    HostPort, BeforeValidator(parse_host_port), PlainSerializer(str, return_type=str)
]

# Bounded, as infinity and what is beyond the store's times (1677 to 2262) fail where they are used.
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Days = Annotated[float, Field(gt=0, le=36_500)]


class Section(BaseModel):
    """A group of settings. Unknown keys are errors; nothing changes after the start."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

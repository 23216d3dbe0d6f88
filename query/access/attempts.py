"""How often somebody may try to log in: by the name that they try, and by where they come from."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_SECONDS = 300.0
BY_NAME_MAX = 10
BY_ADDRESS_MAX = 30
# Memory is bounded: past it, whoever has not tried for longest is forgotten.
_REMEMBERED_MAX = 10_000


class Attempts:
    """Counts attempts, and says how long to wait once there were too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_name = _Counts(BY_NAME_MAX)
        self._by_address = _Counts(BY_ADDRESS_MAX)

    def begin(self, name: str, address: str) -> int:
        """Count an attempt. Return 0 if it may go on, and else how long to wait (seconds)."""
        now = self._clock()
        wait = max(
            self._by_name.wait_seconds(name, now),
            self._by_address.wait_seconds(_network(address), now),
        )
        if wait <= 0:
            self._by_name.add(name, now)
            self._by_address.add(_network(address), now)
        return max(0, math.ceil(wait))

    def succeeded(self, name: str) -> None:
        """Forget the attempts at a name: whoever has it is here."""
        self._by_name.forget(name)


class _Counts:
    """How many attempts each had within its window, which begins with the first of them."""

    def __init__(self, attempts_max: int) -> None:
        self._max = attempts_max
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_seconds(self, key: str, now: float) -> float:
        began, count = self._windows.get(key, (now, 0))
        return began + WINDOW_SECONDS - now if count >= self._max else 0.0

    def add(self, key: str, now: float) -> None:
        began, count = self._windows.pop(key, (now, 0))
        if now - began >= WINDOW_SECONDS:
            began, count = now, 0
        self._windows[key] = (began, count + 1)
        if len(self._windows) > _REMEMBERED_MAX:
            self._windows.popitem(last=False)

    def forget(self, key: str) -> None:
        self._windows.pop(key, None)


def _network(address: str) -> str:
    """Return what one client has: an IPv4 address, or the 2⁶⁴ addresses of an IPv6 network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address

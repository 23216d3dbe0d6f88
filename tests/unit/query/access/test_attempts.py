"""How often one may try to log in."""

from __future__ import annotations

from query.access import attempts
from query.access.attempts import BY_ADDRESS_MAX, BY_NAME_MAX, WINDOW_SECONDS, Attempts


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_name_is_tried_so_often_from_wherever() -> None:
    """Then it waits for the rest of the window; other names do not."""
    clock = Clock()
    tried = Attempts(clock)
    for number in range(BY_NAME_MAX):
        assert tried.begin("ada", f"10.0.0.{number}") == 0
    clock.now += 100
    assert tried.begin("ada", "10.0.0.200") == WINDOW_SECONDS - 100
    assert tried.begin("bob", "10.0.0.200") == 0
    clock.now += WINDOW_SECONDS - 100
    assert tried.begin("ada", "10.0.0.200") == 0


def test_an_address_tries_so_often_whichever_name() -> None:
    """An IPv6 network of 64 bits counts as one: each client has one of its own."""
    for address in ("10.0.0.{}", "2001:db8::{}"):
        tried = Attempts(Clock())
        one = address.format(1)
        for number in range(BY_ADDRESS_MAX):
            assert tried.begin(f"user {number}", address.format(number) if ":" in one else one) == 0
        assert tried.begin("ada", one) == WINDOW_SECONDS
        assert tried.begin("ada", "2001:db8:0:1::1" if ":" in one else "10.0.0.2") == 0


def test_success_forgets_the_name_alone() -> None:
    """A user who mistypes now and then is not locked out; an address that guesses is."""
    tried = Attempts(Clock())
    for _ in range(BY_ADDRESS_MAX):
        assert tried.begin("ada", "10.0.0.1") == 0
        tried.succeeded("ada")
    assert tried.begin("ada", "10.0.0.1") > 0
    assert tried.begin("ada", "10.0.0.2") == 0


def test_memory_is_bounded() -> None:
    """Whoever tries a million names costs no more than ten thousand."""
    clock = Clock()
    tried = Attempts(clock)
    for number in range(2 * attempts._REMEMBERED_MAX):
        tried.begin(f"user {number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(tried._by_name._windows) == attempts._REMEMBERED_MAX
    assert len(tried._by_address._windows) == attempts._REMEMBERED_MAX

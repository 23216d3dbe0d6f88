"""Unpacking, within limits."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard

from ingest.body import unpack
from runtime.errors import InvalidRequest, RequestTooLarge

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
MIB = 2**20


@pytest.fixture(params=PACKERS)
def encoding(request: pytest.FixtureRequest) -> str:
    """Return each content encoding in turn."""
    name: str = request.param
    return name


def test_unpacks_what_was_packed(encoding: str) -> None:
    """Bodies may take many steps and many frames, and have the size of the limit exactly."""
    text = bytes(range(256)) * 4000
    packed = PACKERS[encoding](text)

    assert unpack(packed, encoding, bytes_max=len(text)) == text
    assert unpack(packed * 2, encoding, bytes_max=2 * len(text)) == text * 2
    assert unpack(b"", encoding, bytes_max=0) == b""


def test_refuses_a_body_one_byte_over_the_limit(encoding: str) -> None:
    """The limit holds for what comes out."""
    with pytest.raises(RequestTooLarge, match="larger than 999 bytes"):
        unpack(PACKERS[encoding](b"x" * 1000), encoding, bytes_max=999)


def test_stops_unpacking_a_bomb(encoding: str) -> None:
    """A body that grows a thousandfold is not unpacked past the limit."""
    bomb = PACKERS[encoding](bytes(64 * MIB))

    tracemalloc.start()
    try:
        with pytest.raises(RequestTooLarge):
            unpack(bomb, encoding, bytes_max=MIB)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 18 * MIB


def test_refuses_a_body_that_is_cut_off(encoding: str) -> None:
    """Half a body might parse as fewer spans."""
    packed = PACKERS[encoding](bytes(range(256)) * 100)

    with pytest.raises(InvalidRequest, match="cut off"):
        unpack(packed[:-1], encoding, bytes_max=MIB)


def test_refuses_a_body_that_is_not_what_it_says(encoding: str) -> None:
    """The message names the encoding."""
    with pytest.raises(InvalidRequest, match=f"not {encoding}"):
        unpack(b"plain text", encoding, bytes_max=MIB)

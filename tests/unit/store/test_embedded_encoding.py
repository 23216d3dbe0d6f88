"""Encoded bodies, whole and broken."""

import gzip
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard

from runtime.errors import StoreRefused
from store.embedded.encoding import Decoder, accepted

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
DATA = bytes(range(256)) * 50


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_decodes_many_frames_cut_anywhere(encoding: str, size: int) -> None:
    """A body of two frames comes out whole, however the network cuts it."""
    encoded = ENCODERS[encoding](DATA) + ENCODERS[encoding](b"the end")
    decoder = Decoder(encoding)
    pieces = [decoder.decode(encoded[at : at + size]) for at in range(0, len(encoded), size)]
    decoder.finish()
    assert b"".join(pieces) == DATA + b"the end"


@pytest.mark.parametrize("encoding", ENCODERS)
def test_refuses_a_body_that_ends_too_early(encoding: str) -> None:
    """A frame cut short is an error, not a shorter body."""
    decoder = Decoder(encoding)
    decoder.decode(ENCODERS[encoding](DATA)[:-1])
    with pytest.raises(StoreRefused, match="too early") as refused:
        decoder.finish()
    assert refused.value.code == 271


@pytest.mark.parametrize("encoding", ENCODERS)
def test_refuses_what_is_no_such_encoding(encoding: str) -> None:
    """Other bytes than the header promised are refused."""
    with pytest.raises(StoreRefused) as refused:
        Decoder(encoding).decode(b"this is not compressed at all")
    assert refused.value.code == 271


def test_refuses_an_unknown_encoding() -> None:
    """The refusal names the encodings that are known."""
    with pytest.raises(StoreRefused, match="lz4, zstd, gzip, deflate") as refused:
        Decoder("br")
    assert refused.value.code == 89


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("br", None),
        ("gzip", "gzip"),
        ("gzip;q=1.0, deflate", "gzip"),
        ("gzip, ZSTD", "zstd"),
        ("lz4,zstd,gzip,deflate", "lz4"),
    ],
)
def test_prefers_the_cheapest_encoding_that_is_accepted(header: str, expected: str | None) -> None:
    """The client's order does not matter."""
    assert accepted(header) == expected

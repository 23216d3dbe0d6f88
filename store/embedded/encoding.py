"""
The encodings of HTTP bodies that ClickHouse speaks, besides none: lz4, zstd, gzip and deflate.

Bodies of requests are decoded here, chunk by chunk. Bodies of answers are encoded by the engine
itself, which knows these encodings by the same names.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.frame
import zstandard

from runtime.errors import StoreRefused

CANNOT_DECOMPRESS = 271
UNKNOWN_COMPRESSION_METHOD = 89


class _Frame(Protocol):
    """The decompressor of one frame; all three libraries have this in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_FRAMES: dict[str, Callable[[], _Frame]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
}


class Decoder:
    """Decodes a body that may be many frames in a row, as clients send a block in each."""

    def __init__(self, encoding: str) -> None:
        if encoding not in _FRAMES:
            raise StoreRefused(
                f"Unknown Content-Encoding {encoding!r}: use one of {', '.join(_FRAMES)}. "
                "(UNKNOWN_COMPRESSION_METHOD)",
                code=UNKNOWN_COMPRESSION_METHOD,
            )
        self._encoding = encoding
        self._frame: _Frame | None = None

    def decode(self, data: bytes) -> bytes:
        """Decode the next chunk."""
        decoded = []
        while data:
            frame = self._frame = self._frame or _FRAMES[self._encoding]()
            try:
                decoded.append(frame.decompress(data))
            except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
                raise self._corrupt(str(error)) from None
            data = b""
            if frame.eof:
                data, self._frame = frame.unused_data or b"", None
        return b"".join(decoded)

    def finish(self) -> None:
        """Check that the body did not end within a frame."""
        if self._frame is not None:
            raise self._corrupt("it ends too early")

    def _corrupt(self, reason: str) -> StoreRefused:
        return StoreRefused(
            f"The body is no valid {self._encoding}: {reason}. (CANNOT_DECOMPRESS)",
            code=CANNOT_DECOMPRESS,
        )


def accepted(accept_encoding: str) -> str | None:
    """The first of our encodings, by preference, that the client accepts."""
    offered = {part.split(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((encoding for encoding in _FRAMES if encoding in offered), None)

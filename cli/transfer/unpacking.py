"""Files as they lie on disks, perhaps compressed, read as what is in them, a little at a time."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import BinaryIO

import zstandard

from runtime.errors import InvalidRequest

_GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# What so little of zstd unpacks to is a few MiB, whatever it is.
_STEP_BYTES = 512
_BUFFER_BYTES = 256 * 1024


def unpacked(file: BinaryIO, *, advance: Callable[[int], None]) -> io.BufferedReader:
    """
    Return what a file holds: of gzip and zstd, told by their first bytes, what is packed in them.
    Reading tells `advance` how many bytes more of the file are read, and raises InvalidRequest
    where it is corrupt or cut off.
    """
    packed: io.BufferedReader = io.BufferedReader(_Raw(file, advance), _BUFFER_BYTES)
    head = packed.peek(len(ZSTD))
    if head.startswith(_GZIP):
        return io.BufferedReader(_Gzip(packed), _BUFFER_BYTES)
    if head.startswith(ZSTD):
        return io.BufferedReader(_Zstd(packed), _BUFFER_BYTES)
    return packed


class _Readable(io.RawIOBase):
    """What hands on bytes of another file."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # as io calls it
        piece = self.piece(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def piece(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end."""
        raise NotImplementedError


class _Raw(_Readable):
    """A file as it is."""

    def __init__(self, file: BinaryIO, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def piece(self, size: int) -> bytes:
        piece = self._file.read(size)
        self._advance(len(piece))
        return piece


class _Gzip(_Readable):
    """What is packed as gzip, in one member or several."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._file = gzip.GzipFile(fileobj=packed)

    def piece(self, size: int) -> bytes:
        try:
            return self._file.read1(size)
        except (EOFError, OSError, zlib.error) as error:
            raise InvalidRequest(f"its gzip is corrupt or cut off: {error}") from error


class _Zstd(_Readable):
    """What is packed as zstd, in one frame or several. zstandard's own reader knows no cut."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._rest = b""  # packed bytes behind the end of a frame
        self._ready = io.BytesIO()

    def piece(self, size: int) -> bytes:
        while not (piece := self._ready.read(size)):
            step = self._rest or self._packed.read(_STEP_BYTES)
            if not step:
                if not self._frame.eof:
                    raise InvalidRequest("its zstd is cut off: it has no end")
                return b""
            self._unpack(step)
        return piece

    def _unpack(self, step: bytes) -> None:
        if self._frame.eof:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            self._ready = io.BytesIO(self._frame.decompress(step))
        except zstandard.ZstdError as error:
            raise InvalidRequest(f"its zstd is corrupt: {error}") from error
        self._rest = self._frame.unused_data if self._frame.eof else b""

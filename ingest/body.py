"""Reading the body of an HTTP request, and unpacking any: never more of it than is allowed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import zstandard
from aiohttp import web

from ingest.admission import Request
from ingest.status import TooSlow, UnsupportedMediaType
from runtime.errors import InvalidRequest, RequestTooLarge

# How long a body may take to arrive, over either transport.
READ_SECONDS_MAX = 30.0
# So little goes in at a time that no more than some 16 MiB can come out.
_STEP_BYTES = 512
# More than this, which may become a thousand times as much, is unpacked beside the event loop.
_INLINE_BYTES_MAX = 16 * 1024

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(_GZIP_OR_ZLIB),
    "deflate": lambda: zlib.decompressobj(_GZIP_OR_ZLIB),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}


async def read_body(http: web.Request, request: Request, *, bytes_max: int) -> bytes:
    """
    Return the body, unpacked. What is held of it is what has come, so that a client that promises
    much and sends little takes nothing from others.

    Raises:
        RequestTooLarge: it is over `bytes_max`, as sent or once unpacked.
        UnsupportedMediaType: its Content-Encoding is not known.
        InvalidRequest: it is not what it says.
        TooSlow: it did not arrive whole, or not in time.
        Overloaded: the process, or the project, holds enough already.
    """
    encoding = http.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "", *_DECOMPRESSORS}:
        raise UnsupportedMediaType(
            f"Content-Encoding '{encoding}' is not known: send gzip, deflate, zstd or identity"
        )
    sent = await _read(http, request, bytes_max)
    return await unpack_held(sent, encoding, request, bytes_max=bytes_max)


async def unpack_held(sent: bytes, encoding: str, request: Request, *, bytes_max: int) -> bytes:
    """
    Return what a request holds unpacked, held and charged for as well.

    Raises:
        RequestTooLarge: it is over `bytes_max` once unpacked.
        InvalidRequest: it is not what it says.
        Overloaded: the process, or the project, holds enough already.
    """
    if encoding not in _DECOMPRESSORS:
        body = sent
    elif len(sent) <= _INLINE_BYTES_MAX:
        body = unpack(sent, encoding, bytes_max=bytes_max)
        request.hold(len(body))
    else:
        # One at a time of each project: bombs of one take neither memory nor time from others.
        async with request.turn:
            body = await asyncio.to_thread(unpack, sent, encoding, bytes_max=bytes_max)
            request.hold(len(body))
    request.charge(len(body))
    return body


async def _read(http: web.Request, request: Request, bytes_max: int) -> bytes:
    expected = http.content_length or 0
    _check_size(expected, bytes_max)
    request.expect(expected)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            async for chunk in http.content.iter_any():
                _check_size(len(body) + len(chunk), bytes_max)
                request.hold(len(chunk))
                body += chunk
    except (TimeoutError, ConnectionError, web.RequestPayloadError) as error:
        raise TooSlow(
            f"the body did not arrive whole within {READ_SECONDS_MAX:g} s: {error}"
        ) from error
    return bytes(body)


def _check_size(size: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise RequestTooLarge(
            f"the request is larger than {bytes_max} bytes (ingest.request_bytes_max): "
            "send fewer spans at a time"
        )


def unpack(sent: bytes, encoding: str, *, bytes_max: int) -> bytes:
    """
    Decompress a whole body, which may consist of several frames.

    Raises:
        RequestTooLarge: it is over `bytes_max`; no more than that was unpacked.
        InvalidRequest: it is corrupt or cut off.
    """
    decompressor = _DECOMPRESSORS[encoding]()
    pieces, size = [], 0
    try:
        for start in range(0, len(sent), _STEP_BYTES):
            packed = sent[start : start + _STEP_BYTES]
            while packed:
                if decompressor.eof:
                    decompressor = _DECOMPRESSORS[encoding]()
                pieces.append(decompressor.decompress(packed))
                size += len(pieces[-1])
                _check_size(size, bytes_max)
                packed = decompressor.unused_data
    except (zlib.error, zstandard.ZstdError) as error:
        raise InvalidRequest(f"the body is not {encoding}: {error}") from error
    except RequestTooLarge:
        pieces.clear()  # an error keeps what its frames know until somebody collects it
        raise
    if not decompressor.eof and sent:
        raise InvalidRequest(f"the body is cut off: its {encoding} has no end")
    return b"".join(pieces)

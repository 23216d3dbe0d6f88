"""Reading the message of a call: only once the call was let in, and in bounded time and memory."""

from __future__ import annotations

import asyncio
from typing import Any

from ingest.admission import Request
from ingest.body import READ_SECONDS_MAX, unpack_held
from ingest.status import TooSlow
from runtime.errors import InvalidRequest, RequestTooLarge

# Nobody knows how large a message is before it is there. Within this time the network is the bound;
# from then on so much is counted for each time more.
_LOOK_SECONDS = 1.0
_SLOW_BYTES = 512 * 1024


async def read_message(call: Any, request: Request, *, bytes_max: int) -> bytes:
    """
    Return the one message of a call, unpacked. One that takes its time is waited for as long as
    there is room for the largest besides, so that those who dawdle hold up nobody.

    Raises:
        RequestTooLarge: it is over `bytes_max` once unpacked.
        InvalidRequest: there is none, or it is larger as sent; gRPC has answered the latter itself.
        TooSlow: it did not arrive in time.
        Overloaded: the process, or the project, holds enough already.
    """
    reading, held = asyncio.ensure_future(call.read()), 0
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            await asyncio.wait({reading}, timeout=_LOOK_SECONDS)
            while not reading.done():
                request.expect(bytes_max)
                request.hold(_SLOW_BYTES)
                held += _SLOW_BYTES
                await asyncio.wait({reading}, timeout=_LOOK_SECONDS)
    except TimeoutError as error:
        raise TooSlow(f"the message did not arrive whole in {READ_SECONDS_MAX:g} s") from error
    finally:
        reading.cancel()
    request.release(held)
    sent = reading.result()
    if not isinstance(sent, bytes):
        raise InvalidRequest("there is no message, or one larger than ingest.request_bytes_max")
    request.hold(len(sent))
    return await _unpacked(sent, request, bytes_max=bytes_max)


async def _unpacked(sent: bytes, request: Request, *, bytes_max: int) -> bytes:
    # Which messages are packed, and how, gRPC keeps to itself. No protobuf begins as gzip does.
    if sent.startswith(b"\x1f\x8b"):
        return await unpack_held(sent, "gzip", request, bytes_max=bytes_max)
    # What begins as zlib does might be an unknown field of a request that has nothing else first.
    if sent[:1] == b"\x78" and int.from_bytes(sent[:2], "big") % 31 == 0:
        try:
            return await unpack_held(sent, "deflate", request, bytes_max=bytes_max)
        except InvalidRequest as error:
            if isinstance(error, RequestTooLarge):
                raise
    return await unpack_held(sent, "identity", request, bytes_max=bytes_max)

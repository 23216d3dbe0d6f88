"""
The body of a request, received as a whole before the engine sees any of it.

So a client that vanishes midway, or whose compressed data is corrupt, leaves nothing behind, and a
slow one holds nothing but its own socket. A large body is kept in a nameless file, which goes with
this process however it ends; a small one in memory.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aiohttp import StreamReader

from store.embedded.encoding import Decoder

BLOCK_BYTES = 1 << 20


async def receive(content: StreamReader, encoding: str, folder: Path) -> IO[bytes]:
    """Read the whole body, decoded; the caller closes it."""
    decoder = Decoder(encoding) if encoding not in {"", "identity"} else None
    body: IO[bytes] = tempfile.SpooledTemporaryFile(BLOCK_BYTES, dir=str(folder))  # noqa: SIM115

    def write(chunks: list[bytes]) -> None:
        for chunk in chunks:
            body.write(decoder.decode(chunk) if decoder else chunk)

    try:
        chunks: list[bytes] = []
        pending_bytes = 0
        async for chunk in content.iter_any():
            chunks.append(chunk)
            pending_bytes += len(chunk)
            if pending_bytes >= BLOCK_BYTES:
                await asyncio.to_thread(write, chunks)
                chunks, pending_bytes = [], 0
        write(chunks)
        if decoder:
            decoder.finish()
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return body


def blocks(prefix: bytes, body: IO[bytes]) -> Iterator[bytes]:
    """The bytes of `prefix`, then what is left of `body`."""
    if prefix:
        yield prefix
    while block := body.read(BLOCK_BYTES):
        yield block


def as_file(prefix: bytes, body: IO[bytes], folder: Path) -> IO[bytes]:
    """A file that holds `prefix` and what is left of `body` from its very start."""
    if not prefix and body.tell() == 0:
        return body
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    file.writelines(blocks(prefix, body))
    file.flush()
    return file

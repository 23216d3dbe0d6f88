"""What `sessiontrail export` does: a session out of the store, as OTLP JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cli.transfer import otlp_json, stored_spans
from runtime.config import StoreConfig
from runtime.errors import ConfigError
from store.client import Store

STANDARD_OUTPUT = "-"


class Exported(NamedTuple):
    """How much was written."""

    spans: int
    traces: int


async def export(
    config: StoreConfig, output: BinaryIO, *, project: str, session_id: str
) -> Exported:
    """
    Write all spans of a session, a line for some hundred of them.

    Raises:
        NotFound: the project has no such session.
        StoreUnavailable: the store cannot be read right now.
    """
    spans = 0
    traces: set[str] = set()
    async with Store(config) as store:
        async for page in stored_spans.pages(store, project, session_id):
            output.write(otlp_json.line(page))
            spans += len(page)
            traces.update(span.trace_id for span in page)
    return Exported(spans, len(traces))


@contextmanager
def written_whole(name: str) -> Iterator[BinaryIO]:
    """
    Yield a file to write to, which gets its name when it is whole: half a session looks like one.

    Raises:
        ConfigError: it cannot be written.
    """
    if name == STANDARD_OUTPUT:
        with _told_of(name="standard output"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    path = Path(name)
    part = path.with_name(f"{path.name}.part")
    try:
        with _told_of(name=str(path)):
            with part.open("wb") as file:
                yield file
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _told_of(*, name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads has seen enough, which is no error to tell of
    except OSError as error:
        raise ConfigError(f"--output: cannot write {name}: {error.strerror}") from error

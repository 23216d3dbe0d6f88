"""
Admission: what a process holds is bounded and shared among projects, and how requests end counts.

A project may hold as much as it leaves free: half of the window (ingest/window.py) while it is
alone, a third beside another busy one. So however busy the others are, there is room for a project
that was quiet. Its only request may take whatever memory is free, or the largest ones would never
get in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ingest.rates import Rates
from ingest.status import Overloaded, ProjectOverloaded, Throttled, row_of
from ingest.window import Window
from runtime import events
from runtime.errors import PermanentError, RetryableError
from runtime.ingest_config import REQUEST_OVERHEAD_BYTES, IngestConfig

log = structlog.get_logger()


class _Share:
    """What one project has in a process. `turn`: its large bodies are unpacked one by one."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self.turn = asyncio.Lock()


class Request:
    """One request: the bytes it holds, and its items once they are known."""

    def __init__(self, gate: Gate, transport: str) -> None:
        self._gate = gate
        self._share: _Share | None = None
        self._held = 0
        self.transport = transport
        self.project = ""
        self.signal = ""
        self.items = 0

    def enter(self, project: str) -> None:
        """
        Take it in as one of a project, before its body is read.

        Raises:
            RetryableError: the project sends too much, or the process holds enough.
        """
        self.project = project
        self._share = self._gate.enter(project)
        self.hold(REQUEST_OVERHEAD_BYTES)

    @property
    def turn(self) -> asyncio.Lock:
        """What a request must have while it takes much memory that nobody has counted yet."""
        return self._entered.turn

    def expect(self, size: int) -> None:
        """Raise what hold() would, and take nothing yet."""
        self._gate.check(self._entered, size)

    def hold(self, size: int) -> None:
        """
        Take `size` bytes more into memory.

        Raises:
            Overloaded: the process, or the project, holds enough.
        """
        self._gate.check(self._entered, size)
        self._gate.take(self._entered, size)
        self._held += size

    def release(self, size: int) -> None:
        """Let go of bytes that were held before the request has ended."""
        self._gate.take(self._entered, -size)
        self._held -= size

    def charge(self, size: int) -> None:
        """Count bytes as sent by the project, whatever becomes of them."""
        self._gate.rates.charge(self.project, size)

    def answered(self, size: int, *, seconds: float) -> None:
        """Tell how long the buffer's answer to so many bytes took, whichever it was."""
        self._gate.window.answered(size, seconds=seconds)

    def leave(self) -> None:
        """Let go of all that is held."""
        if self._share:
            self.release(self._held)
            self._gate.leave(self.project)

    @property
    def _entered(self) -> _Share:
        assert self._share, "enter() comes first"  # noqa: S101
        return self._share


class Gate:
    """What all requests of a process pass through."""

    def __init__(self, config: IngestConfig) -> None:
        self.rates = Rates(config.rate.bytes_per_second, config.rate.projects)
        self.window = Window(config.inflight_bytes_max)
        self._bytes_max = config.inflight_bytes_max
        self._bytes = 0
        self._shares: dict[str, _Share] = {}  # of those that hold anything

    def enter(self, project: str) -> _Share:
        """Count a request in, or raise Throttled."""
        if seconds := self.rates.wait_seconds(project):
            raise Throttled(
                f"project '{project}' has sent more than its bytes a second"
                f" (ingest.rate): send the same request again in {seconds} s",
                retry_seconds=seconds,
            )
        share = self._shares.setdefault(project, _Share())
        share.requests += 1
        return share

    def leave(self, project: str) -> None:
        """Count a request out."""
        self._shares[project].requests -= 1
        if not self._shares[project].requests:
            del self._shares[project]

    def check(self, share: _Share, size: int) -> None:
        """Raise Overloaded unless so many bytes may be taken."""
        held = self._bytes + size
        if held > self._bytes_max:
            raise Overloaded(
                f"{self._bytes} bytes of requests are being worked on and {self._bytes_max} are "
                "allowed (ingest.inflight_bytes_max): send the same request again later"
            )
        if share.requests > 1 and share.bytes + size > self.window.bytes - held:
            raise ProjectOverloaded(
                f"{share.bytes} bytes of this project are being worked on, and more would not be"
                " answered in time, or leave too little to others: send the same request again"
                " later"
            )

    def take(self, share: _Share, size: int) -> None:
        """Count bytes in, or out where negative."""
        share.bytes += size
        self._bytes += size
        events.bytes_in_flight(size)

    @contextmanager
    def admit(self, transport: str) -> Iterator[Request]:
        """Run one request to its answer, whichever it is: errors pass through, and are counted."""
        request = Request(self, transport)
        try:
            yield request
        except RetryableError as error:
            _refused(request, cause=row_of(error).cause, reason=str(error))
            raise
        except PermanentError as error:
            events.request_failed(transport=transport, reason=str(error))
            raise
        except Exception:
            log.exception("request_broke", transport=transport)
            events.request_failed(transport=transport, reason="internal error")
            raise
        except BaseException:  # the client went away: it will send the same again
            _refused(request, cause="cancelled", reason="cancelled")
            raise
        finally:
            request.leave()


def _refused(request: Request, *, cause: str, reason: str) -> None:
    events.request_refused(
        signal=request.signal,
        transport=request.transport,
        project=request.project,
        items=request.items,
        cause=cause,
        reason=reason,
    )

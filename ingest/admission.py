"""Admission: a process holds so many bytes of requests at most, and counts how each one ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ingest.status import Overloaded
from runtime import events
from runtime.errors import PermanentError, RetryableError

log = structlog.get_logger()


class Request:
    """One request that was let in: the bytes it holds, and its items once they are known."""

    def __init__(self, gate: Gate, transport: str) -> None:
        self._gate = gate
        self.transport = transport
        self.signal = ""
        self.items = 0
        self.bytes_held = 0

    def hold(self, size: int) -> None:
        """
        Take `size` bytes more into memory.

        Raises:
            Overloaded: the process holds enough.
        """
        self._gate.take(size)
        self.bytes_held += size


class Gate:
    """What all requests of a process pass through."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0

    def take(self, size: int) -> None:
        """Count bytes in, or raise Overloaded."""
        if self._bytes + size > self._bytes_max:
            raise Overloaded(
                f"{self._bytes} bytes of requests are being worked on and {self._bytes_max} are "
                "allowed (ingest.inflight_bytes_max): send the same request again later"
            )
        self._bytes += size
        events.bytes_in_flight(size)

    @contextmanager
    def admit(self, transport: str) -> Iterator[Request]:
        """Run one request to its answer, whichever it is: errors pass through, and are counted."""
        request = Request(self, transport)
        try:
            yield request
        except RetryableError as error:
            _refused(request, reason=str(error))
            raise
        except PermanentError as error:
            events.request_failed(transport=transport, reason=str(error))
            raise
        except Exception:
            log.exception("request_broke", transport=transport)
            events.request_failed(transport=transport, reason="internal error")
            raise
        except BaseException:  # the client went away: it will send the same again
            _refused(request, reason="cancelled")
            raise
        finally:
            self._bytes -= request.bytes_held
            events.bytes_in_flight(-request.bytes_held)


def _refused(request: Request, *, reason: str) -> None:
    events.request_refused(
        signal=request.signal, transport=request.transport, items=request.items, reason=reason
    )

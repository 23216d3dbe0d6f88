"""
The envelope: what the headers of a record in the buffer say, written by ingest, read by workers.

The value of a record is a plain OTLP request, such as `ExportTraceServiceRequest`, so that an
OpenTelemetry Collector can read our topics. A record without any of these headers was written by
somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PROJECT = "sessiontrail-project"
RECEIVED = "sessiontrail-received-unix-nano"
ENCODING = "sessiontrail-encoding"
SPANS = "sessiontrail-spans"
HEADERS = frozenset({PROJECT, RECEIVED, ENCODING, SPANS})

OTLP_PROTO = "otlp_proto"

DEFAULT_PROJECT = "default"  # everyone's, where there are no keys of projects

_INTEGER_MAX = 2**63 - 1  # the store's times end there


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """
    Whose spans (or log records) a record holds, how many, and when they were received (Unix
    nanoseconds).
    """

    project: str
    received_ns: int
    spans: int

    def __post_init__(self) -> None:
        """Refuse (ValueError) what a record may say although it cannot be."""
        if not 0 <= self.received_ns <= _INTEGER_MAX:
            raise ValueError(
                f"the receive time {self.received_ns} (Unix nanoseconds) is out of range"
            )
        if not 0 <= self.spans <= _INTEGER_MAX:
            raise ValueError("the number of spans is out of range")

    def to_headers(self) -> dict[str, bytes]:
        """Return the headers that say the same."""
        return {
            PROJECT: self.project.encode(),
            RECEIVED: str(self.received_ns).encode(),
            ENCODING: OTLP_PROTO.encode(),
            SPANS: str(self.spans).encode(),
        }

    @classmethod
    def from_headers(cls, headers: Mapping[str, bytes]) -> Envelope:
        """
        Read the headers.

        Raises:
            ValueError: one is missing or makes no sense.
        """
        try:
            if headers[ENCODING].decode() != OTLP_PROTO:
                raise ValueError(f"the encoding {headers[ENCODING]!r} is not known")
            return cls(
                project=headers[PROJECT].decode(),
                received_ns=int(headers[RECEIVED].decode()),
                spans=int(headers[SPANS].decode()),
            )
        except KeyError as error:
            raise ValueError(f"the header {error} is missing") from error

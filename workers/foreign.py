"""
Foreign records: of a writer that is not our ingest, such as an OpenTelemetry Collector's kafka
exporter with the encodings otlp_proto and otlp_json.

Nobody has validated them yet, so that is done here. They belong to the default project.
"""

from __future__ import annotations

from buffer.port import ConsumedRecord
from runtime import events
from runtime.errors import InvalidRequest
from schemas.envelope import DEFAULT_PROJECT, HEADERS, Envelope
from schemas.otlp.json_validation import is_json, validate_json
from schemas.otlp.signals import Signal
from schemas.otlp.validation import Validated, validate

_MILLISECOND_NS = 10**6


def is_foreign(consumed: ConsumedRecord) -> bool:
    """Whether a record has none of the headers of ours. One that has some of them is broken."""
    return HEADERS.isdisjoint(consumed.record.headers)


def read(consumed: ConsumedRecord, signal: Signal) -> tuple[Envelope, bytes]:
    """
    Return a foreign record as ingest would have written it: without invalid items, and repaired.

    Raises:
        InvalidRequest: it is no OTLP in an encoding that is read here.
        ValueError: the time that the log says of it cannot be.
    """
    validated = _validate(consumed.record.value, signal)
    if validated.rejections.total:
        events.foreign_items_rejected(
            signal=signal.name,
            partition=consumed.partition,
            offset=consumed.offset,
            reasons=validated.rejections.counts,
            message=validated.rejections.message(received=validated.received),
        )
    events.request_repaired(validated.repairs)
    envelope = Envelope(
        project=DEFAULT_PROJECT, received_ns=_received_ns(consumed), spans=validated.published
    )
    return envelope, validated.body


def _validate(value: bytes, signal: Signal) -> Validated:
    encoding, check = ("otlp_json", validate_json) if is_json(value) else ("otlp_proto", validate)
    try:
        return check(value, signal)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"a record without our headers must be otlp_proto, or otlp_json that begins with '{{'; "
            f"this one was taken for {encoding}: {error}"
        ) from error


def _received_ns(consumed: ConsumedRecord) -> int:
    """
    Return what the log says of when it got the record: the same however often the record is read,
    and later for later ones. Kafka counts milliseconds, in which offsets then decide. (At every
    millionth offset two records of one millisecond may be taken for the other way round. And unless
    the topic's message.timestamp.type is LogAppendTime, it is the writer's clock that Kafka tells.)
    """
    milliseconds = max(0, consumed.appended_at_ns) // _MILLISECOND_NS
    return milliseconds * _MILLISECOND_NS + consumed.offset % _MILLISECOND_NS

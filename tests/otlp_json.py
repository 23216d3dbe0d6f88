"""Requests in OTLP/JSON, as a sender writes them."""

from __future__ import annotations

import orjson

IDS = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174"}


def body_of(*spans: object) -> bytes:
    """Return a request of these spans."""
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

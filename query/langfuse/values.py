"""How single values are written in Langfuse's answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson


def json_or_text(text: str) -> orjson.Fragment | str | None:
    """Return JSON as JSON, any other text as text, and no text as null."""
    if not text:
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return orjson.Fragment(text)  # to the digit, and however deep


def members(text: str) -> Mapping[str, Any]:
    """Return a JSON object's members; none where the text is something else."""
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return tree if isinstance(tree, dict) else {}


def under(prefix: str, attributes: Iterable[tuple[str, str]]) -> Mapping[str, Any]:
    """
    Return the metadata that attributes hold: a JSON object at `prefix` itself, or one value for
    each key below it.
    """
    found: dict[str, Any] = {}
    for key, text in attributes:
        if key == prefix:
            inner = members(text)
            found |= inner or {"metadata": text}
        elif key.startswith(f"{prefix}."):
            found[key.removeprefix(f"{prefix}.")] = json_or_text(text)
    return found

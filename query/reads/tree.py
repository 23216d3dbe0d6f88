"""Spans as a tree, written flat: each after its parent, with its depth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from query.reads.models import Span


def arrange(spans: Sequence[Span]) -> list[Span]:
    """
    Return the spans of one trace in the order of their tree, depth first, siblings in the order
    given, and set their depths. A span whose parent is not there, or that is its own ancestor,
    stands at the top and says so.
    """
    by_id = {span.span_id: span for span in spans}
    children: dict[str, list[Span]] = defaultdict(list)
    tops: list[Span] = []
    for span in spans:
        if span.parent_span_id in by_id and span.parent_span_id != span.span_id:
            children[span.parent_span_id].append(span)
        else:
            span.parent_is_missing = span.parent_span_id != ""
            tops.append(span)
    arranged: list[Span] = []
    seen: set[str] = set()

    def descend(top: Span) -> None:
        # A list in place of recursion: some trees are thousands of spans deep.
        stack = [(top, 0)]
        while stack:
            span, depth = stack.pop()
            if span.span_id in seen:
                continue
            seen.add(span.span_id)
            span.depth = depth
            arranged.append(span)
            stack += [(child, depth + 1) for child in reversed(children[span.span_id])]

    for top in tops:
        descend(top)
    for span in spans:  # what is left goes in circles
        if span.span_id not in seen:
            span.parent_is_missing = True
            descend(span)
    return arranged

"""Spans as a tree: all of them, each after its parent, whatever was received."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from query.pages import view
from query.reads.models import Span
from query.reads.tree import arrange


def span(number: int, parent: int | None, *, start: int = 0, duration: int = 1) -> Span:
    """Return a span with a number for its id."""
    texts = dict.fromkeys(
        ("name", "kind", "service", "type", "level", "status_message", "model", "input_preview",
         "output_preview"), "")  # fmt: skip
    counts = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens", "cost"), 0)
    return Span(
        trace_id="t",
        span_id=str(number),
        parent_span_id="" if parent is None else str(parent),
        start_ns=start,
        duration_ns=duration,
        is_error=False,
        **texts,
        **counts,
    )


@given(st.lists(st.none() | st.integers(0, 12), max_size=12))
def test_every_span_stands_once_and_below_its_parent(parents: list[int | None]) -> None:
    """Also with parents that never came, and with circles."""
    spans = [span(number, parent) for number, parent in enumerate(parents)]
    arranged = arrange(spans)
    assert sorted(s.span_id for s in arranged) == sorted(s.span_id for s in spans)
    place = {s.span_id: index for index, s in enumerate(arranged)}
    for s in arranged:
        if s.depth:
            parent = arranged[place[s.parent_span_id]]
            assert parent.depth == s.depth - 1
            assert place[s.parent_span_id] < place[s.span_id]
        else:
            assert s.parent_is_missing == (s.parent_span_id != "")


def test_a_deep_tree_needs_no_recursion() -> None:
    """Some agents go on for thousands of steps."""
    arranged = arrange([span(n, n - 1 if n else None) for n in range(5000)])
    assert [s.depth for s in arranged] == list(range(5000))


@given(st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**40)), min_size=1, max_size=9))
def test_bars_stay_within_the_waterfall(times: list[tuple[int, int]]) -> None:
    """Whatever the times are, and wide enough to be seen."""
    spans = [span(n, None, start=start, duration=d) for n, (start, d) in enumerate(times)]
    for row in view.waterfall(spans):
        assert 0 <= row.bar.x <= view.WIDTH
        assert row.bar.width >= 3
        assert row.bar.x + row.bar.width <= view.WIDTH + 3

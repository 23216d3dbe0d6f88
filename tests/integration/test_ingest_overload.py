"""Overload in short: ten seconds of benchmarks/overload.py, and what holds at any speed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.overload import overload


async def test_twice_the_capacity_loses_nothing_and_stays_within_bounds(tmp_path: Path) -> None:
    """Two hundred connections: all that is not acknowledged is retryable, and memory is bounded."""
    result = await overload(tmp_path, connections=200, warm=3, seconds=10)

    assert result["acknowledged_and_not_in_the_log"] == 0
    assert result["neither_acknowledged_nor_refused"] == {}
    assert result["requests"]["acknowledged"] > 0
    assert max(result["memory_mib"].values()) < 512

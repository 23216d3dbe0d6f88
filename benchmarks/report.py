"""The figures of a run as tables for people; the file beside them holds all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show(result: Mapping[str, Any]) -> None:
    """Print the most important figures of each leg beside each other."""
    machine = result["machine"]
    legs = list(result["legs"].values())
    table = Table(
        title=f"OTLP in → queryable, embedded · {result['commit']}"
        + (" (with changes)" if result["dirty"] else ""),
        caption=f"{machine['cores']} cores {machine['cpu']}, {machine['memory_gib']} GiB, "
        f"Python {machine['python']}, chDB {machine['chdb-core']}; the load shares the cores",
    )
    table.add_column("")
    for leg in legs:
        table.add_column(f"spans of {leg['bytes_per_span']:,.0f} B", justify="right")
    for section in map(_rows, legs[:1]):
        for number, (name, _) in enumerate(section):
            table.add_row(name, *(_rows(leg)[number][1] for leg in legs))
    Console(width=max(100, Console().width)).print(table)


def _rows(leg: Mapping[str, Any]) -> list[tuple[str, str]]:
    cpu = leg["cpu_seconds_per_million_spans"]
    stages = leg["stage_seconds_per_million_spans"]
    counts, disk = leg["counts"], leg["disk"]
    return [
        ("spans/s, first sent → all queryable", f"{leg['spans_per_second']:,.0f}"),
        ("spans/s while loaded", f"{leg['steady_spans_per_second']:,.0f}"),
        ("MB/s", f"{leg['mb_per_second']:,.1f}"),
        ("acknowledged spans", f"{counts['acknowledged']:,}"),
        ("lost / duplicates", f"{counts['lost']} / {counts['duplicates']}"),
        ("missing in sessions", f"{counts['acknowledged'] - counts['in_sessions']}"),
        *[(f"CPU-s per M spans: {name}", f"{value:,.1f}") for name, value in sorted(cpu.items())],
        *[
            (f"worker's s per M spans: {name}", f"{stages.get(name, 0):,.1f}")
            for name in ("insert", "resolve", "commit")
        ],
        ("lag at half speed p50 / p99 / max", _lag(leg["lag_half"])),
        ("lag saturated p50 / p99 / max", _lag(leg["lag_saturated"])),
        ("acknowledged in ms p50 / p99", _milliseconds(leg["acknowledge_seconds"], "p50", "p99")),
        *[
            (f"{name}, ms first / p50 / max", _milliseconds(seconds, "first", "p50", "max"))
            for name, seconds in leg["queries"].items()
        ],
        *[(f"peak MiB: {name}", f"{mib:,}") for name, mib in sorted(leg["peak_rss_mib"].items())],
        (
            "inserts/s, new parts/s",
            f"{leg['inserts_per_second']:.1f}, {leg['new_parts_per_second']:.1f}",
        ),
        ("active parts at the end", f"{disk['active_parts']}"),
        ("bytes on disk per span", f"{disk['bytes_per_span']:,.0f}"),
        ("refused requests, retried stages", f"{leg['refused_requests']}, {leg['retries']:g}"),
    ]


def _lag(lag: Mapping[str, Any]) -> str:
    values = [lag[name] for name in ("p50", "p99", "max")]
    told = " / ".join("-" if value is None else f"{value:.2f}" for value in values)
    missing = lag["probes"] - lag["seen"]
    return f"{told} s" + (f", {missing} probes never seen" if missing else "")


def _milliseconds(seconds: Mapping[str, Any], *names: str) -> str:
    return " / ".join("-" if seconds[n] is None else f"{seconds[n] * 1000:,.0f}" for n in names)

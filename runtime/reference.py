"""Render docs/configuration.md and docs/metrics.md from the code that they describe."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ByteSize, SecretStr

from runtime import settings
from runtime.metrics import REGISTRY

_NOTE = "<!-- Rendered by `make docs`; change the code instead. -->"


def configuration() -> str:
    """Return docs/configuration.md."""
    lines = [
        "# Configuration",
        _NOTE,
        "",
        "Every setting can be given in a YAML file (`--config FILE`), by an environment variable,",
        "or as `--set key=value`; a later one of these wins. In a file, `${env:NAME}` and",
        "`${env:NAME:-default}` stand for variables. An unknown key is an error that names the",
        "nearest one that exists. Sizes may be written as `64MiB`, lists as `[a, b]`.",
        "`sessiontrail validate` checks them all; `sessiontrail print-config` prints those in",
        "force, a secret as `***`, which is refused as a value.",
    ]
    for heading, (owner, rows) in _sections().items():
        lines += ["", f"## {heading}", "", inspect.cleandoc(owner.__doc__ or ""), ""]
        lines += ["| setting | variable | default | what it does |", "| --- | --- | --- | --- |"]
        lines += rows
    return "\n".join(lines) + "\n"


def _sections() -> dict[str, tuple[type[BaseModel], list[str]]]:
    # By heading: a section goes on behind one that stands within it.
    sections: dict[str, tuple[type[BaseModel], list[str]]] = {}
    for key, field, owner in settings.fields():
        _, rows = sections.setdefault(_heading(key), (owner, []))
        variable, default = settings.environment_name(key), _default(field.default)
        rows.append(f"| `{key}` | `{variable}` | {default} | {field.description} |")
    return sections


def metrics() -> str:
    """Return docs/metrics.md."""
    lines = [
        "# Metrics",
        _NOTE,
        "",
        "In Prometheus' format at `/metrics`: of ingest on its OTLP/HTTP port, of query on its",
        "port, of a worker at `worker.telemetry.endpoint`. Names are the OpenTelemetry",
        "Collector's where it has the same thing. Each process exposes all names; those that are",
        "not its own stay at 0.",
        "Several receivers on one port (`ingest.processes`) tell their sum, whichever is asked.",
        "",
        "| metric | kind | labels | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{name}` | {kind} | {labels} | {text} |" for name, kind, labels, text in _metrics()
    ]
    return "\n".join(lines) + "\n"


def _metrics() -> Iterator[tuple[str, str, str, str]]:
    for family in REGISTRY.collect():
        declared = REGISTRY._names_to_collectors[family.name]  # noqa: SLF001 - labels are not public
        labels = ", ".join(f"`{label}`" for label in getattr(declared, "_labelnames", ()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, labels, family.documentation


def _heading(key: str) -> str:
    return f"`{key.rpartition('.')[0]}`" if "." in key else "General"


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, ByteSize):
        value = value.human_readable(separator="").replace(".0", "")
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "<br>".join(f"`{item}`" for item in value) or "empty"
    return f"`{value}`" if str(value) else "empty"


def main() -> None:
    """Write both files."""
    docs = Path(__file__).parent.parent / "docs"
    (docs / "configuration.md").write_text(configuration(), encoding="utf-8")
    (docs / "metrics.md").write_text(metrics(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Style that no linter knows: which room may import which, one vendor in one file, sizes, words."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "ingest": {"buffer", "schemas", "runtime"},
    "buffer": {"runtime"},
    "workers": {"buffer", "store", "schemas", "runtime"},
    "store": {"runtime"},
    "schemas": {"store", "runtime"},
    "query": {"store", "schemas", "runtime"},
    "runtime": set[str](),
    "cli": {"ingest", "buffer", "workers", "store", "schemas", "query", "runtime"},
}
# Where each vendor may be imported: files, or folders.
VENDORS = {
    "aiokafka": ("buffer/kafka",),
    "clickhouse_connect": ("store/client.py",),
    "chdb": ("store/embedded/engine.py",),
    "grpc": ("ingest/grpc_receiver.py", "ingest/grpc_server.py", "ingest/status.py"),
    "argon2": ("query/access/passwords.py",),
    "itsdangerous": ("query/access/cookies.py",),
    "sqlite3": ("buffer/sqlite_log.py",),
    "genai_prices": ("schemas/prices/package.py",),
    "prometheus_client": (
        "runtime/metrics.py",
        "runtime/members.py",
        "runtime/telemetry.py",
        "cli/status.py",
    ),
}
MODULE_LINES_MAX, MODULE_LINES_MEDIAN_MAX, FUNCTION_LINES_MAX = 500, 150, 70


def tracked(*patterns: str) -> list[Path]:
    """Return the project's own files."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def imports(file: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    """Ingest, workers and query meet in the buffer and the store alone."""
    files = tracked(f"{room}/*.py")
    assert files
    for file in files:
        rooms = {name.partition(".")[0] for name in imports(file)} & set(ROOMS)
        assert rooms <= ROOMS[room] | {room}, file


def test_every_top_level_package_is_a_room() -> None:
    """A new package gets its arrows before its code."""
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert packages - {"benchmarks"} == set(ROOMS)


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendor_lives_in_one_place(vendor: str) -> None:
    """Another client or engine is a change of few files."""
    for room in ROOMS:
        for file in tracked(f"{room}/*.py"):
            if vendor in {name.partition(".")[0] for name in imports(file)}:
                path = file.relative_to(ROOT)
                assert {str(path), str(path.parent)} & set(VENDORS[vendor]), path


def test_modules_and_functions_stay_small() -> None:
    """What grows past its size gets a better shape."""
    files = tracked("*.py")
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {file for file, lines in lengths.items() if lines > MODULE_LINES_MAX} == set()
    assert statistics.median(lengths.values()) <= MODULE_LINES_MEDIAN_MAX
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= FUNCTION_LINES_MAX, f"{file}: {node.name}"


def test_every_module_says_why_it_exists() -> None:
    """Tests included."""
    for file in tracked("*.py"):
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), file


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine that it was written on."""
    foreign = re.compile("/" + r"work/|\.\./" + "shared")
    for file in tracked("*.py", "*.md", "*.sql", "*.toml", "*.yaml", "Makefile"):
        assert not foreign.search(file.read_text(encoding="utf-8")), file

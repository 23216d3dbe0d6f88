"""
The image, as far as it can be had without a container engine: its recipe is linted, and its install
steps are run on the files that it would be built from.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.deploy.paths import BIN, DEPLOY, ROOT

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment that the image has, made by its build stage's one step."""
    folder = tmp_path_factory.mktemp("image")
    _copy_context(folder / "source")
    [step] = re.findall(r"^RUN (deploy/\S+) /opt/sessiontrail$", DOCKERFILE, re.MULTILINE)
    subprocess.run(
        [folder / "source" / step, folder / "sessiontrail"],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        check=True,
    )
    yield folder / "sessiontrail"
    shutil.rmtree(folder)  # pytest would keep a gigabyte for each of the last three runs


def _copy_context(target: Path) -> None:
    """Copy what .dockerignore lets through: it names what is sent, and nothing else is."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert rules[-1] == "**/__pycache__"
    sent = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert len(sent) == len(rules) - 2
    for name in sent:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert listed, f".dockerignore names {name}, which is not there"
        for file in listed:
            copy = target / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / file).read_bytes())
            copy.chmod((ROOT / file).stat().st_mode)


def test_the_recipe_passes_its_linter() -> None:
    """Hadolint, without exceptions."""
    result = subprocess.run(
        [BIN / "hadolint", "--failure-threshold", "info", DEPLOY / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_the_recipe_is_small_pinned_and_not_root() -> None:
    """Both stages stand on one base, so that the environment fits; its Python is a tested one."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["sessiontrail"]' in DOCKERFILE
    final = DOCKERFILE.rpartition("FROM ")[2]
    assert re.findall(r"^COPY (.*)$", final, re.MULTILINE) == [
        "--from=build /opt/sessiontrail /opt/sessiontrail"
    ]


def test_the_environment_stands_alone(installed: Path, tmp_path: Path) -> None:
    """It runs its own copy, not the folder it was installed from, and cannot install more."""
    where = "import cli, schemas; print(cli.__file__, schemas.__file__)"
    printed = subprocess.run(
        [installed / "bin" / "python", "-c", where],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [Path(file).is_relative_to(installed) for file in printed.stdout.split()] == [True, True]
    assert not (installed / "bin" / "pip").exists()


def test_the_environment_has_everything_it_needs(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every process runs from it, with its SQL, its schema files and its pages."""
    monkeypatch.setattr(processes, "COMMAND", installed / "bin" / "sessiontrail")
    monkeypatch.chdir(tmp_path)
    with processes.pipeline(tmp_path / "data") as running:
        reached = [
            f"--set=ingest.grpc.endpoint={running.config.ingest.grpc.endpoint}",
            f"--set=store.endpoint={running.config.store.endpoint}",
        ]
        subprocess.run([processes.COMMAND, "demo", *reached], check=True)
        processes.wait_until(
            lambda: running.store.query("SELECT count() FROM sessions") == [(3,)],
            what="the demo's three sessions",
        )
        for page in ("/sessions", "/docs"):
            assert_is_whole(running.pages, page)
        status = subprocess.run(
            [processes.COMMAND, "migrate", "status", *reached],
            capture_output=True,
            text=True,
            check=True,
        )
    assert {line.split()[0] for line in status.stdout.splitlines()} == {"applied"}


def assert_is_whole(pages: str, path: str) -> None:
    """Fail unless a page answers, and every style sheet, script and icon that it refers to."""
    status, text = processes.answer(f"{pages}{path}")
    assert status == 200
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    assert {Path(file).suffix for file in files} >= {".css", ".js"}
    for file in files:
        status, content = processes.answer(f"{pages}{file}")
        assert (status, bool(content)) == (200, True), file

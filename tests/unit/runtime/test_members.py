"""The folder that members share, while others come, go and are killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime import members


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_nobody_removes_a_folder_in_use(temporary: Path) -> None:
    """Many parents start and end at once; each of their folders is there until its own end."""

    def start_and_end(number: int) -> None:
        for _ in range(20):
            with members.shared_folder() as folder:
                (folder / f"{number}.db").write_bytes(b"values")
                assert [file.name for file in folder.iterdir()] == [f"{number}.db"]

    with ThreadPoolExecutor(8) as parents:
        list(parents.map(start_and_end, range(8)))
    assert not list(temporary.iterdir())


def test_only_folders_of_that_name_are_removed(temporary: Path) -> None:
    """What others have put there stays, be it a link of a name like ours."""
    other = temporary / "other"
    other.mkdir()
    link = temporary / "sessiontrail-metrics-link"
    link.symlink_to(other)
    file = temporary / "sessiontrail-metrics-file"
    file.write_text("somebody's")
    left_behind = temporary / "sessiontrail-metrics-left"
    left_behind.mkdir()

    with members.shared_folder():
        assert not left_behind.exists()
    assert sorted(temporary.iterdir()) == [other, file, link]

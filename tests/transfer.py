"""A session taken out of one project, put into another, and both read as the store has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime import keys
from tests import processes

# All but when and how a row came to be, and whose it is.
VIEWS = {
    "sessions": ("Project, UpdatedAt", "SessionId"),
    "session_traces": ("Project, UpdatedAt", "TraceId"),
    "spans": ("Project, Version, Batch", "TraceId, SpanId"),
}
FROM, TO = "from", "to"


@dataclass(kw_only=True)
class Running:
    """A pipeline with two projects, and the key of each."""

    pipeline: processes.Pipeline
    secrets: dict[str, str]

    def command(
        self, *arguments: str | Path, key: str = "", stdin: bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one of our commands with the pipeline's settings, and perhaps a project's key."""
        config = self.pipeline.config
        settings = {
            "store.endpoint": config.store.endpoint,
            "ingest.http.endpoint": config.ingest.http.endpoint,
        }
        done = subprocess.run(
            [processes.COMMAND, *arguments, *(f"--set={k}={v}" for k, v in settings.items())],
            env=os.environ | ({"OTEL_EXPORTER_OTLP_HEADERS": self.header(key)} if key else {}),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        print(done.stderr.decode())
        assert not check or done.returncode == 0
        return done

    def header(self, project: str) -> str:
        """Return a project's key as exporters are given it."""
        return f"authorization=Bearer%20{self.secrets[project]}"

    def rows(self, view: str, project: str, session_id: str) -> Sequence[str]:
        """Return a session's rows of a view as JSON, without what is not the session's."""
        own, order = VIEWS[view]
        traces = "SELECT TraceId FROM session_traces WHERE Project = {project:String} AND"
        of_it = "SessionId = {id:String}"
        condition = f"TraceId IN ({traces} {of_it})" if view == "spans" else of_it
        return [
            row
            for (row,) in self.pipeline.store.query(
                f"SELECT formatRow('JSONEachRow', * EXCEPT ({own})) FROM {view}"
                f" WHERE Project = {{project:String}} AND {condition} ORDER BY {order}",
                {"project": project, "id": session_id},
            )
        ]

    def assert_same(self, session_id: str, *, projects: tuple[str, str] = (FROM, TO)) -> None:
        """Hold a session of one project against that of the other, column by column."""
        for view in VIEWS:
            first, second = (self.rows(view, project, session_id) for project in projects)
            assert first
            assert first == second

    def wait_until_drained(self) -> None:
        """Return once whatever was accepted is stored, and its sessions with it."""
        processes.wait_until(self.pipeline.is_drained, what="nothing waits in the log")


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Run a pipeline with two projects."""
    folder.mkdir(exist_ok=True)
    secrets = {
        project: keys.create(folder / "keys.json", project=project, role="editor", name="").secret
        for project in (FROM, TO)
    }
    with processes.pipeline(folder) as pipeline:
        yield Running(pipeline=pipeline, secrets=secrets)

"""What was sent held against what the views say, and spans as the records of a log."""

from __future__ import annotations

from collections.abc import Sequence

from buffer.port import ConsumedRecord, Record
from schemas.envelope import Envelope
from schemas.erasing import Erasing
from store.client import Store
from tests import model, otlp, processes, views
from tests.model import SentSpan


def assert_exact(store: processes.Store, project: str, spans: Sequence[SentSpan]) -> None:
    """Hold every view of a project to a plain recomputation from all that was sent to it."""
    assert model.traces(spans) == views.traces(store.query, project)
    expected = model.sessions(spans)
    assert expected == views.sessions(store.query, project)
    for session_id in expected:
        replayed = views.replay(store.query, project, session_id)
        assert model.replay(spans, session_id) == replayed
    stored = store.query(
        "SELECT TraceId, SpanId, toUnixTimestamp64Nano(Timestamp), Duration, SpanName FROM spans"
        " WHERE Project = {project:String} ORDER BY TraceId, SpanId",
        {"project": project},
    )
    assert [tuple(row) for row in stored] == sorted(
        (s.trace_id, s.span_id, s.timestamp_ns, s.duration_ns, s.name) for s in model.newest(spans)
    )


def record(offset: int, project: str, *spans: SentSpan) -> ConsumedRecord:
    """Return spans that were received together as a record that a worker has consumed."""
    received_ns = spans[0].received_ns
    envelope = Envelope(project=project, received_ns=received_ns, spans=len(spans))
    sent = Record(value=otlp.request(spans), headers=envelope.to_headers())
    return ConsumedRecord(partition=0, offset=offset, appended_at_ns=received_ns, record=sent)


class ErasingAt(Erasing):
    """Deletes with a cut-off of the test's own, as its spans were received at fixed times."""

    def __init__(self, store: Store, cut_off_ns: int) -> None:
        super().__init__(store)
        self.cut_off_ns = cut_off_ns

    async def _cut_off(self) -> str:
        [[text]] = await self._store.query(
            "SELECT toString(fromUnixTimestamp64Nano({ns:Int64}, 'UTC'))", {"ns": self.cut_off_ns}
        )
        return str(text)


class ErasingEarly(ErasingAt):
    """Deletes what is not stored yet as well."""

    async def _check_known(self, column: str, project: str, wanted: str) -> None:
        pass

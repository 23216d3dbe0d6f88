"""The embedded log against the simplest model of a log: a list, and three places in it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.port import Record
from runtime.errors import BufferFull

VALUE_BYTES_MAX = 200_000

RECORDS = st.builds(
    Record,
    value=st.builds(bytes.__mul__, st.binary(max_size=20), st.integers(0, 3000)),
    headers=st.dictionaries(st.text(max_size=5), st.binary(max_size=5), max_size=3),
)


class LogMachine(RuleBasedStateMachine):
    """Do the same to a log and to a list, in any order, and compare."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "log.db"
        self._runner = asyncio.Runner()
        self._appended: list[Record] = []
        self._committed = 0
        self._consumed = 0

    @initialize()
    def open(self) -> None:
        """Open both ends from nothing."""
        self._producer = self._runner.run(self._open_producer())
        self._consumer = self._runner.run(EmbeddedConsumer.open(self._path))

    @rule(record=RECORDS)
    def append(self, record: Record) -> None:
        """Append a record, or be refused where it does not fit."""
        try:
            self._runner.run(self._producer.append(record))
            self._appended.append(record)
            assert self._live_bytes() <= VALUE_BYTES_MAX
        except BufferFull:
            assert self._live_bytes() + len(record.value) > VALUE_BYTES_MAX

    @rule(value_bytes_max=st.integers(1, 100_000))
    def consume(self, value_bytes_max: int) -> None:
        """Consume as many of the next records as fit, and one at least."""
        consumed = self._runner.run(
            self._consumer.consume(value_bytes_max=value_bytes_max, wait_seconds_max=0)
        )
        room = value_bytes_max
        expected: list[tuple[int, Record]] = []
        for offset, record in enumerate(self._appended[self._consumed :], start=self._consumed):
            room -= len(record.value)
            if room < 0 and expected:
                break
            expected.append((offset, record))
            if room <= 0:
                break
        assert [(found.offset, found.record) for found in consumed] == expected
        self._consumed += len(expected)

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Commit some of what was consumed, or an offset that is behind."""
        next_offset = data.draw(st.integers(0, self._consumed), label="next_offset")
        self._runner.run(self._consumer.commit({0: next_offset}))
        self._committed = max(self._committed, next_offset)

    @rule()
    def reopen_producer(self) -> None:
        """Open the producer again: nothing is lost."""
        self._runner.run(self._producer.close())
        self._producer = self._runner.run(self._open_producer())

    @rule()
    def reopen_consumer(self) -> None:
        """Open the consumer again: it starts at the last commit."""
        self._runner.run(self._consumer.close())
        self._consumer = self._runner.run(EmbeddedConsumer.open(self._path))
        self._consumed = self._committed

    @invariant()
    def backlog_is_right(self) -> None:
        """The backlog is what was appended and not committed."""
        backlog = self._runner.run(self._consumer.backlog())
        assert backlog.records == len(self._appended) - self._committed
        assert backlog.value_bytes == self._live_bytes()

    def teardown(self) -> None:
        """Close both ends and remove the log."""
        self._runner.run(self._producer.close())
        self._runner.run(self._consumer.close())
        self._runner.close()
        self._folder.cleanup()

    async def _open_producer(self) -> EmbeddedProducer:
        return await EmbeddedProducer.open(self._path, log_bytes_max=VALUE_BYTES_MAX)

    def _live_bytes(self) -> int:
        return sum(len(record.value) for record in self._appended[self._committed :])


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

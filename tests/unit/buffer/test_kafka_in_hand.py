"""Whatever is placed, taken away and given back: a commit never names a record that is not done."""

from __future__ import annotations

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from buffer.kafka.in_hand import InHand
from buffer.port import ConsumedRecord, Offset, Partition, Record, next_offsets

PARTITIONS = st.integers(0, 2)


def _record(partition: Partition, offset: Offset) -> ConsumedRecord:
    return ConsumedRecord(
        partition=partition, offset=offset, appended_at_ns=offset, record=Record(value=b"")
    )


class Consuming(RuleBasedStateMachine):
    """A log whose partitions begin anew at any time, and a worker that is late with its commits."""

    def __init__(self) -> None:
        super().__init__()
        self.in_hand = InHand()
        self.batches: deque[list[ConsumedRecord]] = deque()
        # Of each placed partition: what was handed over since, and is not done.
        self.not_done: dict[Partition, list[ConsumedRecord]] = {}
        self.next: dict[Partition, Offset] = {}

    @rule(partition=PARTITIONS)
    def hand_over_what_has_no_place(self, partition: Partition) -> None:
        """What waited when its partition was lost is handed over, and its commit not believed."""
        if partition in self.next and partition not in self.not_done:
            record = _record(partition, self.next[partition])
            self.next[partition] += 1
            self.in_hand.hand_over(record)
            self.batches.append([record])

    @rule(partition=PARTITIONS, start=st.integers(0, 30))
    def place(self, partition: Partition, start: Offset) -> None:
        """Start at any offset, also where records of before are still in hand."""
        self.in_hand.place(partition, committed=start)
        self.not_done[partition] = []
        self.next[partition] = start

    @rule(partition=PARTITIONS)
    def displace(self, partition: Partition) -> None:
        """Lose a partition."""
        self.in_hand.displace(partition)
        self.not_done.pop(partition, None)

    @precondition(lambda self: self.not_done)
    @rule(counts=st.dictionaries(PARTITIONS, st.integers(1, 3), min_size=1), gap=st.integers(0, 2))
    def consume(self, counts: dict[Partition, int], gap: int) -> None:
        """Hand over a batch; offsets may have gaps."""
        batch = []
        for partition in counts.keys() & self.not_done.keys():
            for _ in range(counts[partition]):
                record = _record(partition, self.next[partition] + gap)
                self.next[partition] = record.offset + 1
                self.not_done[partition].append(record)
                self.in_hand.hand_over(record)
                batch.append(record)
        self.batches.append(batch)

    @precondition(lambda self: self.batches)
    @rule(fails=st.booleans())
    def commit(self, *, fails: bool) -> None:
        """The oldest batch is done; its commit may fail, and is then tried once more."""
        batch = self.batches[0]
        offsets = next_offsets(batch)
        believed = self.in_hand.to_commit(offsets)
        for partition, offset in believed.items():
            unfinished = [r for r in self.not_done[partition] if not any(r is b for b in batch)]
            assert all(record.offset >= offset for record in unfinished)
        if fails:
            return
        self.in_hand.settle(offsets)
        self.batches.popleft()
        for partition, records in self.not_done.items():
            self.not_done[partition] = [r for r in records if not any(r is b for b in batch)]

    @invariant()
    def what_is_done_is_committed(self) -> None:
        """Nothing is left uncommitted once it is done, and the oldest record in hand is known."""
        for partition, committed in self.in_hand.committed.items():
            if self.not_done[partition]:
                assert committed <= self.not_done[partition][0].offset
            else:
                assert committed == self.next[partition]
        waiting = [record.appended_at_ns for r in self.not_done.values() for record in r]
        assert self.in_hand.oldest_ns == min(waiting, default=None)


TestConsuming = Consuming.TestCase

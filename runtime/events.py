"""
What can happen, one function each: it counts and logs together, so that the two never disagree.

Nothing else touches the metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from runtime import metrics
from runtime.signals import SignalName

log = structlog.get_logger()

# What a sender can cause with every request is logged once in so many seconds, with how often it
# was left out since; the counters are exact.
_LOG_SECONDS_MIN = 1.0
_last_logged: dict[str, float] = {}
_left_out: dict[str, int] = {}

# What is tried again and again, for hours where a broker or the store is away, is logged when it is
# news, and then once in so many seconds: event, name and error, with when they were logged.
_STILL_SECONDS = 60.0
_told: dict[tuple[str, str, str], float] = {}

# The first so many projects that are refused get a label of their own.
_PROJECTS_MAX = 100
_projects: set[str] = set()


def request_accepted(*, signal: SignalName, transport: str, items: int, seconds: float) -> None:
    """The buffer has the request's spans or log records durably."""
    metrics.requests.labels(transport, "success").inc()
    metrics.ACCEPTED[signal].labels(transport).inc(items)
    metrics.request_seconds.labels(transport).observe(seconds)


def request_refused(
    *, signal: str, transport: str, project: str, items: int, cause: str, reason: str
) -> None:
    """The exporter is told to send the same request again later. `cause` is `reason` in a word."""
    metrics.requests.labels(transport, "refusal").inc()
    metrics.refused_requests.labels(cause, _named(project)).inc()
    if refused := metrics.REFUSED.get(signal):
        refused.labels(transport).inc(items)
    _log_sometimes(
        log.warning,
        "request_refused",
        signal=signal,
        transport=transport,
        project=project,
        items=items,
        reason=reason,
    )


def _named(project: str) -> str:
    """Return a project as a label, of which there are so many."""
    if project in _projects or len(_projects) < _PROJECTS_MAX:
        _projects.add(project)
        return project
    return "(others)"


def request_failed(*, transport: str, reason: str) -> None:
    """The request can never be accepted; its sender is told why."""
    metrics.requests.labels(transport, "failure").inc()
    _log_sometimes(log.info, "request_failed", transport=transport, reason=reason)


def items_rejected(signal: SignalName, reasons: Mapping[str, int]) -> None:
    """Items were left out of a request; its sender is told. `reasons` counts by short reason."""
    _count_rejected(signal, reasons)
    _log_sometimes(log.info, "items_rejected", signal=signal, **reasons)


def foreign_items_rejected(
    *, signal: SignalName, partition: int, offset: int, reasons: Mapping[str, int], message: str
) -> None:
    """Items were left out of a foreign record, whose writer cannot be told."""
    _count_rejected(signal, reasons)
    _log_sometimes(
        log.warning,
        "foreign_items_rejected",
        signal=signal,
        partition=partition,
        offset=offset,
        message=message,
    )


def rejected_letters_wait(*, error: str) -> None:
    """What was rejected cannot be written down for the operator now; the counters have it."""
    _log_sometimes(log.warning, "rejected_letters_wait", error=error)


def _count_rejected(signal: SignalName, reasons: Mapping[str, int]) -> None:
    for reason, count in reasons.items():
        metrics.REJECTED[signal].labels(reason).inc(count)


def request_repaired(repairs: Iterable[str]) -> None:
    """Something in an accepted request, or a foreign record, was rewritten to be storable."""
    for repair in repairs:
        metrics.repaired_requests.labels(repair).inc()


def items_discarded(*, signal: str, count: int) -> None:
    """Metric points were accepted and thrown away."""
    metrics.discarded_items.labels(signal).inc(count)


def bytes_in_flight(change: int) -> None:
    """Requests came in (positive) or were answered (negative)."""
    metrics.inflight_bytes.inc(change)


def stage_finished(*, stage: str, seconds: float) -> None:
    """A batch went through one stage of the worker."""
    metrics.stage_seconds.labels(stage).observe(seconds)


def batch_committed(
    *,
    signal: SignalName,
    records: int,
    items: int,
    value_bytes: int,
    seconds: float,
    waited_seconds: Iterable[float],
) -> None:
    """A batch is stored, its sessions are exact, and the log may forget it."""
    metrics.committed_batches.inc()
    metrics.INSERTED[signal].inc(items)
    metrics.inserted_bytes.inc(value_bytes)
    for waited in waited_seconds:
        metrics.queryable_seconds.observe(waited)
    log.info(
        "batch_committed",
        signal=signal,
        records=records,
        items=items,
        value_bytes=value_bytes,
        seconds=round(seconds, 3),
    )


def stage_retried(*, stage: str, error: str, wait_seconds: float) -> None:
    """A stage failed in a way that may pass, and will be tried again."""
    metrics.retries.labels(stage).inc()
    if _is_news("stage_retried", stage, error):
        log.warning("stage_retried", stage=stage, error=error, wait_seconds=round(wait_seconds, 2))


def record_dead_lettered(*, letter: str, reason: str) -> None:
    """A record cannot be read by the store; it is kept whole in the dead letters."""
    metrics.dead_lettered_records.inc()
    log.error("record_dead_lettered", letter=letter, reason=reason)


def dead_letters_measured(*, letters: int) -> None:
    """The worker looked how many dead letters wait."""
    metrics.dead_letters.set(letters)


def backlog_measured(
    *, signal: SignalName, records: int, value_bytes: int, oldest_seconds: float
) -> None:
    """The worker looked how much waits for it."""
    metrics.backlog_records.labels(signal).set(records)
    metrics.backlog_bytes.labels(signal).set(value_bytes)
    metrics.backlog_oldest_seconds.labels(signal).set(oldest_seconds)


def buffer_unreachable(*, client: str, error: str) -> None:
    """Kafka could not be reached, or is not fit; it is tried again."""
    if _is_news("buffer_unreachable", client, error):
        log.warning("buffer_unreachable", client=client, error=error)


def buffer_reached(*, client: str) -> None:
    """Kafka can be reached again, and is fit."""
    log.info("buffer_reached", client=client)


def buffer_client_renewed(*, client: str, error: str) -> None:
    """A client of Kafka could not be trusted any more; another one takes its place."""
    metrics.renewed_clients.labels(client).inc()
    _log_sometimes(log.warning, "buffer_client_renewed", client=client, error=error)


def partitions_assigned(topic: str, partitions: Sequence[int]) -> None:
    """The group of workers has shared out a topic's partitions; these are ours."""
    metrics.assigned_partitions.labels(topic).set(len(partitions))
    log.info("partitions_assigned", topic=topic, partitions=partitions)


def commit_came_late(partitions: Sequence[int]) -> None:
    """A batch was done after its partitions had been given away; it is done again there."""
    metrics.late_commits.inc()
    log.warning("commit_came_late", partitions=partitions)


def records_lost(*, topic: str, partition: int, records: int) -> None:
    """The log was cut off before these records were consumed: its retention is too short."""
    metrics.lost_records.inc(records)
    log.error("records_lost", topic=topic, partition=partition, records=records, why="retention")


def offset_set_by_others(topic: str, *, partition: int, offset: int) -> None:
    """No worker committed that: an operator did, or a stranger with the name of the group."""
    log.warning("offset_set_by_others", topic=topic, partition=partition, offset=offset)


def log_recreated(topic: str) -> None:
    """The topic is another one than the one that was committed; it is read from its beginning."""
    metrics.recreated_logs.inc()
    log.error("log_recreated", topic=topic)


def keys_read(*, keys: int) -> None:
    """The file of project keys had changed, and what it says is in force now."""
    log.info("keys_read", keys=keys)


def keys_unreadable(*, error: str) -> None:
    """The file of project keys has changed and is broken; those read before stay in force."""
    log.error("keys_unreadable", error=error)


def certificates_read() -> None:
    """The files of `ingest.tls` had changed; connections made from now on see what they hold."""
    metrics.broken_certificates.set(0)
    log.info("certificates_read")


def certificates_unreadable(*, error: str) -> None:
    """The files of `ingest.tls` have changed and are broken; those read before stay in force."""
    metrics.broken_certificates.set(1)
    log.error("certificates_unreadable", error=error)


def connection_refused() -> None:
    """There were as many connections as there may be."""
    metrics.refused_connections.inc()
    _log_sometimes(log.warning, "connection_refused", why="ingest.connections_max")


def logged_in(*, user: str, address: str) -> None:
    """Somebody proved to be a user."""
    metrics.log_ins.labels("success").inc()
    log.info("logged_in", user=user, address=address)


def log_in_failed(*, address: str) -> None:
    """A name or a password was wrong. Neither is logged: people mistake the one for the other."""
    metrics.log_ins.labels("failure").inc()
    _log_sometimes(log.warning, "log_in_failed", address=address)


def log_in_refused(*, address: str) -> None:
    """There were too many attempts; nothing was checked."""
    metrics.log_ins.labels("refusal").inc()
    _log_sometimes(log.warning, "log_in_refused", address=address)


def request_not_forwarded(*, reason: str) -> None:
    """An export did not get through to ingest; its sender is told to come back."""
    metrics.unforwarded_requests.inc()
    _log_sometimes(log.warning, "request_not_forwarded", reason=reason)


def _log_sometimes(write: Callable[..., object], event: str, **fields: object) -> None:
    now = time.monotonic()
    if now - _last_logged.get(event, -_LOG_SECONDS_MIN) < _LOG_SECONDS_MIN:
        _left_out[event] = _left_out.get(event, 0) + 1
        return
    _last_logged[event] = now
    if left_out := _left_out.pop(event, 0):
        fields["left_out"] = left_out
    write(event, **fields)


def _is_news(event: str, name: str, error: str) -> bool:
    now = time.monotonic()
    for old in [told for told, at in _told.items() if now - at >= _STILL_SECONDS]:
        del _told[old]
    return _told.setdefault((event, name, error), now) == now

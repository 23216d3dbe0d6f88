"""
Every metric, declared once: name, kind, labels, meaning. docs/metrics.md is rendered from here.

Names follow the OpenTelemetry Collector's where it has the same thing. Labels are bounded: no
session, no trace, and a hundred projects at most. Values are set by runtime/events.py alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from runtime import members
from runtime.signals import SignalName

members.use_own_files()
REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

accepted_spans = Counter(
    "otelcol_receiver_accepted_spans",
    "Spans that the buffer has durably, and that were acknowledged.",
    ["transport"],
    registry=REGISTRY,
)
refused_spans = Counter(
    "otelcol_receiver_refused_spans",
    "Spans that the exporter was told to send again later. Not lost.",
    ["transport"],
    registry=REGISTRY,
)
accepted_log_records = Counter(
    "otelcol_receiver_accepted_log_records",
    "Log records that the buffer has durably, and that were acknowledged.",
    ["transport"],
    registry=REGISTRY,
)
refused_log_records = Counter(
    "otelcol_receiver_refused_log_records",
    "Log records that the exporter was told to send again later. Not lost.",
    ["transport"],
    registry=REGISTRY,
)
rejected_spans = Counter(
    "sessiontrail_rejected_spans",
    "Spans that are invalid or too large, left out of a request (or a foreign record) that was "
    "accepted otherwise.",
    ["reason"],
    registry=REGISTRY,
)
rejected_log_records = Counter(
    "sessiontrail_rejected_log_records",
    "Log records that are invalid, too large, or belong to no session and no trace, left out of a "
    "request (or a foreign record) that was accepted otherwise.",
    ["reason"],
    registry=REGISTRY,
)
repaired_requests = Counter(
    "sessiontrail_repaired_requests",
    "Accepted requests in which something had to be rewritten to be storable.",
    ["repair"],
    registry=REGISTRY,
)
requests = Counter(
    "otelcol_receiver_requests",
    "Requests, by how they ended: success, refusal (worth a retry), failure (never worth one).",
    ["transport", "outcome"],
    registry=REGISTRY,
)
refused_requests = Counter(
    "sessiontrail_refused_requests",
    "Refusals, by why (memory, share of the project, rate, slow, buffer, buffer_full, cancelled) "
    "and by project, of which a hundred have their names.",
    ["cause", "project"],
    registry=REGISTRY,
)
refused_connections = Counter(
    "sessiontrail_refused_connections",
    "Connections that were closed at once, since there were `ingest.connections_max`. Of OTLP/HTTP "
    "alone: gRPC does not tell.",
    registry=REGISTRY,
)
broken_certificates = Gauge(
    "sessiontrail_broken_certificates",
    "1 while the files of `ingest.tls` are broken, and those that were read before are in force.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
discarded_items = Counter(
    "sessiontrail_discarded_items",
    "Metric points that were accepted to keep exporters content, and not stored.",
    ["signal"],
    registry=REGISTRY,
)
inflight_bytes = Gauge(
    "sessiontrail_ingest_inflight_bytes",
    "Bytes of the requests that are held right now.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
request_seconds = Histogram(
    "sessiontrail_request_seconds",
    "Time from the whole request to its answer, accepted requests only (seconds).",
    ["transport"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
stage_seconds = Histogram(
    "sessiontrail_stage_seconds",
    "Time of one batch in one stage of the worker: consume (the wait for records included), "
    "insert, erase, resolve, dead_letter, commit, refresh (seconds).",
    ["stage"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
inserted_spans = Counter(
    "sessiontrail_inserted_spans",
    "Spans of committed batches. A batch that a crash repeats counts again here, and nowhere else.",
    registry=REGISTRY,
)
inserted_log_records = Counter(
    "sessiontrail_inserted_log_records",
    "Log records of committed batches. A batch that a crash repeats counts again here, and nowhere "
    "else.",
    registry=REGISTRY,
)
inserted_bytes = Counter(
    "sessiontrail_inserted_bytes", "Bytes of the records of committed batches.", registry=REGISTRY
)
committed_batches = Counter(
    "sessiontrail_committed_batches", "Batches inserted, resolved and committed.", registry=REGISTRY
)
dead_lettered_records = Counter(
    "sessiontrail_dead_lettered_records",
    "Records that the store could not read; they are kept whole in the dead letters.",
    registry=REGISTRY,
)
dead_letters = Gauge(
    "sessiontrail_dead_letters",
    "Dead letters that wait to be replayed or dropped, as of the last look: each time that one is "
    "kept, and each time that the worker is asked whether it is ready.",
    registry=REGISTRY,
)
retries = Counter(
    "sessiontrail_retries",
    "Attempts that failed and are repeated, by stage.",
    ["stage"],
    registry=REGISTRY,
)
backlog_records = Gauge(
    "sessiontrail_backlog_records",
    "Records that wait to be committed.",
    ["signal"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
backlog_bytes = Gauge(
    "sessiontrail_backlog_bytes",
    "Bytes that wait to be committed.",
    ["signal"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
backlog_oldest_seconds = Gauge(
    "sessiontrail_backlog_oldest_seconds",
    "How long the oldest record has waited to be committed (seconds).",
    ["signal"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
queryable_seconds = Histogram(
    "sessiontrail_queryable_seconds",
    "Time from the receipt of a request until its sessions show it, for each record of the log "
    "(seconds).",
    buckets=_SECONDS,
    registry=REGISTRY,
)
renewed_clients = Counter(
    "sessiontrail_buffer_renewed_clients",
    "Clients of Kafka that could not be trusted any more and were replaced.",
    ["client"],
    registry=REGISTRY,
)
assigned_partitions = Gauge(
    "sessiontrail_assigned_partitions",
    "Partitions that this worker consumes. More workers than partitions leave some at 0.",
    ["topic"],
    registry=REGISTRY,
)
late_commits = Counter(
    "sessiontrail_late_commits",
    "Batches whose partitions had been given away before they were done. Done twice, counted once.",
    registry=REGISTRY,
)
lost_records = Counter(
    "sessiontrail_lost_records",
    "Records that Kafka's retention removed before they were consumed. Must stay 0.",
    registry=REGISTRY,
)
recreated_logs = Counter(
    "sessiontrail_recreated_logs",
    "Times that a topic was found to be another one than was committed to; it is read anew.",
    registry=REGISTRY,
)
log_ins = Counter(
    "sessiontrail_log_ins",
    "Attempts to log in, by how they ended: success, failure (name or password), refusal (too "
    "many attempts).",
    ["outcome"],
    registry=REGISTRY,
)
unforwarded_requests = Counter(
    "sessiontrail_unforwarded_requests",
    "Exports under Langfuse's path that could not be handed on to ingest. Their senders were told "
    "to come back.",
    registry=REGISTRY,
)

# What is counted of each signal.
ACCEPTED: Mapping[SignalName, Counter] = {
    "traces": accepted_spans,
    "logs": accepted_log_records,
}
REFUSED: Mapping[str, Counter] = {"traces": refused_spans, "logs": refused_log_records}
REJECTED: Mapping[SignalName, Counter] = {"traces": rejected_spans, "logs": rejected_log_records}
INSERTED: Mapping[SignalName, Counter] = {"traces": inserted_spans, "logs": inserted_log_records}

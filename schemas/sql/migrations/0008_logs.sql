-- The log records. The first columns are those of the OpenTelemetry Collector's ClickHouse exporter, so
-- that what reads its tables reads ours.
CREATE TABLE IF NOT EXISTS otel_logs
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    TimestampTime DateTime('UTC') DEFAULT toDateTime(Timestamp) CODEC(Delta(4), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8 CODEC(ZSTD(1)),
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8 CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName LowCardinality(String) CODEC(ZSTD(1)),

    -- The record's own session. Where it has none it belongs to its trace's, which is looked up when
    -- it is read, so that a trace that moves takes its log records along.
    SessionId String CODEC(ZSTD(1)),
    SessionIdKey LowCardinality(String) CODEC(ZSTD(1)),
    SessionIdSource LowCardinality(String) CODEC(ZSTD(1)),

    -- What OTLP says and the Collector's schema has no place for.
    ObservedTimestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    DroppedAttributesCount UInt32 CODEC(ZSTD(1)),

    -- Which repairs the time needed: 'time' (it is the observed one), 'observed' (that was none too: it
    -- is the receive time).
    TimeRepairs Array(LowCardinality(String)) CODEC(ZSTD(1)),

    -- Of all that was told: log records have no id, so two that are equal in everything are one.
    ContentHash UInt64 CODEC(ZSTD(1)),
    -- When the record was received.
    Version DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- Which insert wrote the row.
    Batch LowCardinality(String) CODEC(ZSTD(1)),

    INDEX trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    -- Of whole parts: batches grow with time, so one batch stands in the newest parts only.
    INDEX batch Batch TYPE minmax GRANULARITY 1000000
)
ENGINE = ReplacingMergeTree(Version)
PARTITION BY toDate(Timestamp)
-- A session's own records stand together, and so do those of a trace that say no session.
ORDER BY (Project, SessionId, TraceId, Timestamp, ContentHash)
SETTINGS index_granularity = 2048, min_bytes_for_wide_part = 67108864,
    min_parts_to_merge_at_once = 8, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

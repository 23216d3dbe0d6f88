-- The spans. The first columns are those of the OpenTelemetry Collector's ClickHouse exporter, so
-- that what reads its tables reads ours.
CREATE TABLE IF NOT EXISTS otel_traces
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    Timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested(
        Timestamp DateTime64(9, 'UTC'),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested(
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),

    -- What the attributes mean: attribute_map.sql.
    SessionId String CODEC(ZSTD(1)),
    SessionIdKey LowCardinality(String) CODEC(ZSTD(1)),
    SessionIdSource LowCardinality(String) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    Type LowCardinality(String) CODEC(ZSTD(1)),
    Level LowCardinality(String) CODEC(ZSTD(1)),
    Model LowCardinality(String) CODEC(ZSTD(1)),
    InputTokens UInt64 CODEC(ZSTD(1)),
    OutputTokens UInt64 CODEC(ZSTD(1)),
    TotalTokens UInt64 CODEC(ZSTD(1)),
    Cost Float64 CODEC(ZSTD(1)),
    InputPreview String CODEC(ZSTD(1)),
    OutputPreview String CODEC(ZSTD(1)),
    TraceName LowCardinality(String) CODEC(ZSTD(1)),
    Environment LowCardinality(String) CODEC(ZSTD(1)),
    Release LowCardinality(String) CODEC(ZSTD(1)),
    AppVersion LowCardinality(String) CODEC(ZSTD(1)),
    Tags Array(LowCardinality(String)) CODEC(ZSTD(1)),

    -- What OTLP says and the Collector's schema has no place for.
    Flags UInt32 CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    DroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    DroppedEventsCount UInt32 CODEC(ZSTD(1)),
    DroppedLinksCount UInt32 CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),

    -- Which repairs the times needed: 'start' (it was impossible), 'end' (it was before the start).
    TimeRepairs Array(LowCardinality(String)) CODEC(ZSTD(1)),

    -- When the span was received: of two copies of one span the later received is the newer.
    Version DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- 1 where a newer version of the span stands in another hour, and so has another key.
    IsDeleted UInt8 CODEC(ZSTD(1)),
    -- Which insert wrote the row; resolving starts from it.
    Batch LowCardinality(String) CODEC(ZSTD(1)),

    INDEX trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX session_id SessionId TYPE bloom_filter(0.01) GRANULARITY 1,
    -- Of whole parts: batches grow with time, so one batch stands in the newest parts only.
    INDEX batch Batch TYPE minmax GRANULARITY 1000000
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
PARTITION BY toDate(Timestamp)
ORDER BY (Project, toStartOfHour(Timestamp), TraceId, SpanId)
-- An insert of sixty columns in files of their own would sync them all, one by one; a merge is cheaper
-- into such files. The bound lies between the two. Merges of a few parts would write each span again
-- and again, so they wait for more.
SETTINGS index_granularity = 2048, min_bytes_for_wide_part = 67108864,
    min_parts_to_merge_at_once = 8, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Trace -> when it ran, the hours that its spans stand in, and their batches: sets and bounds, so that a repeated
-- insert changes nothing.
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    Hours SimpleAggregateFunction(groupUniqArrayArray, Array(DateTime('UTC'))) CODEC(ZSTD(1)),
    -- The same batch twice where all spans of the trace came in one: most traces.
    FirstBatch SimpleAggregateFunction(min, String) CODEC(ZSTD(1)),
    LastBatch SimpleAggregateFunction(max, String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (Project, TraceId)
SETTINGS index_granularity = 64, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Every session id ever seen in a trace.
CREATE TABLE IF NOT EXISTS trace_sessions
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    FirstSeen SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (Project, TraceId, SessionId)
SETTINGS index_granularity = 64, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Session id -> when the spans that carry it ran.
CREATE TABLE IF NOT EXISTS session_ts
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (Project, SessionId)
SETTINGS index_granularity = 64, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- What a batch touched.
CREATE TABLE IF NOT EXISTS batch_traces
(
    Batch String CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    At DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY (Batch, Project, TraceId)
TTL At + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

CREATE TABLE IF NOT EXISTS batch_sessions
(
    Batch String CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    At DateTime64(9, 'UTC') CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY (Batch, Project, SessionId)
TTL toDateTime(At) + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- One row for each session and trace of it; a tombstone where the trace has moved away.
CREATE TABLE IF NOT EXISTS session_traces_data
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Name LowCardinality(String) CODEC(ZSTD(1)),
    StartTime DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    EndTime DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    SpanCount UInt64 CODEC(ZSTD(1)),
    ErrorCount UInt64 CODEC(ZSTD(1)),
    GenerationCount UInt64 CODEC(ZSTD(1)),
    InputTokens UInt64 CODEC(ZSTD(1)),
    OutputTokens UInt64 CODEC(ZSTD(1)),
    TotalTokens UInt64 CODEC(ZSTD(1)),
    -- Decimals add up to the same sum in any order; floats do not.
    Cost Decimal(38, 12) CODEC(ZSTD(1)),
    UserId String CODEC(ZSTD(1)),
    UserIds Array(String) CODEC(ZSTD(1)),
    Services Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Environments Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Models Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Tags Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Input String CODEC(ZSTD(1)),
    Output String CODEC(ZSTD(1)),
    SessionIdKey LowCardinality(String) CODEC(ZSTD(1)),
    OtherSessionIds Array(String) CODEC(ZSTD(1)),
    Hours Array(DateTime('UTC')) CODEC(ZSTD(1)),
    Batch String CODEC(ZSTD(1)),
    Version DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (Project, SessionId, TraceId)
SETTINGS index_granularity = 64, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- One row for each session; a tombstone where its last trace moved away.
CREATE TABLE IF NOT EXISTS sessions_data
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    StartTime DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    EndTime DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    TraceCount UInt64 CODEC(ZSTD(1)),
    SpanCount UInt64 CODEC(ZSTD(1)),
    ErrorCount UInt64 CODEC(ZSTD(1)),
    GenerationCount UInt64 CODEC(ZSTD(1)),
    InputTokens UInt64 CODEC(ZSTD(1)),
    OutputTokens UInt64 CODEC(ZSTD(1)),
    TotalTokens UInt64 CODEC(ZSTD(1)),
    Cost Decimal(38, 12) CODEC(ZSTD(1)),
    UserIds Array(String) CODEC(ZSTD(1)),
    Services Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Environments Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Models Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Tags Array(LowCardinality(String)) CODEC(ZSTD(1)),
    FirstInput String CODEC(ZSTD(1)),
    LastOutput String CODEC(ZSTD(1)),
    Version DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (Project, SessionId)
-- The list reads a column or two of all sessions, and the others of a few rows: once merged, columns
-- stand in files of their own, in small blocks.
SETTINGS index_granularity = 256, min_bytes_for_wide_part = 1048576,
    min_compress_block_size = 8192, max_compress_block_size = 16384,
    fsync_after_insert = $fsync, fsync_part_directory = $fsync;

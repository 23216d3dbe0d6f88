-- Of the traces that a batch touched, those that came in other batches as well or stand in several
-- hours, and where: looked up once for all that resolving does with it.
CREATE TABLE IF NOT EXISTS batch_places
(
    Batch String CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Hour DateTime('UTC') CODEC(ZSTD(1)),
    HourCount UInt32 CODEC(ZSTD(1)),
    At DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY (Batch, Project, TraceId)
TTL At + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Traces that were found to have many spans when they were resolved, and how many.
CREATE TABLE IF NOT EXISTS large_traces
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanCount UInt64 CODEC(ZSTD(1)),
    At DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY (Project, TraceId)
TTL At + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Traces that a batch touched and left out, because reading their spans would have cost too much for
-- one batch: the due-list of touch_due_traces.sql. `At` is a moment at which the spans of the batch
-- could be read already, so a trace that was resolved later than it has them.
CREATE TABLE IF NOT EXISTS traces_due
(
    At DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    Batch String CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY (At, Batch, Project, TraceId)
TTL toDateTime(At) + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Traces are looked up by ids that lie all over these tables, so a block is unpacked for each.
ALTER TABLE otel_traces_trace_id_ts
    MODIFY SETTING min_compress_block_size = 2048, max_compress_block_size = 4096;
ALTER TABLE trace_sessions
    MODIFY SETTING min_compress_block_size = 2048, max_compress_block_size = 4096;

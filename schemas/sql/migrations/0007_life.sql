-- When a span says, by an event named session.end, that its session is over: a moment of that span.
ALTER TABLE otel_traces ADD COLUMN IF NOT EXISTS SessionEnd DateTime64(9, 'UTC') MATERIALIZED if(
    has(Events.Name, 'session.end'),
    least(
        greatest(
            arrayMax(arrayMap((n, t) -> if(n = 'session.end', t, toDateTime64(0, 9, 'UTC')),
                              Events.Name, Events.Timestamp)),
            Timestamp),
        Timestamp + toIntervalNanosecond(Duration)),
    toDateTime64(0, 9, 'UTC')) CODEC(ZSTD(1));

-- The start of the latest span, and the latest end that a span told of.
ALTER TABLE session_traces_data
    ADD COLUMN IF NOT EXISTS LastStart DateTime64(9, 'UTC') DEFAULT StartTime CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS EndedAt DateTime64(9, 'UTC') CODEC(ZSTD(1));

-- EndedAt is 1970 while the session is not ended. IdleSeconds is a setting, and kept by
-- from_settings.sql.
ALTER TABLE sessions_data
    ADD COLUMN IF NOT EXISTS EndedAt DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS IdleSeconds UInt32 ALIAS 1800,
    ADD COLUMN IF NOT EXISTS Status String ALIAS multiIf(
        toUnixTimestamp64Nano(EndedAt) > 0, 'ended',
        EndTime < now64(9, 'UTC') - toIntervalSecond(IdleSeconds), 'idle',
        'open');

-- Ends that no span told of: people and programs, by the API.
CREATE TABLE IF NOT EXISTS session_ends
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    EndedAt SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (Project, SessionId)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- What was deleted: a session (SessionId) or a trace (TraceId), with all that was received until
-- CutOff. Kept for longer than any record waits in a buffer; from_settings.sql says how long.
CREATE TABLE IF NOT EXISTS deletions
(
    CutOff DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Author LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(CutOff)
ORDER BY (CutOff, Project, SessionId, TraceId)
TTL toDateTime(CutOff) + toIntervalDay(30)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

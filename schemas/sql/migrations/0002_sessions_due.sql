-- Sessions that a batch touched and left out, because reading their traces would have cost too much
-- for one batch: the due-list of refresh_sessions.sql. `At` is a moment at which the changes of the
-- batch could be read already, so figures made later than it have them.
CREATE TABLE IF NOT EXISTS sessions_due
(
    At DateTime64(9, 'UTC') CODEC(ZSTD(1)),
    Batch String CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(At)
ORDER BY (At, Batch, Project, SessionId)
TTL toDateTime(At) + INTERVAL 2 DAY
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

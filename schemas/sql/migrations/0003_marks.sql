-- What people and evaluators leave on sessions, traces and spans. Each change of a score or a comment
-- is kept for ever, as the state that it led to; the newest state is found by what it is about.
-- A subject is a session (SessionId), a trace (TraceId), or a span of a trace (TraceId and SpanId), and
-- what is not part of it is empty. A trace can move to another session, and takes its marks along.
CREATE TABLE IF NOT EXISTS score_edits
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    ScoreId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    Name LowCardinality(String) CODEC(ZSTD(1)),
    DataType LowCardinality(String) CODEC(ZSTD(1)),
    -- Of numbers and booleans (0, 1) …
    Value Nullable(Float64) CODEC(ZSTD(1)),
    -- … and of categories and texts.
    StringValue String CODEC(ZSTD(1)),
    Comment String CODEC(ZSTD(1)),
    Environment LowCardinality(String) CODEC(ZSTD(1)),
    Metadata String CODEC(ZSTD(1)),
    Source LowCardinality(String) CODEC(ZSTD(1)),
    Author String CODEC(ZSTD(1)),
    CreatedAt DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    -- Who made this change, and when.
    EditedBy String CODEC(ZSTD(1)),
    Version DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (Project, ScoreId, Version)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

CREATE TABLE IF NOT EXISTS scores_data AS score_edits
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (Project, SessionId, TraceId, ScoreId)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

CREATE TABLE IF NOT EXISTS comment_edits
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    CommentId String CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    Text String CODEC(ZSTD(1)),
    Author String CODEC(ZSTD(1)),
    CreatedAt DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    EditedBy String CODEC(ZSTD(1)),
    Version DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (Project, CommentId, Version)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

CREATE TABLE IF NOT EXISTS comments_data AS comment_edits
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (Project, SessionId, TraceId, CommentId)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

CREATE TABLE IF NOT EXISTS bookmarks_data
(
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    Author String CODEC(ZSTD(1)),
    Version DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version, IsDeleted)
ORDER BY (Project, SessionId)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Public links. The token of a link is kept as its SHA-256 in hexadecimal digits, and a link is found
-- by that alone: whoever opens it knows no project.
CREATE TABLE IF NOT EXISTS shares_data
(
    TokenHash String CODEC(ZSTD(1)),
    Project LowCardinality(String) CODEC(ZSTD(1)),
    SessionId String CODEC(ZSTD(1)),
    ShareId String CODEC(ZSTD(1)),
    Author String CODEC(ZSTD(1)),
    CreatedAt DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    ExpiresAt Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    HidesContent UInt8 CODEC(ZSTD(1)),
    RevokedAt Nullable(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    RevokedBy String CODEC(ZSTD(1)),
    Version DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree(Version)
ORDER BY TokenHash
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

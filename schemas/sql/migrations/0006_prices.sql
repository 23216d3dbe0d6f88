-- What a model's tokens cost, for each name that a span has told: of a provider ('' where none was
-- told) and of a model, both in lower case. The worker asks for a name when it first sees it
-- (schemas/prices/). A name without prices is one that nobody has prices for.
CREATE TABLE IF NOT EXISTS model_prices
(
    Provider LowCardinality(String) CODEC(ZSTD(1)),
    Model String CODEC(ZSTD(1)),
    -- The first whose conditions hold is the price: of the span's start (from Since on, and within
    -- these seconds of a day in UTC) and of its input, cached tokens included (more than InputOver).
    -- USD for a million tokens, and for each request.
    Prices Array(Tuple(
        Since DateTime('UTC'),
        FromSecond UInt32,
        UntilSecond UInt32,
        InputOver Int64,
        Input Float64,
        CacheRead Float64,
        CacheWrite Float64,
        Output Float64,
        Reasoning Float64,
        Audio Float64,
        Request Float64
    )) CODEC(ZSTD(1)),
    -- Who says so ('own', or the package with its version), and which rule of theirs it is.
    Source LowCardinality(String) CODEC(ZSTD(1)),
    Rule String CODEC(ZSTD(1)),
    UpdatedAt DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(UpdatedAt)
ORDER BY (Provider, Model)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Prices of the operator's own, which win: 'sessiontrail prices set'. Model may have * in it, for
-- anything; an empty Provider is any provider.
CREATE TABLE IF NOT EXISTS own_prices
(
    Provider LowCardinality(String) CODEC(ZSTD(1)),
    Model String CODEC(ZSTD(1)),
    Input Float64 CODEC(ZSTD(1)),
    CacheRead Float64 CODEC(ZSTD(1)),
    CacheWrite Float64 CODEC(ZSTD(1)),
    Output Float64 CODEC(ZSTD(1)),
    UpdatedAt DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC') CODEC(ZSTD(1)),
    IsDeleted UInt8 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(UpdatedAt, IsDeleted)
ORDER BY (Provider, Model)
SETTINGS index_granularity = 256, fsync_after_insert = $fsync, fsync_part_directory = $fsync;

-- Where the span says that its model runs, in lower case; and where Cost comes from: 'told' by the
-- span, 'computed' from model_prices, or '' where there is none.
ALTER TABLE otel_traces
    ADD COLUMN IF NOT EXISTS Provider LowCardinality(String) CODEC(ZSTD(1)) AFTER Model,
    ADD COLUMN IF NOT EXISTS CostSource LowCardinality(String) CODEC(ZSTD(1)) AFTER Cost;

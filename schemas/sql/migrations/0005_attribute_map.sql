-- More of what the attributes mean: docs/attributes.md. InputTokens and OutputTokens are from now on
-- without the tokens that have columns of their own.
ALTER TABLE otel_traces
    -- What people call the span, and what it says of its state.
    ADD COLUMN IF NOT EXISTS Name LowCardinality(String) DEFAULT SpanName CODEC(ZSTD(1))
        AFTER SessionIdSource,
    ADD COLUMN IF NOT EXISTS LevelMessage String DEFAULT StatusMessage CODEC(ZSTD(1)) AFTER Level,
    -- A JSON object.
    ADD COLUMN IF NOT EXISTS ModelParameters String CODEC(ZSTD(1)) AFTER Model,
    ADD COLUMN IF NOT EXISTS PromptName LowCardinality(String) CODEC(ZSTD(1)) AFTER ModelParameters,
    ADD COLUMN IF NOT EXISTS PromptVersion LowCardinality(String) CODEC(ZSTD(1)) AFTER PromptName,
    -- Nanoseconds from the start, 0 where it is not told.
    ADD COLUMN IF NOT EXISTS TimeToFirstToken UInt64 CODEC(ZSTD(1)) AFTER PromptVersion,
    ADD COLUMN IF NOT EXISTS CacheReadTokens UInt64 CODEC(ZSTD(1)) AFTER InputTokens,
    ADD COLUMN IF NOT EXISTS CacheWriteTokens UInt64 CODEC(ZSTD(1)) AFTER CacheReadTokens,
    ADD COLUMN IF NOT EXISTS ReasoningTokens UInt64 CODEC(ZSTD(1)) AFTER OutputTokens,
    ADD COLUMN IF NOT EXISTS AudioTokens UInt64 CODEC(ZSTD(1)) AFTER ReasoningTokens;

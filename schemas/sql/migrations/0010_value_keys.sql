-- The attribute that is the input, or the output, as it is: readers of whole values need no attribute
-- map then. Empty where a value is put together from several, and in rows that are older than this.
ALTER TABLE otel_traces
    ADD COLUMN IF NOT EXISTS InputKey LowCardinality(String) CODEC(ZSTD(1)) AFTER OutputPreview,
    ADD COLUMN IF NOT EXISTS OutputKey LowCardinality(String) CODEC(ZSTD(1)) AFTER InputKey;

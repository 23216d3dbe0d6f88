-- The list reads all sessions. Half of its time goes into merging their newest versions, unless they
-- stand in one part already. So parts that are ten minutes old are merged, however large the one and
-- small the other: a million sessions take the engine some seconds, at most once in that time.
ALTER TABLE sessions_data MODIFY SETTING min_age_to_force_merge_seconds = 600;

-- A replay reads a granule here and there in twenty columns. Blocks that are compressed together were
-- 64 KiB at least: of a narrow column dozens of granules, all unpacked for the one. In small blocks
-- the spans of a page take 21 ms of CPU instead of 34, and 2 % more of the disk. Parts that are older than this
-- stay as they are until they are merged.
ALTER TABLE otel_traces
    MODIFY SETTING min_compress_block_size = 8192, max_compress_block_size = 65536;
ALTER TABLE session_traces_data
    MODIFY SETTING min_compress_block_size = 4096, max_compress_block_size = 16384;

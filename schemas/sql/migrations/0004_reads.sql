-- What reads are faster with. Of which spans the input and the output of a trace are, so that a
-- replay reads spans and values at once.
ALTER TABLE session_traces_data
    ADD COLUMN IF NOT EXISTS InputSpanId String CODEC(ZSTD(1)) AFTER Output,
    ADD COLUMN IF NOT EXISTS OutputSpanId String CODEC(ZSTD(1)) AFTER InputSpanId;

-- All that the list shows of a session in one column: fifty rows out of a hundred thousand are fifty
-- places to read, and were that for each of twenty columns.
ALTER TABLE sessions_data
    ADD COLUMN IF NOT EXISTS Shown String MATERIALIZED toJSONString((
        toUnixTimestamp64Nano(StartTime), toUnixTimestamp64Nano(EndTime), SpanCount, ErrorCount,
        GenerationCount, InputTokens, OutputTokens, TotalTokens, SessionId, TraceCount,
        toFloat64(Cost), UserIds, Services, Environments, Models, Tags, FirstInput, LastOutput,
        toUnixTimestamp64Nano(Version)
    )) CODEC(ZSTD(1));

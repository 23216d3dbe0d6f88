-- Each trace of each session once.
CREATE OR REPLACE VIEW session_traces
AS
SELECT
    Project,
    SessionId,
    TraceId,
    Name,
    StartTime,
    EndTime,
    toUInt64(toUnixTimestamp64Nano(EndTime) - toUnixTimestamp64Nano(StartTime)) AS Duration,
    SpanCount,
    ErrorCount,
    GenerationCount,
    InputTokens,
    OutputTokens,
    TotalTokens,
    toFloat64(session_traces_data.Cost) AS Cost,
    UserId,
    Input,
    Output,
    SessionIdKey,
    OtherSessionIds,
    Version AS UpdatedAt
FROM session_traces_data FINAL

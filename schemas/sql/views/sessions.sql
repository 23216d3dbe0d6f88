-- Each session once.
CREATE OR REPLACE VIEW sessions
AS
SELECT
    Project,
    SessionId,
    StartTime,
    EndTime,
    toUInt64(toUnixTimestamp64Nano(EndTime) - toUnixTimestamp64Nano(StartTime)) AS Duration,
    TraceCount,
    SpanCount,
    ErrorCount,
    GenerationCount,
    InputTokens,
    OutputTokens,
    TotalTokens,
    toFloat64(sessions_data.Cost) AS Cost,
    UserIds,
    Services,
    Environments,
    Models,
    Tags,
    FirstInput,
    LastOutput,
    Version AS UpdatedAt,
    Status,
    if(Status = 'ended', EndedAt, NULL) AS EndedAt
FROM sessions_data FINAL

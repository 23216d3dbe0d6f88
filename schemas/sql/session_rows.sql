-- A session in `touched` that has no live trace left gets a tombstone.
SELECT
    touched.Project, touched.SessionId, StartTime, EndTime, TraceCount, SpanCount, ErrorCount,
    GenerationCount, InputTokens, OutputTokens, TotalTokens, Cost, UserIds, Services, Environments,
    Models, Tags, FirstInput, LastOutput,
    -- Spans that start after an end have opened the session again, whichever came first.
    if(TraceCount > 0 AND greatest(ToldEnd, GivenEnd) >= LastStart, greatest(ToldEnd, GivenEnd),
       toDateTime64(0, 9, 'UTC')) AS EndedAt,
    {version:DateTime64(9, 'UTC')} AS Version,
    TraceCount = 0 AS IsDeleted
FROM touched
LEFT JOIN figures
    ON figures.Project = touched.Project AND figures.SessionId = touched.SessionId
LEFT JOIN ends
    ON ends.Project = touched.Project AND ends.SessionId = touched.SessionId
-- Within an aggregate a name is the trace's column, not the session's figure of the same name.
-- What is asked of the tables are parts of their keys, and may be asked before FINAL.
SETTINGS prefer_column_name_to_alias = 1, optimize_move_to_prewhere_if_final = 1

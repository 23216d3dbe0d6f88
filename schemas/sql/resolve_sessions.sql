-- From the live traces of the sessions that a batch touched: each session's figures, or a tombstone
-- where no trace is left.
INSERT INTO sessions_data
WITH
    touched AS (
        SELECT DISTINCT Project, SessionId FROM batch_sessions WHERE Batch = {batch:String}
    ),
    figures AS (
        SELECT
            Project,
            SessionId,
            min(StartTime) AS StartTime,
            max(EndTime) AS EndTime,
            count() AS TraceCount,
            sum(SpanCount) AS SpanCount,
            sum(ErrorCount) AS ErrorCount,
            sum(GenerationCount) AS GenerationCount,
            sum(InputTokens) AS InputTokens,
            sum(OutputTokens) AS OutputTokens,
            sum(TotalTokens) AS TotalTokens,
            sum(Cost) AS Cost,
            arraySort(groupUniqArrayArray(UserIds)) AS UserIds,
            arraySort(groupUniqArrayArray(Services)) AS Services,
            arraySort(groupUniqArrayArray(Environments)) AS Environments,
            arraySort(groupUniqArrayArray(Models)) AS Models,
            arraySort(groupUniqArrayArray(Tags)) AS Tags,
            argMinIf(Input, (StartTime, TraceId), Input != '') AS FirstInput,
            argMaxIf(Output, (StartTime, TraceId), Output != '') AS LastOutput
        FROM session_traces_data FINAL
        WHERE (Project, SessionId) IN touched
        GROUP BY Project, SessionId
    )
SELECT
    touched.Project, touched.SessionId, StartTime, EndTime, TraceCount, SpanCount, ErrorCount,
    GenerationCount, InputTokens, OutputTokens, TotalTokens, Cost, UserIds, Services, Environments,
    Models, Tags, FirstInput, LastOutput,
    {version:DateTime64(9, 'UTC')} AS Version,
    TraceCount = 0 AS IsDeleted
FROM touched
LEFT JOIN figures
    ON figures.Project = touched.Project AND figures.SessionId = touched.SessionId
-- Within an aggregate a name is the trace's column, not the session's figure of the same name.
SETTINGS prefer_column_name_to_alias = 1

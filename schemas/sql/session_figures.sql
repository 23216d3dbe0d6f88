    -- The figures of the sessions in `touched`, from their live traces.
    figures AS (
        SELECT
            Project,
            SessionId,
            min(StartTime) AS StartTime,
            max(EndTime) AS EndTime,
            max(LastStart) AS LastStart,
            max(EndedAt) AS ToldEnd,
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
    ),
    ends AS (
        SELECT Project, SessionId, max(EndedAt) AS GivenEnd
        FROM session_ends
        WHERE (Project, SessionId) IN touched
        GROUP BY Project, SessionId
    )

-- From all spans of the traces that a batch touched, in their newest versions: which session each
-- trace belongs to, and the trace's figures. Every other session id ever seen in the trace gets a
-- tombstone. Traces that resolve_traces_due.sql just left to a refresh are left out.
INSERT INTO session_traces_data
(
    Project, SessionId, TraceId, Name, StartTime, EndTime,
    SpanCount, ErrorCount, GenerationCount, InputTokens, OutputTokens, TotalTokens, Cost,
    UserId, UserIds, Services, Environments, Models, Tags,
    Input, Output, InputSpanId, OutputSpanId,
    SessionIdKey, OtherSessionIds, Hours, LastStart, EndedAt, Batch, Version, IsDeleted
)
WITH
    touched AS (
        SELECT Project, TraceId
        FROM batch_traces
        WHERE Batch = {batch:String} AND (Project, TraceId) NOT IN (
            SELECT Project, TraceId
            FROM traces_due
            WHERE At = {version:DateTime64(9, 'UTC')} AND Batch = {batch:String}
        )
    ),
    -- Where spans of earlier batches stand; of traces without any session id nothing need be read.
    places AS (
        SELECT Project, Hour, TraceId
        FROM batch_places
        WHERE Batch = {batch:String} AND (Project, TraceId) IN touched AND (Project, TraceId) IN (
            SELECT Project, TraceId
            FROM trace_sessions
            WHERE (Project, TraceId) IN (
                SELECT Project, TraceId FROM batch_places WHERE Batch = {batch:String}
            )
        )
    ),
    spans_of_touched AS (
        SELECT $resolved_columns FROM otel_traces WHERE Batch = {batch:String}
        UNION ALL
        SELECT $resolved_columns FROM otel_traces
        WHERE (Project, toStartOfHour(Timestamp), TraceId) IN places AND Batch != {batch:String}
    ),
    newest AS (
        -- Of equal versions the one that was inserted last, as FINAL does: it may have another cost.
        SELECT * FROM spans_of_touched
        ORDER BY Version DESC, IsDeleted, Batch DESC, CostSource DESC
        LIMIT 1 BY Project, TraceId, SpanId
    ),
    traces AS (
        SELECT
            Project,
            TraceId,
            -- The session: of the spans that have an id the root first, then the earliest start,
            -- then the smallest id.
            argMinIf((SessionId, SessionIdKey),
                     (ParentSpanId != '', Timestamp, SessionId, SessionIdKey),
                     SessionId != '') AS winner,
            arraySort(groupUniqArrayIf(SessionId, SessionId != '')) AS SessionIds,
            argMin(if(TraceName != '', TraceName, Name),
                   (TraceName = '', ParentSpanId != '', Timestamp, SpanId)) AS Name,
            min(Timestamp) AS StartTime,
            max(Timestamp + toIntervalNanosecond(Duration)) AS EndTime,
            max(Timestamp) AS LastStart,
            max(SessionEnd) AS EndedAt,
            count() AS SpanCount,
            countIf(StatusCode = 'Error' OR Level = 'ERROR') AS ErrorCount,
            countIf(Type = 'generation') AS GenerationCount,
            sum(InputTokens) AS InputTokens,
            sum(OutputTokens) AS OutputTokens,
            sum(TotalTokens) AS TotalTokens,
            sum(toDecimal128(Cost, 12)) AS Cost,
            argMinIf(UserId, (ParentSpanId != '', Timestamp, SpanId), UserId != '') AS UserId,
            arraySort(groupUniqArrayIf(UserId, UserId != '')) AS UserIds,
            arraySort(groupUniqArrayIf(ServiceName, ServiceName != '')) AS Services,
            arraySort(groupUniqArrayIf(Environment, Environment != '')) AS Environments,
            arraySort(groupUniqArrayIf(Model, Model != '')) AS Models,
            arraySort(groupUniqArrayArray(Tags)) AS Tags,
            -- What a tool was called with is no word of the user's, nor its result an answer.
            argMinIf((InputPreview, SpanId),
                     (ParentSpanId != '', Type = 'tool', Timestamp, SpanId),
                     InputPreview != '') AS input,
            argMaxIf((OutputPreview, SpanId),
                     (ParentSpanId = '', Type != 'tool',
                      Timestamp + toIntervalNanosecond(Duration), SpanId),
                     OutputPreview != '') AS output,
            arraySort(groupUniqArray(toStartOfHour(Timestamp))) AS Hours
        FROM newest
        WHERE IsDeleted = 0
        GROUP BY Project, TraceId
    )
SELECT
    ever.Project, ever.SessionId, ever.TraceId, Name, StartTime, EndTime,
    SpanCount, ErrorCount, GenerationCount, InputTokens, OutputTokens, TotalTokens, Cost,
    UserId, UserIds, Services, Environments, Models, Tags,
    input.1 AS Input, output.1 AS Output, input.2 AS InputSpanId, output.2 AS OutputSpanId,
    winner.2 AS SessionIdKey,
    arrayFilter(id -> id != ever.SessionId, SessionIds) AS OtherSessionIds,
    Hours, LastStart, EndedAt,
    {batch:String} AS Batch,
    {version:DateTime64(9, 'UTC')} AS Version,
    ever.SessionId != winner.1 AS IsDeleted
FROM
(
    SELECT DISTINCT Project, TraceId, SessionId
    FROM trace_sessions
    WHERE (Project, TraceId) IN touched
) AS ever
LEFT JOIN traces ON traces.Project = ever.Project AND traces.TraceId = ever.TraceId
-- Within an aggregate a name is the span's column, not the trace's figure of the same name.
SETTINGS prefer_column_name_to_alias = 1

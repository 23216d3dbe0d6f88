-- The traces that are due, whichever batch and worker left them, unless they have been resolved
-- since, are to be resolved. A trace without any session id has nothing to be resolved.
INSERT INTO batch_traces (Batch, Project, TraceId)
WITH
    due AS (
        SELECT Project, TraceId, max(At) AS DueAt
        FROM traces_due
        WHERE At >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        GROUP BY Project, TraceId
    ),
    rows_of_due AS (
        SELECT Project, SessionId, TraceId
        FROM trace_sessions
        WHERE (Project, TraceId) IN (SELECT Project, TraceId FROM due)
    )
SELECT {batch:String}, Project, TraceId
FROM
(
    SELECT Project, TraceId, DueAt, toDateTime64(0, 9, 'UTC') AS MadeAt
    FROM due
    WHERE (Project, TraceId) IN (SELECT Project, TraceId FROM rows_of_due)
    UNION ALL
    SELECT Project, TraceId, toDateTime64(0, 9, 'UTC') AS DueAt, Version AS MadeAt
    FROM session_traces_data
    WHERE (Project, SessionId, TraceId) IN rows_of_due
)
GROUP BY Project, TraceId
HAVING max(DueAt) > max(MadeAt)

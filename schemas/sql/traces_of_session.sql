-- The traces that may be in a session: those that were resolved, and those that are not yet.
INSERT INTO batch_traces (Batch, Project, TraceId)
WITH
    times AS (
        SELECT toStartOfHour(min(Start)) AS First, max(End) AS Last
        FROM session_ts
        WHERE Project = {project:String} AND SessionId = {session_id:String}
    )
SELECT DISTINCT {batch:String}, {project:String}, TraceId
FROM
(
    SELECT TraceId FROM session_traces_data
    WHERE Project = {project:String} AND SessionId = {session_id:String}
    UNION ALL
    SELECT TraceId FROM otel_traces
    WHERE Project = {project:String} AND SessionId = {session_id:String}
        AND toStartOfHour(Timestamp) BETWEEN (SELECT First FROM times) AND (SELECT Last FROM times)
)

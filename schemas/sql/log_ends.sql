-- The sessions that are over because log records of a batch say so that name no session: those of
-- their traces. (Those that name one: log_session_ends_mv.sql.)
WITH
    told AS (
        SELECT Project, TraceId, Timestamp
        FROM otel_logs
        WHERE Batch = {batch:String} AND EventName = 'session.end' AND SessionId = ''
    ),
    of_traces AS (
        SELECT Project, SessionId, TraceId
        FROM session_traces_data FINAL
        WHERE (Project, SessionId, TraceId) IN (
            SELECT Project, SessionId, TraceId
            FROM trace_sessions
            WHERE (Project, TraceId) IN (SELECT Project, TraceId FROM told)
        )
    )
SELECT told.Project AS Project, of_traces.SessionId AS SessionId, told.Timestamp AS EndedAt
FROM told
JOIN of_traces ON of_traces.Project = told.Project AND of_traces.TraceId = told.TraceId

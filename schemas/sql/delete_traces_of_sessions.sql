-- Deleting a session deletes the traces that were in it: of the traces that a batch touched, those
-- whose session, by what was received until the cut-off, is a deleted one. From here on they are
-- deleted by their own id, with spans that do not know of the session.
INSERT INTO deletions (CutOff, Project, TraceId)
WITH
    deleted AS (
        SELECT Project, SessionId, max(CutOff) AS DeletedAt
        FROM deletions
        WHERE CutOff >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC') AND SessionId != ''
        GROUP BY Project, SessionId
    ),
    candidates AS (
        SELECT DISTINCT Project, TraceId, SessionId AS DeletedId
        FROM trace_sessions
        WHERE (Project, TraceId) IN (
                SELECT Project, TraceId FROM batch_traces WHERE Batch = {batch:String}
            )
            AND (Project, SessionId) IN (SELECT Project, SessionId FROM deleted)
    ),
    places AS (
        SELECT Project, arrayJoin(Hours) AS Hour, TraceId
        FROM otel_traces_trace_id_ts
        WHERE (Project, TraceId) IN (SELECT Project, TraceId FROM candidates)
    ),
    newest AS (
        SELECT Project, TraceId, SpanId, ParentSpanId, Timestamp, SessionId, SessionIdKey,
            Version, IsDeleted
        FROM otel_traces
        WHERE (Project, toStartOfHour(Timestamp), TraceId) IN places
        ORDER BY Version DESC, IsDeleted
        LIMIT 1 BY Project, TraceId, SpanId
    )
SELECT DeletedAt, newest.Project, newest.TraceId
FROM newest
JOIN candidates ON candidates.Project = newest.Project AND candidates.TraceId = newest.TraceId
JOIN deleted ON deleted.Project = newest.Project AND deleted.SessionId = candidates.DeletedId
WHERE newest.SessionId != '' AND newest.IsDeleted = 0 AND newest.Version <= DeletedAt
GROUP BY DeletedAt, newest.Project, newest.TraceId, DeletedId
-- The order of resolve_traces.sql.
HAVING argMin(newest.SessionId,
              (ParentSpanId != '', Timestamp, newest.SessionId, SessionIdKey)) = DeletedId

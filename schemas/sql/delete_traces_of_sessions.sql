-- Deleting a session deletes the traces that were in it: of the traces that a batch touched, those
-- whose session, by what was received until the cut-off, is a deleted one. From here on they are
-- deleted by their own id, with spans that do not know of the session.
INSERT INTO deletions (CutOff, Project, TraceId)
WITH
    deleted AS (
        SELECT Project AS InProject, SessionId AS DeletedId, max(CutOff) AS DeletedAt
        FROM deletions
        WHERE CutOff >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC') AND SessionId != ''
        GROUP BY InProject, DeletedId
    ),
    candidates AS (
        SELECT DISTINCT InProject, TraceId AS DeletedTrace, DeletedId, DeletedAt
        FROM trace_sessions
        JOIN deleted ON InProject = Project AND DeletedId = SessionId
        WHERE (Project, TraceId) IN (
            SELECT Project, TraceId FROM batch_traces WHERE Batch = {batch:String}
        )
    ),
    places AS (
        SELECT Project, arrayJoin(Hours) AS Hour, TraceId
        FROM otel_traces_trace_id_ts
        WHERE (Project, TraceId) IN (SELECT InProject, DeletedTrace FROM candidates)
    ),
    spans_of_candidates AS (
        SELECT Project, TraceId, SpanId, ParentSpanId, Timestamp, SessionId, SessionIdKey,
            Version, IsDeleted
        FROM otel_traces
        WHERE (Project, toStartOfHour(Timestamp), TraceId) IN places
    ),
    newest AS (
        SELECT Project, TraceId, SpanId, ParentSpanId, Timestamp, SessionId, SessionIdKey,
            Version, IsDeleted, DeletedAt, DeletedId
        FROM spans_of_candidates
        JOIN candidates ON InProject = Project AND DeletedTrace = TraceId
        WHERE Version <= DeletedAt
        ORDER BY Version DESC, IsDeleted
        LIMIT 1 BY Project, TraceId, SpanId, DeletedId
    )
SELECT DeletedAt, Project, TraceId
FROM newest
WHERE SessionId != '' AND IsDeleted = 0
GROUP BY DeletedAt, Project, TraceId, DeletedId
-- The order of resolve_traces.sql.
HAVING argMin(SessionId, (ParentSpanId != '', Timestamp, SessionId, SessionIdKey)) = DeletedId

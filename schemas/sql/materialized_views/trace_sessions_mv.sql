CREATE MATERIALIZED VIEW trace_sessions_mv TO trace_sessions
AS
SELECT
    Project,
    TraceId,
    SessionId,
    min(Timestamp) AS FirstSeen,
    max(Timestamp) AS LastSeen
FROM otel_traces
WHERE IsDeleted = 0 AND SessionId != ''
GROUP BY Project, TraceId, SessionId

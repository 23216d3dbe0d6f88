CREATE MATERIALIZED VIEW log_session_ends_mv TO session_ends
AS
SELECT Project, SessionId, max(Timestamp) AS EndedAt
FROM otel_logs
WHERE EventName = 'session.end' AND SessionId != ''
GROUP BY Project, SessionId

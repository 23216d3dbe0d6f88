CREATE MATERIALIZED VIEW log_batch_sessions_mv TO batch_sessions
AS
SELECT DISTINCT toString(Batch) AS Batch, Project, SessionId, Version AS At
FROM otel_logs
WHERE EventName = 'session.end' AND SessionId != ''

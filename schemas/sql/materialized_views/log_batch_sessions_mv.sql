CREATE MATERIALIZED VIEW log_batch_sessions_mv TO batch_sessions
AS
-- Now, not when it was received: that may be longer ago than batch_sessions keeps anything.
SELECT DISTINCT toString(Batch) AS Batch, Project, SessionId, now64(9, 'UTC') AS At
FROM otel_logs
WHERE EventName = 'session.end' AND SessionId != ''

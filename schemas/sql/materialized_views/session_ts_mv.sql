CREATE MATERIALIZED VIEW session_ts_mv TO session_ts
AS
SELECT
    Project,
    SessionId,
    min(Timestamp) AS Start,
    max(Timestamp + toIntervalNanosecond(Duration)) AS End
FROM otel_traces
WHERE IsDeleted = 0 AND SessionId != ''
GROUP BY Project, SessionId

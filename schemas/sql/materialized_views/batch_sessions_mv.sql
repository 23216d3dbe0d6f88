CREATE MATERIALIZED VIEW batch_sessions_mv TO batch_sessions
AS
SELECT Batch, Project, SessionId, max(Version) AS At
FROM session_traces_data
GROUP BY Batch, Project, SessionId

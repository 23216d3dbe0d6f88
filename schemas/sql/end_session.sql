-- A session is over now, and so is everything that is known of it: a span whose clock is ahead of
-- ours does not open it again.
INSERT INTO session_ends (Project, SessionId, EndedAt)
SELECT Project, SessionId, greatest(now64(9, 'UTC'), max(LastStart))
FROM session_traces_data FINAL
WHERE Project = {project:String} AND SessionId = {session_id:String}
GROUP BY Project, SessionId

-- The sessions that a batch touched get their figures anew. The smallest first, as far as a bound on
-- the traces to be read goes: what is left is due, and refresh_sessions.sql comes to it.
INSERT INTO sessions_data
WITH
    of_batch AS (
        SELECT DISTINCT Project, SessionId FROM batch_sessions WHERE Batch = {batch:String}
    ),
    sizes AS (
        SELECT Project, SessionId, TraceCount
        FROM sessions_data FINAL
        WHERE (Project, SessionId) IN of_batch
    ),
    touched AS (
        SELECT Project, SessionId
        FROM
        (
            SELECT
                of_batch.Project AS Project,
                of_batch.SessionId AS SessionId,
                sum(TraceCount) OVER (ORDER BY TraceCount, Project, SessionId) AS traces_to_read
            FROM of_batch
            LEFT JOIN sizes
                ON sizes.Project = of_batch.Project AND sizes.SessionId = of_batch.SessionId
        )
        WHERE traces_to_read <= {traces_max:UInt64}
    ),
$session_figures
$session_rows

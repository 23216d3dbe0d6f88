-- Which of the sessions that a batch touched wait for a refresh: the largest, past a bound on the
-- traces to be read for one batch.
INSERT INTO sessions_due
WITH
    of_batch AS (
        SELECT DISTINCT Project, SessionId FROM batch_sessions WHERE Batch = {batch:String}
    ),
    sizes AS (
        SELECT Project, SessionId, TraceCount
        FROM sessions_data FINAL
        WHERE (Project, SessionId) IN of_batch
    )
SELECT {version:DateTime64(9, 'UTC')} AS At, {batch:String} AS Batch, Project, SessionId
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
WHERE traces_to_read > {traces_max:UInt64}

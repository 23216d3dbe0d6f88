-- The sessions whose traces have changed since their figures were made, whichever batch and worker
-- did it: what resolve_sessions.sql left, and what a worker left that died.
INSERT INTO sessions_data
WITH
    changed AS (
        SELECT Project, SessionId, max(At) AS ChangedAt
        FROM batch_sessions
        WHERE Batch >= {since:String}
        GROUP BY Project, SessionId
    ),
    made AS (
        SELECT Project, SessionId, Version
        FROM sessions_data
        WHERE (Project, SessionId) IN (SELECT Project, SessionId FROM changed)
    ),
    touched AS (
        SELECT Project, SessionId
        FROM
        (
            SELECT Project, SessionId, ChangedAt, toDateTime64(0, 9, 'UTC') AS MadeAt FROM changed
            UNION ALL
            SELECT Project, SessionId, toDateTime64(0, 9, 'UTC') AS ChangedAt, Version AS MadeAt FROM made
        )
        GROUP BY Project, SessionId
        HAVING max(ChangedAt) > max(MadeAt)
    ),
$session_figures
$session_rows

-- The sessions that are due, whichever batch and worker left them, unless their figures have been
-- made since.
INSERT INTO sessions_data
(
    $session_columns
)
WITH
    due AS (
        SELECT Project, SessionId, max(At) AS DueAt
        FROM sessions_due
        WHERE At >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
        GROUP BY Project, SessionId
    ),
    made AS (
        SELECT Project, SessionId, Version
        FROM sessions_data
        WHERE (Project, SessionId) IN (SELECT Project, SessionId FROM due)
    ),
    touched AS (
        SELECT Project, SessionId
        FROM
        (
            SELECT Project, SessionId, DueAt, toDateTime64(0, 9, 'UTC') AS MadeAt FROM due
            UNION ALL
            SELECT Project, SessionId, toDateTime64(0, 9, 'UTC') AS DueAt, Version AS MadeAt FROM made
        )
        GROUP BY Project, SessionId
        HAVING max(DueAt) > max(MadeAt)
    ),
$session_figures
$session_rows

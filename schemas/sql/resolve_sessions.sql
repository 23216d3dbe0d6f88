-- The sessions that a batch touched get their figures anew, but for those that resolve_due.sql just
-- left to a refresh.
INSERT INTO sessions_data
(
    $session_columns
)
WITH
    touched AS (
        SELECT DISTINCT Project, SessionId
        FROM batch_sessions
        WHERE Batch = {batch:String} AND (Project, SessionId) NOT IN (
            SELECT Project, SessionId
            FROM sessions_due
            WHERE At = {version:DateTime64(9, 'UTC')} AND Batch = {batch:String}
        )
    ),
$session_figures
$session_rows

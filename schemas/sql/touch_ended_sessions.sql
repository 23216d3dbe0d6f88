-- Their figures are to be made anew.
INSERT INTO batch_sessions (Batch, Project, SessionId, At)
SELECT DISTINCT {batch:String}, Project, SessionId, now64(9, 'UTC')
FROM
(
$log_ends
)

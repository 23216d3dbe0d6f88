-- Sessions are over of whose traces log records of a batch say so.
INSERT INTO session_ends (Project, SessionId, EndedAt)
$log_ends

-- One session gets its figures anew.
INSERT INTO sessions_data
(
    $session_columns
)
WITH
    touched AS (SELECT {project:String} AS Project, {session_id:String} AS SessionId),
$session_figures
$session_rows

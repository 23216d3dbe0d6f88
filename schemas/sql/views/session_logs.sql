-- Every log record of one session, once, in the order in which it happened: those that say so, and
-- those without a session of their own whose trace is in the session now.
CREATE OR REPLACE VIEW session_logs
AS
WITH
    traces AS (
        SELECT TraceId
        FROM session_traces_data FINAL
        WHERE Project = {project:String} AND SessionId = {session_id:String}
    )
SELECT
    Project,
    {session_id:String} AS SessionId,
    TraceId,
    SpanId,
    Timestamp,
    SeverityText,
    SeverityNumber,
    ServiceName,
    EventName,
    Body,
    LogAttributes,
    ResourceAttributes
FROM otel_logs FINAL
WHERE Project = {project:String} AND (
    otel_logs.SessionId = {session_id:String}
    OR (otel_logs.SessionId = '' AND TraceId IN traces)
)
ORDER BY Timestamp, ContentHash
SETTINGS do_not_merge_across_partitions_select_final = 1

-- Every span of one session, once, in the order in which it happened. Several spans often share a
-- start: a parent comes before its child, and the longer of two siblings before the shorter.
CREATE OR REPLACE VIEW session_replay
AS
WITH
$attribute_values,
    places AS (
        SELECT Project, arrayJoin(Hours) AS Hour, TraceId
        FROM session_traces_data FINAL
        WHERE Project = {project:String} AND SessionId = {session_id:String}
    )
SELECT
    Project,
    {session_id:String} AS SessionId,
    TraceId,
    SpanId,
    ParentSpanId,
    Timestamp,
    Duration,
    SpanName,
    Name,
    SpanKind,
    ServiceName,
    Type,
    StatusCode,
    Level,
    LevelMessage AS StatusMessage,
    Model,
    InputTokens,
    CacheReadTokens,
    CacheWriteTokens,
    OutputTokens,
    ReasoningTokens,
    AudioTokens,
    TotalTokens,
    Cost,
    input_of(SpanAttributes, Events.Name, Events.Attributes) AS Input,
    output_of(SpanAttributes, Events.Name, Events.Attributes) AS Output,
    SpanAttributes,
    ResourceAttributes,
    Events.Timestamp,
    Events.Name,
    Events.Attributes
FROM otel_traces FINAL
WHERE Project = {project:String} AND (Project, toStartOfHour(Timestamp), TraceId) IN places
ORDER BY Timestamp, ParentSpanId != '', Duration DESC, SpanId
SETTINGS do_not_merge_across_partitions_select_final = 1

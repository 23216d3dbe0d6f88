-- Most traces came in one batch and stand in one hour: all there is of them came just now. Where the
-- spans of the others stand is looked up by ids that lie anywhere in the table, so only once.
INSERT INTO batch_places (Batch, Project, TraceId, Hour, HourCount)
SELECT {batch:String}, Project, TraceId, arrayJoin(AllHours) AS Hour, length(AllHours)
FROM
(
    SELECT Project, TraceId, groupUniqArrayArray(Hours) AS AllHours
    FROM otel_traces_trace_id_ts
    WHERE (Project, TraceId) IN (
        SELECT Project, TraceId FROM batch_traces WHERE Batch = {batch:String}
    )
    GROUP BY Project, TraceId
    HAVING min(FirstBatch) != {batch:String} OR max(LastBatch) != {batch:String}
        OR length(AllHours) > 1
)

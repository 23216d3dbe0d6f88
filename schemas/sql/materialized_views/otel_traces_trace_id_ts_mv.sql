CREATE MATERIALIZED VIEW otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts
AS
SELECT
    Project,
    TraceId,
    min(Timestamp) AS Start,
    max(Timestamp + toIntervalNanosecond(Duration)) AS End,
    groupUniqArray(toStartOfHour(Timestamp)) AS Hours,
    min(toString(Batch)) AS FirstBatch,
    max(toString(Batch)) AS LastBatch
FROM otel_traces
WHERE IsDeleted = 0
GROUP BY Project, TraceId

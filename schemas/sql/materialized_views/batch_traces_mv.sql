CREATE MATERIALIZED VIEW batch_traces_mv TO batch_traces
AS
SELECT DISTINCT toString(Batch) AS Batch, Project, TraceId
FROM otel_traces
WHERE IsDeleted = 0

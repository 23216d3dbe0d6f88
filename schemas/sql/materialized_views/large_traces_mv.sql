CREATE MATERIALIZED VIEW large_traces_mv TO large_traces
AS
SELECT Project, TraceId, SpanCount
FROM session_traces_data
WHERE SpanCount >= 1000

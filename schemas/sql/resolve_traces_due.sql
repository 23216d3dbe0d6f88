-- Which of the traces that a batch touched wait for a refresh: the largest, past a bound on the spans
-- to be read for one batch.
INSERT INTO traces_due
SELECT {version:DateTime64(9, 'UTC')} AS At, {batch:String} AS Batch, Project, TraceId
FROM
(
    SELECT
        Project,
        TraceId,
        sum(max(SpanCount)) OVER (ORDER BY max(SpanCount), Project, TraceId) AS spans_to_read
    FROM large_traces
    WHERE (Project, TraceId) IN (
        SELECT Project, TraceId FROM batch_places WHERE Batch = {batch:String}
    )
    GROUP BY Project, TraceId
)
WHERE spans_to_read > {spans_max:UInt64}

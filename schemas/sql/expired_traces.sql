-- Traces that ended before a time, in projects that are named, or in those that are not.
INSERT INTO batch_traces (Batch, Project, TraceId)
SELECT {batch:String}, Project, TraceId
FROM otel_traces_trace_id_ts
WHERE has({projects:Array(String)}, Project) = {named:Bool}
GROUP BY Project, TraceId
HAVING max(End) < fromUnixTimestamp64Nano({before_ns:Int64}, 'UTC')
LIMIT {traces_max:UInt32}
SETTINGS optimize_aggregation_in_order = 1

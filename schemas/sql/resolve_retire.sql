-- A span that was sent again with a start in another hour has two keys in otel_traces, which the
-- engine cannot know for the same span: retire all but the newest. Most traces stand in one hour and
-- need nothing.
INSERT INTO otel_traces (Project, Timestamp, TraceId, SpanId, Version, IsDeleted)
WITH
    places AS (
        SELECT Project, Hour, TraceId
        FROM batch_places
        WHERE Batch = {batch:String} AND HourCount > 1
    )
SELECT Project, copy.1, TraceId, SpanId, Newest, 1
FROM
(
    SELECT
        Project, TraceId, SpanId,
        max(Version) AS Newest,
        -- Of each hour its newest row; retired ones are there already.
        groupArray((Timestamp, Version, IsDeleted)) AS copies
    FROM otel_traces FINAL
    WHERE (Project, toStartOfHour(Timestamp), TraceId) IN places
    GROUP BY Project, TraceId, SpanId
    HAVING length(copies) > 1
)
ARRAY JOIN copies AS copy
WHERE copy.2 < Newest
-- Older selves may stand on any days. But all rows of a key stand on one: to merge them, no other
-- is looked into.
SETTINGS max_partitions_per_insert_block = 0, do_not_merge_across_partitions_select_final = 1

-- Each span once, in its newest version: the columns of otel_traces.
CREATE OR REPLACE VIEW spans
AS
SELECT *
FROM otel_traces FINAL
-- All versions of a span stand in one partition, as its hour is part of its key: told so, the engine
-- looks into no other days than those that are asked for.
SETTINGS do_not_merge_across_partitions_select_final = 1

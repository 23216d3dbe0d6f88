-- Each log record once: the columns of otel_logs.
CREATE OR REPLACE VIEW logs
AS
SELECT *
FROM otel_logs FINAL
-- As for spans: the time is part of a record's key.
SETTINGS do_not_merge_across_partitions_select_final = 1

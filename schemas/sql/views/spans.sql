-- Each span once, in its newest version: the columns of otel_traces.
CREATE OR REPLACE VIEW spans
AS
SELECT *
FROM otel_traces FINAL

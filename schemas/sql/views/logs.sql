-- Each log record once: the columns of otel_logs.
CREATE OR REPLACE VIEW logs
AS
SELECT *
FROM otel_logs FINAL

CREATE MATERIALIZED VIEW comments_mv TO comments_data
AS
SELECT *
FROM comment_edits

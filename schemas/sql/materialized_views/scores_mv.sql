CREATE MATERIALIZED VIEW scores_mv TO scores_data
AS
SELECT *
FROM score_edits

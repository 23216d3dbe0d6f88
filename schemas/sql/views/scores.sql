-- Each score once, as it is now.
CREATE OR REPLACE VIEW scores
AS
SELECT
    Project,
    ScoreId,
    SessionId,
    TraceId,
    SpanId,
    Name,
    DataType,
    Value,
    StringValue,
    Comment,
    Environment,
    Metadata,
    Source,
    Author,
    CreatedAt,
    Version AS UpdatedAt
FROM scores_data FINAL

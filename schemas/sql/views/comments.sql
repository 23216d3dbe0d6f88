-- Each comment once, as it is now.
CREATE OR REPLACE VIEW comments
AS
SELECT
    Project,
    CommentId,
    SessionId,
    TraceId,
    SpanId,
    Text,
    Author,
    CreatedAt,
    Version AS UpdatedAt
FROM comments_data FINAL

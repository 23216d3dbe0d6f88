-- The sessions that are bookmarked now.
CREATE OR REPLACE VIEW bookmarks
AS
SELECT Project, SessionId, Author, Version AS At
FROM bookmarks_data FINAL

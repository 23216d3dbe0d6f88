"""What people and evaluators leave on sessions: bookmarks, scores, comments, public links."""

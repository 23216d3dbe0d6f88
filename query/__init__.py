"""The read side: API and pages. Its endpoint is a setting already; nothing listens there yet."""

"""The HTTP API of sessions, traces and marks."""

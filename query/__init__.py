"""The read side: the HTTP API, the Langfuse-compatible API, and the pages."""

"""The durable log between ingest and the workers: one port, and an adapter for each log."""

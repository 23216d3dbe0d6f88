"""The SQL of the read side: lists, replays, traces."""

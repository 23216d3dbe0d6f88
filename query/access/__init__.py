"""Who asks, and what they may do: users, project keys, log-in, and shared links."""

"""The pages: session list, replay, trace, log-in, and what a shared link shows."""

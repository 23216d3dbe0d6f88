"""From the buffer into the store: consume → insert → resolve → commit."""

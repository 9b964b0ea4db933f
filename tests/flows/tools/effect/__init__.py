"""A tool with a side effect that a server counts."""

"""The `tendril` command line."""

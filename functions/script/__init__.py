"""The script tool: a script of the DSL, confined."""

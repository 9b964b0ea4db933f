"""The shell tool: a command of the DSL, confined."""

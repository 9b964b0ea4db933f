"""The flow language: syntax, checks, expressions and the state machine of a run."""

"""Other programs that a tool runs for a task: bounded, and strangers' code apart from all else."""

"""`dead-letter`: the sink of every Trigger. It stores first, then acts on what the state says."""

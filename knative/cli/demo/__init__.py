"""`tendril demo`: documents in, a question, an answer with its sources, a repair."""

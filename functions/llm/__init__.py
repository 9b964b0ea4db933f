"""Chat completions by any OpenAI-compatible provider."""

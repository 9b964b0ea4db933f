"""The platform's own model behind the OpenAI API: vLLM, or a small one embedded."""

"""`call: mcp` of the Serverless Workflow DSL."""

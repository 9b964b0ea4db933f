"""`call: openapi` of the Serverless Workflow DSL."""

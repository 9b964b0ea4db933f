"""`call: asyncapi` of the Serverless Workflow DSL."""

"""`call: http` of the Serverless Workflow DSL."""

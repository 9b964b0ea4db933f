"""`call: a2a` of the Serverless Workflow DSL."""

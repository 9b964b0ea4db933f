"""`call: grpc` of the Serverless Workflow DSL."""

"""One HTTP exchange of a tool: the request, the response, and what its failure means."""

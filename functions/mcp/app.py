"""The mcp tool as a service."""

from functions.host.serve import serve
from functions.mcp.handler import handle

app = serve(handle, name="mcp", version="1.0.0", timeout=120.0)

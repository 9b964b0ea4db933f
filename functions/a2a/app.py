"""The a2a tool as a service."""

from functions.a2a.handler import handle
from functions.host.serve import serve

app = serve(handle, name="a2a", version="1.0.0", timeout=300.0)

"""The openapi tool as a service."""

from functions.host.serve import serve
from functions.openapi.handler import handle

app = serve(handle, name="openapi", version="1.0.0", timeout=120.0)

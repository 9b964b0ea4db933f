"""The http tool as a service."""

from functions.host.serve import serve
from functions.http.handler import handle

app = serve(handle, name="http", version="1.0.0", timeout=120.0)

"""The script tool as a service."""

from functions.host.serve import serve
from functions.script.handler import handle

app = serve(handle, name="script", version="1.0.0", timeout=300.0)

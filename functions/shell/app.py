"""The shell tool as a service."""

from functions.host.serve import serve
from functions.shell.handler import handle

app = serve(handle, name="shell", version="1.0.0", timeout=300.0)

"""The asyncapi tool as a service."""

from functions.asyncapi.handler import handle
from functions.host.serve import serve

app = serve(handle, name="asyncapi", version="1.0.0", timeout=290.0)

"""The llm tool as a service."""

from functions.host.serve import serve
from functions.llm.handler import handle
from functions.llm.metering import reserve

app = serve(handle, name="llm", version="1.0.0", timeout=240.0, reserve=reserve)

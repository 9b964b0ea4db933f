"""The ping tool as a service."""

from __future__ import annotations

from functions.host.serve import serve
from ping.handler import handle

app = serve(handle, name="ping", version="1.0.0", timeout=10.0)

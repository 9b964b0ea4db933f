"""The pong tool as a service."""

from __future__ import annotations

from functions.host.serve import serve
from pong.handler import handle

app = serve(handle, name="pong", version="1.0.0", timeout=10.0)

"""The effect tool as a service."""

from __future__ import annotations

from effect.handler import handle
from functions.host.serve import serve

app = serve(handle, name="effect", version="1.0.0", timeout=20.0)

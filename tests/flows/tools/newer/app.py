"""The newer tool as a service: its host's `advance` is of a machine version to come."""

from __future__ import annotations

from functions.host import settle
from functions.host.serve import serve
from newer.handler import handle

settle.MACHINE += 1  # type: ignore[misc] - this process's alone

app = serve(handle, name="newer", version="1.0.0", timeout=20.0)

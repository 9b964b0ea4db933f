"""What every service loads before its own app: imported once by a template process.

The local runtime forks services from that template (`tendril.dev/preload` in service.yaml).
"""

from __future__ import annotations

import uvicorn.lifespan.on
import uvicorn.loops.uvloop
import uvicorn.protocols.http.httptools_impl

import functions.host.logs
import functions.host.serve

__all__ = ["functions", "uvicorn"]

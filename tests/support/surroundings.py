"""What a tool's handler is given when a test calls it without a host."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.host.context import Context
from functions.host.egress import EgressPolicy, session
from functions.host.objects import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[Context]:
    """Give a task's context over real parts in `folder`, with loopback allowed."""
    async with session(EgressPolicy.parse("127.0.0.0/8")) as http:
        yield Context(
            run="run-1",
            task="/do/0/call#1",
            attempt=1,
            idempotency_key="key-of-the-task",
            timeout=60.0,
            log=logging.LoggerAdapter(logging.getLogger("test")),
            folder=folder,
            objects=open_store(f"file://{folder}/objects"),
            http=http,
        )

"""The dead-letter sink as a service."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.dead_letter.burial import Burial
from functions.host.assembly import opened
from functions.host.serve import service
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with opened(Settings()) as platform:
        app.state.ready = platform.ledger.ready
        app.state.take = Burial(platform).take
        yield


app = service("Tendril dead letters", _lifespan)

"""The flow service: its API, its door and its clock."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.flow import approvals_api, explain_api, flows_api, letters_api, runs_api
from functions.flow.clock import Clock
from functions.flow.door import Door
from functions.flow.herald import Herald
from functions.flow.retention import Retention
from functions.flow.watch import Watch
from functions.host.assembly import opened
from functions.host.serve import service
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with opened(Settings()) as platform:
        app.state.platform = platform
        app.state.ready = platform.ledger.ready
        app.state.watch = Watch(platform.ledger)
        async with Herald(platform), Retention(platform), Clock(platform) as clock:
            app.state.clock = clock
            app.state.take = Door(platform, clock).take
            yield


app = service("Tendril flows", _lifespan)
app.include_router(flows_api.router)
app.include_router(runs_api.router)
app.include_router(approvals_api.router)
app.include_router(explain_api.router)
app.include_router(letters_api.router)

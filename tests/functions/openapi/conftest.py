"""A real API by FastAPI, which describes itself, and a context to call it from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Body, Cookie, FastAPI, Form, Header, HTTPException, Query, Request, Response
from fastapi import File as Upload
from pydantic import BaseModel

from tests.support.serving import serving
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context


class Pet(BaseModel):
    """What the shop keeps."""

    name: str
    tags: list[str] = []


class Api:
    """The shop, what it was sent, and documents that tests put beside its own."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[dict[str, Any]] = []
        self.documents: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.app = FastAPI(generate_unique_id_function=lambda route: route.name)
        _pets(self.app)
        _oddities(self.app)
        self.app.get("/documents/{name}", include_in_schema=False)(self._document)
        self.app.api_route("/echo/{rest:path}", methods=["GET", "POST"], include_in_schema=False)(
            self._echo
        )
        self.app.middleware("http")(self._note)

    async def _note(self, request: Request, proceed: Any) -> Any:
        if request.url.path == "/openapi.json" or request.url.path.startswith("/documents/"):
            self.fetched.append(request.url.path)
        else:
            headers = dict(request.headers)
            self.seen.append({"method": request.method, "headers": headers, "url": request.url})
        return await proceed(request)

    async def _document(self, name: str) -> Response:
        if name == "moved":
            return Response(status_code=302, headers={"Location": "/openapi.json"})
        if name not in self.documents:
            raise HTTPException(404, "no such document")
        return Response(self.documents[name], media_type="application/octet-stream")

    async def _echo(self, request: Request) -> dict[str, Any]:
        raw = request.scope["raw_path"].decode()
        return {
            "path": raw.removeprefix("/echo"),
            "query": request.scope["query_string"].decode(),
            "headers": dict(request.headers),
            "body": (await request.body()).decode(),
        }


def _pets(app: FastAPI) -> None:
    @app.get("/pets/{pet_id}")
    async def get_pet(pet_id: int, fields: Annotated[list[str], Query()] = []) -> dict[str, Any]:  # noqa: B006
        return {"id": pet_id, "fields": fields, "owner": None}

    @app.post("/pets", status_code=201)
    async def add_pet(
        pet: Pet, key: Annotated[str, Header(alias="Idempotency-Key")] = ""
    ) -> dict[str, Any]:
        return {**pet.model_dump(), "key": key}

    @app.post("/tags")
    async def add_tags(tags: Annotated[list[str], Body()]) -> list[str]:
        return tags

    @app.get("/me")
    async def who(
        x_tenant: Annotated[str, Header()], session: Annotated[str, Cookie()] = ""
    ) -> list[str]:
        return [x_tenant, session]


def _oddities(app: FastAPI) -> None:
    @app.post("/forms")
    async def send_form(name: Annotated[str, Form()], age: Annotated[int, Form()]) -> list[Any]:
        return [name, age]

    @app.post("/files")
    async def send_file(
        content: Annotated[bytes, Upload()], title: Annotated[str, Form()]
    ) -> list[str]:
        return [content.decode(), title]

    @app.get("/status/{status}")
    async def fail(status: int) -> Response:
        raise HTTPException(status, f"this is {status}", {"Retry-After": "7"})

    @app.get("/moved")
    async def moved() -> Response:
        return Response(status_code=302, headers={"Location": "/pets/1"})


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Serve on loopback."""
    made = Api()
    async with serving(made.app) as made.url:
        yield made


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    async with surroundings(tmp_path) as given:
        yield given

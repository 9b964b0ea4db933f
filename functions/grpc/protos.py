"""The documents that this process has read, each one once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from events.errors import ErrorType, ToolError
from functions.grpc.compiling import compiled, unfit
from functions.grpc.describing import Services
from functions.host.web.authenticated import fetched
from functions.host.web.documents import Document, Documents
from functions.host.web.endpoint import endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from functions.grpc.models import Proto, Settings
    from functions.host.context import Context

_KEPT: Final = 16


class Protos:
    """Fetches and compiles documents, and keeps them by digest."""

    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        self._documents = Documents(settings.limits, settings.document_seconds)
        self._folder = settings.protos
        self._known: OrderedDict[str, Services] = OrderedDict()

    async def get(self, proto: Proto, context: Context) -> Services:
        """Return the services of a document that a call refers to or brings along."""
        document = await self._document(proto, context)
        if document.digest not in self._known:
            self._known[document.digest] = Services(await compiled(document, context.folder))
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[document.digest]

    async def _document(self, proto: Proto, context: Context) -> Document:
        if proto.endpoint is None:
            return Document("", (proto.content or "").encode())
        uri = endpoint(proto.endpoint).uri
        if urlsplit(uri).scheme == "file":
            return await asyncio.to_thread(_local, uri, self._folder)
        return await fetched(context, self._documents, proto.endpoint, self._limits)


def _local(uri: str, folder: Path | None) -> Document:
    """Return a document of the operator's folder: `file://a/b.proto` is `a/b.proto` in it."""
    if folder is None:
        detail = f"{uri}: no folder holds documents for file:// endpoints; see TENDRIL_GRPC_PROTOS"
        raise ToolError(detail, type=ErrorType.AUTHORIZATION)
    parts = urlsplit(uri)
    root = folder.resolve()
    file = (root / unquote(f"{parts.netloc}{parts.path}").lstrip("/")).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        raise unfit(f"the folder of TENDRIL_GRPC_PROTOS has no document {uri}")
    return Document(uri, file.read_bytes())

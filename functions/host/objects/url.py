"""From an object store's URL to the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from events.errors import ErrorType, ToolError
from functions.host.objects.folder import FolderStore
from functions.host.objects.s3 import S3Store

if TYPE_CHECKING:
    from functions.host.objects.port import ObjectStore


def open_store(url: str) -> ObjectStore:
    """Return the store that `url` names; nothing is connected yet.

    `file:///absolute/folder` or `s3://bucket/prefix?endpoint=http://host:port&region=name`,
    where prefix and query may be absent. ToolError (configuration) for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _folder(url, parts)
    if parts.scheme == "s3":
        return _s3(url, parts)
    raise _wrong(url, "it must begin with file:/// or s3://")


def _folder(url: str, parts: SplitResult) -> FolderStore:
    path = Path(unquote(parts.path))
    if parts.netloc not in {"", "localhost"} or not path.is_absolute():
        raise _wrong(url, "a folder is written file:///absolute/path")
    return FolderStore(path)


def _s3(url: str, parts: SplitResult) -> S3Store:
    if not parts.netloc:
        raise _wrong(url, "it names no bucket")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint, region = options.pop("endpoint", None), options.pop("region", None)
    if options:
        raise _wrong(url, f"unknown option {', '.join(sorted(options))}; known: endpoint, region")
    prefix = unquote(parts.path).strip("/")
    return S3Store(parts.netloc, prefix, endpoint=endpoint, region=region)


def _wrong(url: str, reason: str) -> ToolError:
    detail = f"{url!r} is no object store URL: {reason}; see TENDRIL_OBJECTS"
    return ToolError(detail, type=ErrorType.CONFIGURATION)

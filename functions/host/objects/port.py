"""The port: what every object store does, its errors, and what a key may be."""

from __future__ import annotations

from typing import Final, Protocol
from unicodedata import category

from events.errors import ErrorType, ToolError

MAX_KEY_BYTES: Final = 1024
"""S3's own limit, in UTF-8."""

MAX_SEGMENT_BYTES: Final = 255
"""The limit of a file name on common filesystems, in UTF-8."""

RESERVED_SEGMENT: Final = ".incoming"
"""Half-written files of the folder store live here, so no key may."""


class ObjectStore(Protocol):
    """Bytes by key; safe to share by every task of one event loop.

    An outage raises `events.errors.RetryableError`; a wrong configuration or a refused
    access raises `ToolError`; a malformed key raises `ObjectKeyError`.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, replacing what was there; readers see the old or the new, whole."""

    async def get(self, key: str) -> bytes:
        """Return the object's bytes; ObjectMissing when there is none."""

    async def delete(self, key: str) -> None:
        """Remove the object; nothing happens when there is none."""

    async def exists(self, key: str) -> bool:
        """Tell whether there is an object of exactly this key."""

    async def list(self, prefix: str) -> list[str]:
        """Return the sorted keys that start with `prefix`, a string; `""` lists all."""


class ObjectMissing(ToolError):  # noqa: N818 - says what is the case, as KeyError's kin do
    """No object has this key."""

    def __init__(self, key: str, where: str) -> None:
        super().__init__(f"there is no object {key!r} in {where}", status=404, title="No object")
        self.key = key


class ObjectKeyError(ToolError):
    """A key that no store takes."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(
            f"{key[:200]!r} is no object key: {reason}",
            type=ErrorType.VALIDATION,
            title="Invalid object key",
        )
        self.key = key


def check_key(key: str) -> str:
    """Return `key`, or raise ObjectKeyError saying what is wrong with it.

    What passes cannot leave a store's folder or prefix, on any filesystem.
    """
    if (reason := _fault(key)) is not None:
        raise ObjectKeyError(key, reason)
    return key


def _fault(key: str) -> str | None:
    if "\\" in key or any(category(character) in {"Cc", "Cs"} for character in key):
        return "a backslash, a control character or half a character"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"longer than {MAX_KEY_BYTES} bytes"
    segments = key.split("/")
    if segments[0] == RESERVED_SEGMENT:
        return f"{RESERVED_SEGMENT!r} is reserved"
    return next((fault for segment in segments if (fault := _segment_fault(segment))), None)


def _segment_fault(segment: str) -> str | None:
    if segment in {"", ".", ".."}:
        return f"{segment!r} cannot stand between slashes"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"a segment longer than {MAX_SEGMENT_BYTES} bytes"
    return None

"""Values as the ledger keeps them: small ones as JSON text, large ones in the object store.

A packed text is JSON, or `@` and a dataref: `runs/{run}/{sha256}?size={bytes}`, a key of our
own store checked by hash and size, never a URL to fetch. Keys belong to a run and go with it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.errors import ErrorType, ToolError
from functions.host.recent import Recent

if TYPE_CHECKING:
    from functions.host.objects import ObjectStore

_REF: Final = re.compile(
    r"(?P<key>(?:runs|events)/[0-9a-zA-Z_.-]{1,128}/(?P<sha>[0-9a-f]{64}))\?size=(?P<size>\d{1,12})"
)
_KEPT: Final = 64


class Blobs:
    """Packs and unpacks values; `threshold` is in bytes of JSON."""

    def __init__(self, store: ObjectStore, threshold: int) -> None:
        self._store = store
        self._threshold = threshold
        self._recent: Recent[str, bytes] = Recent(_KEPT)

    def is_large(self, value: Any) -> bool:
        """Return whether the packed text of `value` is a reference to the object store."""
        return len(orjson.dumps(value)) > self._threshold

    async def pack(self, value: Any, owner: str, room: str = "runs") -> str:
        """Return the packed text of `value`; `owner` is the run (or event) the object goes with."""
        text = orjson.dumps(value)
        if len(text) <= self._threshold:
            return text.decode()
        return "@" + await self.store(text, owner, room)

    async def store(self, data: bytes, owner: str, room: str = "runs") -> str:
        """Put bytes into the object store and return their dataref."""
        sha = hashlib.sha256(data).hexdigest()
        key = f"{room}/{owner}/{sha}"
        await self._store.put(key, data)
        ref = f"{key}?size={len(data)}"
        self._recent.keep(ref, data, len(data))
        return ref

    async def unpack(self, packed: str) -> Any:
        """Return the value of a packed text."""
        return orjson.loads(await self.text(packed))

    async def text(self, packed: str) -> str | bytes:
        """Return the JSON of a packed text."""
        return await self.fetch(packed[1:]) if packed.startswith("@") else packed

    async def fetch(self, ref: str) -> bytes:
        """Return the bytes behind a dataref; ToolError when it is not ours or was altered."""
        known = self._recent.get(ref)
        if known is not None:
            return known
        match = _REF.fullmatch(ref)
        if match is None:
            raise ToolError(
                f"dataref '{ref[:200]}' is no key of this platform's object store",
                type=ErrorType.VALIDATION,
            )
        data: bytes = await self._store.get(match["key"])
        if len(data) != int(match["size"]) or hashlib.sha256(data).hexdigest() != match["sha"]:
            raise ToolError(f"the object behind dataref '{ref}' was altered")
        self._recent.keep(ref, data, len(data))
        return data


def dataref(packed: str) -> str | None:
    """Return the dataref of a packed text, None when the value is inline."""
    return packed[1:] if packed.startswith("@") else None

"""Scope states as the ledger has them: what is large in one lies beside it, once.

A loop's items, a run's input or its context are the same at most steps. Each such part is a row of
its own, named by the digest of its JSON and owned by its scope: a transition writes the parts that
are new and deletes those that its state has no longer, in the one compare-and-set that moves the
scope on. So a hop writes what it changed, and nothing superseded is ever left over.

The packed text of a state with parts is `#` and JSON: the `parts`, from each one's digest to its
places, and the `state` without them. No data can pass for that, and a host that does not know it
fails to parse it rather than go on without the parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.errors import ToolError
from events.flow.advance import StaleSignal
from functions.host.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.steps import State
    from functions.host.blobs import Blobs
    from functions.host.ledger.port.runs import Runs

Json = Any
Place = tuple[str | int, ...]
"""Where a part belongs: the keys that lead to it from the state."""
_LEAST: Final = 4096
"""Bytes of JSON that a part has; less is parsed and written in no time."""
_KEPT: Final = 32
_MARK: Final = "#"


@dataclass(frozen=True, slots=True)
class Packed:
    """A state as a transition writes it, in place of the one before it."""

    text: str
    keeps: tuple[tuple[str, str], ...] = ()
    """The parts that are new: digest and JSON."""
    drops: tuple[str, ...] = ()
    """The digests of those that it has no longer."""


class States:
    """Packs and unpacks states; those who get one must not change the values in it."""

    def __init__(self, ledger: Runs, blobs: Blobs) -> None:
        self._ledger, self._blobs = ledger, blobs
        self._known: Recent[str, Json] = Recent(_KEPT)
        """Parts by their digests: values that were parsed here, so that nobody changes them."""
        self._names: dict[int, str] = {}
        """Their digests by their identities: most parts of a new state are those of the last."""

    async def unpack(self, run_id: str, scope: str, packed: str) -> State:
        """Return a state; StaleSignal: the scope has moved on, and a part of it is gone.

        ToolError: a part is not what was written.
        """
        if not packed.startswith(_MARK):
            plain: State = await self._blobs.unpack(packed)
            return plain
        lying = orjson.loads(packed[1:])
        state: State = lying["state"]
        parts = {name: self._known.get(name) for name in lying["parts"]}
        missing = [name for name, part in parts.items() if part is None]
        found = await self._ledger.parts(run_id, scope, missing) if missing else {}
        if len(found) < len(missing):
            raise StaleSignal(f"scope '{scope}' of run {run_id} has moved on, or a part is lost")
        for name, text in found.items():
            if sha256(text.encode()).hexdigest() != name:
                raise ToolError(f"part {name} of the state of run {run_id} was altered")
            parts[name] = self._keep(name, text)
        for name, places in lying["parts"].items():
            for place in places:
                _holder(state, place)[place[-1]] = parts[name]
        return state

    def pack(self, state: State, before: str = "") -> Packed:
        """Return a state as it is written in place of the one `before`, packed."""
        state, had = _copy(state), _digests(before)
        parts: dict[str, list[Place]] = {}
        texts: dict[str, str] = {}
        for place in list(_places(state)) if self._names else ():
            holder = _holder(state, place)
            name = self._names.get(id(holder[place[-1]]))
            if name is not None:
                if name not in had and name not in parts:
                    texts[name] = orjson.dumps(holder[place[-1]]).decode()
                parts.setdefault(name, []).append(place)
                del holder[place[-1]]
        text = orjson.dumps(state)
        if len(text) >= _LEAST:
            for place in list(_places(state)):
                holder = _holder(state, place)
                value = orjson.dumps(holder[place[-1]])
                if len(value) >= _LEAST:
                    name = sha256(value).hexdigest()
                    if name not in had:
                        texts[name] = value.decode()
                    parts.setdefault(name, []).append(place)
                    del holder[place[-1]]
            text = orjson.dumps(state)
        if parts:
            text = b"#" + orjson.dumps({"parts": parts, "state": orjson.Fragment(text)})
        for name, part in texts.items():
            self._keep(name, part)
        return Packed(text.decode(), tuple(texts.items()), tuple(sorted(had - parts.keys())))

    def _keep(self, name: str, text: str) -> Json:
        """Return the part of a digest, parsed from its JSON unless it is known."""
        value = self._known.get(name)
        if value is None:
            value = orjson.loads(text)
            self._names[id(value)] = name
            for old in self._known.keep(name, value, len(text)):
                del self._names[id(old)]
        return value


def _digests(packed: str) -> frozenset[str]:
    return frozenset(orjson.loads(packed[1:])["parts"] if packed.startswith(_MARK) else ())


def _copy(state: State) -> State:
    """Return the state with containers of its own down to the places of parts."""
    frames = [
        {
            name: dict(value) if name in {"local", "variables"} else value
            for name, value in frame.items()
        }
        for frame in state.get("frames", ())
    ]
    return {**state, "frames": frames} if frames else dict(state)


def _places(state: State) -> Iterator[Place]:
    """Yield where values of the flow lie, which alone can be large."""
    if "context" in state:
        yield ("context",)
    for number, frame in enumerate(state.get("frames", ())):
        for name in ("raw", "input"):
            if name in frame:
                yield ("frames", number, name)
        for group in ("local", "variables"):
            for name in frame.get(group, ()):
                yield ("frames", number, group, name)


def _holder(state: State, place: Place) -> dict[str | int, Json]:
    holder: Any = state
    for key in place[:-1]:
        holder = holder[key]
    return holder  # type: ignore[no-any-return]

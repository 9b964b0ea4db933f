"""What a process's calls share."""

from __future__ import annotations

import asyncio

import pytest

from functions.host.context import Resources


class Door:
    """Something that must be closed."""

    def __init__(self, closed: list[str], name: str) -> None:
        self._closed, self._name = closed, name

    async def close(self) -> None:
        self._closed.append(self._name)
        if self._name == "stuck":
            raise OSError("stuck")


async def test_a_resource_is_made_once() -> None:
    """Calls that ask for it at the same moment get the same one."""
    resources, made = Resources(), list[object]()

    async def make() -> object:
        await asyncio.sleep(0)
        made.append(object())
        return made[-1]

    asked = await asyncio.gather(*(resources.once("it", make) for _ in range(10)))
    assert len(made) == 1
    assert set(map(id, asked)) == {id(made[0])}


async def test_resources_are_closed_when_the_service_stops() -> None:
    """Each is closed once, the last one first, even when one of them cannot be."""
    resources, closed = Resources(), list[str]()
    for name in ("first", "stuck", "last"):

        async def make(name: str = name) -> Door:
            return Door(closed, name)

        await resources.once(name, make, Door.close)
        await resources.once(name, make, Door.close)
    await resources.once("plain", lambda: asyncio.sleep(0, "nothing to close"))
    with pytest.raises(OSError, match="stuck"):
        await resources.aclose()
    assert closed == ["last", "stuck", "first"]

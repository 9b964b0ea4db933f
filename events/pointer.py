"""JSON pointers (RFC 6901): how a name stands in one."""

from __future__ import annotations


def escaped(part: str | int) -> str:
    """Return a member's name, or an index, as it stands between two slashes."""
    return str(part).replace("~", "~0").replace("/", "~1")


def plain(part: str) -> str:
    """Return the name that a part of a pointer stands for."""
    return part.replace("~1", "/").replace("~0", "~")

"""An AsyncAPI document as it was read: servers, channels, operations, messages; pure.

Source: AsyncAPI 2.6.0, "Channel Item Object", "Server Object"; AsyncAPI 3.0.0, "Operation Object".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from events.flow.finding import did_you_mean
from functions.host.web.references import Referring, unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.errors import ToolError
    from functions.asyncapi.models import In


@dataclass(frozen=True, slots=True)
class Description(Referring):
    """An AsyncAPI document."""

    KIND: ClassVar[str] = "AsyncAPI"
    where: str

    @property
    def old(self) -> bool:
        """Whether it is of version 2, whose channels have their operations inside."""
        return str(self.root.get("asyncapi")).startswith("2.")

    def named(self, section: str, name: str) -> dict[str, Any]:
        """Return an entry of a section; ToolError (configuration) names those that are near."""
        known = self.at(self.root.get(section))
        if name not in known:
            hint = did_you_mean(name, list(known)) or f"; it has {', '.join(known) or 'none'}"
            raise unfit(f"{self.where} has no '{name}' under '{section}'{hint}")
        return self.at(known[name])


@dataclass(frozen=True, slots=True)
class Operation:
    """What the call does at which channel, and what its messages are."""

    address: str
    messages: tuple[dict[str, Any], ...]
    servers: tuple[str, ...]
    """The names of the channel's servers; all of the document's where it says none."""
    channel: dict[str, dict[str, Any]]
    """What the channel says to each protocol: its bindings."""
    own: dict[str, dict[str, Any]]
    """What the operation says to each protocol."""


def checked(root: Any, where: str) -> Description:
    """Return a description of a version that can be called; ToolError (configuration) else."""
    version = str(root.get("asyncapi") or "") if isinstance(root, dict) else ""
    if not version:
        raise unfit(f"{where} is no AsyncAPI document: it has no 'asyncapi'")
    if not version.startswith(("2.", "3.")):
        raise unfit(f"{where} is of AsyncAPI {version}; 2.x and 3.x can be called")
    return Description(root, where)


def find(description: Description, request: In) -> Operation:
    """Return the operation that a call names; ToolError (configuration) without one."""
    if description.old:
        return _in_channel(description, request)
    if request.operation is None:
        raise unfit(f"{description.where} is of AsyncAPI 3: give 'operation', not 'channel'")
    operation = description.named("operations", request.operation)
    channel = description.at(operation.get("channel"))
    listed = operation.get("messages") or description.at(channel.get("messages")).values()
    name = str((operation.get("channel") or {}).get("$ref", "")).rpartition("/")[2]
    return Operation(
        _filled(channel.get("address") or name),
        tuple(description.at(each) for each in listed),
        tuple(str(each.get("$ref")).rpartition("/")[2] for each in channel.get("servers") or ()),
        _bindings(description, channel),
        _bindings(description, operation),
    )


def unfit(reason: str) -> ToolError:
    """Return the error that a document is which cannot be called."""
    return unusable(Description.KIND, reason)


def _in_channel(description: Description, request: In) -> Operation:
    if request.channel is None:
        raise unfit(f"{description.where} is of AsyncAPI 2: give 'channel', not 'operation'")
    channel = description.named("channels", request.channel)
    kind = "publish" if request.message else "subscribe"
    if kind not in channel:
        raise unfit(f"the channel '{request.channel}' of {description.where} has no '{kind}'")
    operation = description.at(channel[kind])
    return Operation(
        _filled(request.channel),
        tuple(_messages(description, operation.get("message"))),
        tuple(str(name) for name in channel.get("servers") or ()),
        _bindings(description, channel),
        _bindings(description, operation),
    )


def _messages(description: Description, message: Any) -> Iterator[dict[str, Any]]:
    found = description.at(message)
    for each in found.get("oneOf") or ([found] if found else []):
        yield description.at(each)


def _bindings(description: Description, owner: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = description.at(owner.get("bindings"))
    return {protocol: description.at(each) for protocol, each in found.items()}


def _filled(address: Any) -> str:
    if not isinstance(address, str) or "{" in address:
        reason = "has parameters, which a call has no place for"
        raise unfit(f"the channel's address {address!r} {reason}")
    return address

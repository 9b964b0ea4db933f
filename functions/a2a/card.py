"""Where an agent is, and how it is spoken to, by its card; pure.

Source: A2A 0.3.0, "AgentCard", `url`, `preferredTransport` and `additionalInterfaces`; A2A 1.0,
`supportedInterfaces`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.host.web.documents import Document

_JSONRPC: Final = "JSONRPC"
_OLD: Final = "0.3"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that speaks JSON-RPC."""

    url: str
    version: str = _OLD

    @property
    def old(self) -> bool:
        """Whether its methods have the names that the DSL has."""
        return self.version.startswith("0.")


def agent(document: Document) -> Agent:
    """Return a card's agent, of 0.3 if it can be; ToolError (configuration) if it has none."""
    try:
        card = orjson.loads(document.content)
    except orjson.JSONDecodeError:
        card = None
    if not isinstance(card, dict):
        raise _unfit(f"{document.uri} is no agent card: it is no JSON object")
    found = [each for each in _interfaces(card) if each.url.startswith(("http://", "https://"))]
    if not found:
        raise _unfit(f"{document.uri} is of an agent that does not speak JSON-RPC over HTTP")
    return next((each for each in found if each.old), found[0])


def _interfaces(card: dict[str, Any]) -> Iterator[Agent]:
    for each in card.get("supportedInterfaces") or ():
        if each.get("protocolBinding") == _JSONRPC:
            yield Agent(str(each.get("url")), str(each.get("protocolVersion") or "1.0"))
    if card.get("url") and card.get("preferredTransport", _JSONRPC) == _JSONRPC:
        yield Agent(str(card["url"]))
    for each in card.get("additionalInterfaces") or ():
        if each.get("transport") == _JSONRPC:
            yield Agent(str(each.get("url")))


def _unfit(reason: str) -> ToolError:
    return ToolError(reason, type=ErrorType.CONFIGURATION, title="Unusable agent card")

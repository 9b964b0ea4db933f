"""What carries messages: one module for each protocol, all of this shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from functions.asyncapi.description import Operation
    from functions.asyncapi.models import Inbound, Settings
    from functions.asyncapi.servers import Target
    from functions.host.context import Context
    from functions.host.web.policies import Policy


@dataclass(frozen=True, slots=True)
class Call:
    """Where a message goes to or comes from, and who asks."""

    target: Target
    operation: Operation
    policy: Policy | None
    context: Context
    settings: Settings


class Carrier(Protocol):
    """Publishes and subscribes over one protocol; failures are the DSL's errors."""

    async def publish(
        self, call: Call, body: bytes, media: str, headers: dict[str, Any], /
    ) -> None:
        """Send one message, and wait until the server has it."""

    def subscribe(self, call: Call) -> AsyncGenerator[Inbound, None]:
        """Yield messages as they come, until it is closed or the server ends."""

"""What happens to a delivery, in order: found, read, proven, shaped, published, answered."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import Response

from events.times import rfc3339
from functions.host.faults import Refused
from functions.host.secrets import Keyring, SecretMissingError
from functions.webhook import handshake, signatures
from functions.webhook.delivery import receive
from functions.webhook.hooks import HooksError
from functions.webhook.intake import event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from starlette.requests import Request

    from events.envelope import Event
    from functions.webhook.hookfile import HookFile
    from functions.webhook.hooks import Hook

    class Publisher(Protocol):
        """Gives events to the broker; returns once they are durably accepted."""

        async def publish(self, events: Iterable[Event]) -> None:
            """Publish all events, or raise SinkUnavailable."""


log = logging.getLogger(__name__)

_MISCONFIGURED: Final = "its operator finds the reason in the log of the webhook service"


class Receiver:
    """Answers requests to `/hooks/{name}`."""

    def __init__(
        self, file: HookFile, keyring: Keyring, sink: Publisher, clock: Callable[[], float]
    ) -> None:
        self._file, self._keyring, self._sink, self._clock = file, keyring, sink, clock

    async def answer(self, name: str, request: Request) -> Response:
        """Answer a delivery or the handshake before one; raises what `faults` maps."""
        hook = self._hook(name)
        origin = request.headers.get("webhook-request-origin")
        if request.method == "OPTIONS":
            return Response(status_code=200, headers=handshake.answer(hook, origin))
        handshake.check_origin(hook, origin)
        event = await self._event(name, hook, request)
        await self._sink.publish([event])
        accepted = {"id": event.id, "type": event.type, "source": event.source}
        return Response(orjson.dumps(accepted), 202, media_type="application/json")

    async def _event(self, name: str, hook: Hook, request: Request) -> Event:
        delivery = await receive(request, hook.max_bytes)
        now = self._clock()
        try:
            signatures.check(hook, self._secret(hook), delivery, now)
        except (SecretMissingError, signatures.SecretUnusableError) as error:
            log.error("hook '%s' cannot verify deliveries: %s", name, error)  # noqa: TRY400 - the message says it
            raise Refused(503, "Hook not set up", _MISCONFIGURED) from None
        return event_of(name, hook, delivery, rfc3339(datetime.fromtimestamp(now, UTC)))

    def _secret(self, hook: Hook) -> str | None:
        return self._keyring.secret(hook.secret) if hook.secret else None

    def _hook(self, name: str) -> Hook:
        try:
            hooks = self._file.hooks()
        except HooksError as error:
            log.error("the hooks file cannot be used: %s", error)  # noqa: TRY400 - the message says it
            raise Refused(503, "Hooks not set up", _MISCONFIGURED) from None
        if name not in hooks:
            raise Refused(404, "No such hook", f"no hook '{name}' is declared here")
        if hooks[name].retired:
            raise Refused(410, "Hook retired", f"the hook '{name}' takes no more deliveries")
        return hooks[name]

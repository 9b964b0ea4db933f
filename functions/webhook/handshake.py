"""The abuse protection of CloudEvents webhooks: may this origin send here, and how often?

Source: cloudevents/spec `http-webhook.md`, section 4. There is no rate limit to announce: the
allowed rate is `*`, and so no delivery is ever answered with 429 (section 2.2), which is for
senders above their rate. A broker that is busy is a 503 with Retry-After.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from functions.host.faults import Refused

if TYPE_CHECKING:
    from functions.webhook.hooks import Hook


def answer(hook: Hook, origin: str | None) -> dict[str, str]:
    """Return the headers that grant the request of `origin`; raise what says why not."""
    if hook.accept != "cloudevents":
        raise HTTPException(405, "No handshake here", headers={"Allow": "POST"})
    check_origin(hook, origin)
    if not origin:
        raise Refused(
            400, "No origin", "send WebHook-Request-Origin", field="WebHook-Request-Origin"
        )
    return {
        "Allow": "POST, OPTIONS",
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": "*",
    }


def check_origin(hook: Hook, origin: str | None) -> None:
    """Refuse an origin outside the hook's list; a hook without list takes every one."""
    if hook.origins and (origin or "").lower() not in {known.lower() for known in hook.origins}:
        detail = "WebHook-Request-Origin does not name an origin that may send here"
        raise Refused(403, "Origin not allowed", detail, field="WebHook-Request-Origin")

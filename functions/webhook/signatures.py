"""Whether a delivery comes from whom it says: one function a scheme, all of them pure.

Sources: standardwebhooks.com (through its PyPI library, which signs; its own check fixes the
tolerance at five minutes and reads the clock), GitHub's "Validating webhook deliveries", and
for `bearer` cloudevents/spec `http-webhook.md`, section 3.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from functions.host.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.webhook.delivery import Delivery
    from functions.webhook.hooks import Hook

_MAX_DIGITS: Final = 12


class Unauthorized(Refused):
    """A delivery whose sender is not proven; `scheme` is what it should have used."""

    def __init__(self, scheme: str, detail: str) -> None:
        super().__init__(401, "Not authenticated", detail)
        self.scheme = scheme


class SecretUnusableError(ValueError):
    """A secret that cannot be a key of its scheme."""


def check(hook: Hook, secret: str | None, delivery: Delivery, now: float) -> None:
    """Raise Unauthorized unless the delivery passes the hook's scheme; `now` in Unix seconds."""
    if hook.verify != "none":
        assert secret is not None
        _SCHEMES[hook.verify](hook, secret, delivery, now)


def _standard(hook: Hook, secret: str, delivery: Delivery, now: float) -> None:
    identity, stamp, signatures = (
        delivery.header(f"webhook-{part}") for part in ("id", "timestamp", "signature")
    )
    if not (identity and stamp and signatures):
        reason = "webhook-id, webhook-timestamp and webhook-signature must all be there"
        raise Unauthorized("Webhook-Signature", reason)
    expected = _signed(secret, identity, _recent(stamp, hook.tolerance, now), delivery.body)
    if not any(_same(expected, passed) for passed in signatures.split(" ")):
        raise Unauthorized("Webhook-Signature", "no v1 signature in webhook-signature matches")


def _recent(stamp: str, tolerance: float, now: float) -> int:
    """Return the timestamp; a delivery older or newer than the window may be a replay."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _MAX_DIGITS):
        raise Unauthorized("Webhook-Signature", "webhook-timestamp is not in Unix seconds")
    if abs(now - int(stamp)) > tolerance:
        reason = f"webhook-timestamp is more than {tolerance:g} s away from now; send it anew"
        raise Unauthorized("Webhook-Signature", reason)
    return int(stamp)


def _signed(secret: str, identity: str, stamp: int, body: bytes) -> str:
    try:
        hook = Webhook(secret)
    except (binascii.Error, ValueError, EmptyWebhookSecretError):
        raise SecretUnusableError(
            "a Standard Webhooks secret is Base64, whsec_ before it"
        ) from None
    try:
        return hook.sign(identity, datetime.fromtimestamp(stamp, UTC), body.decode())
    except (UnicodeError, ValueError, OverflowError):
        raise Unauthorized("Webhook-Signature", "the signed body must be UTF-8") from None


def _github(_: Hook, secret: str, delivery: Delivery, __: float) -> None:
    passed = delivery.header("x-hub-signature-256")
    if not passed:
        raise Unauthorized("Hub-Signature", "X-Hub-Signature-256 is missing: set a secret there")
    digest = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    if not _same(f"sha256={digest}", passed):
        raise Unauthorized("Hub-Signature", "X-Hub-Signature-256 does not match the body")


def _bearer(_: Hook, secret: str, delivery: Delivery, __: float) -> None:
    scheme, _space, token = (delivery.header("authorization") or "").partition(" ")
    passed = token.strip() if scheme.lower() == "bearer" else delivery.token
    if not passed:
        raise Unauthorized("Bearer", "send Authorization: Bearer with this hook's token")
    if not _same(secret, passed):
        raise Unauthorized("Bearer", "the token is not this hook's")


def _same(expected: str, passed: str) -> bool:
    return hmac.compare_digest(expected.encode(), passed.encode("utf-8", "replace"))


_SCHEMES: Final[dict[str, Callable[[Hook, str, Delivery, float], None]]] = {
    "standard-webhooks": _standard,
    "github": _github,
    "bearer": _bearer,
}

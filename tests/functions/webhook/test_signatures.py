"""Tests of who may deliver: each scheme over real HTTP, its window and its forgeries."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from functions.webhook.delivery import Delivery
from functions.webhook.hooks import Hook
from functions.webhook.signatures import SecretUnusableError, Unauthorized, check

KEY = "whsec_c2VjcmV0LXNlY3JldA=="
BODY = b'{"a": "\xc3\xa9"}'


def standard(
    identity: str = "msg_1", at: float | None = None, body: bytes = BODY
) -> dict[str, str]:
    """Return the headers of a Standard Webhooks delivery, signed by its own library."""
    stamp = int(time.time() if at is None else at)
    signature = Webhook(KEY).sign(identity, datetime.fromtimestamp(stamp, UTC), body.decode())
    return {
        "webhook_id": identity,
        "webhook_timestamp": str(stamp),
        "webhook_signature": f"v1a,abc v1,bm9wZQ== {signature}",
    }


def github(body: bytes = BODY, secret: bytes = b"gh-secret") -> str:
    """Return GitHub's signature of a body."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


async def test_standard_webhooks(send: Any, door: Any) -> None:
    """A signed delivery is taken, with webhook-id as the event's id."""
    assert (await send("signed", BODY, **standard())).status == 202
    assert door.events[0].id == "msg_1"
    assert door.events[0].data == BODY


async def test_replay_is_the_same_event(send: Any, door: Any) -> None:
    """A delivery replayed, or sent again with a new timestamp, is the same event."""
    headers = standard()
    for again in (headers, headers, standard(at=time.time() - 5)):
        assert (await send("signed", BODY, **again)).status == 202
    assert len({(event.source, event.id) for event in door.events}) == 1


@pytest.mark.parametrize("age", [70, 3600, -70, 10**9])
async def test_stale_timestamp(send: Any, door: Any, age: int) -> None:
    """Outside the hook's tolerance (60 s) a rightly signed delivery is refused."""
    answer = await send("signed", BODY, **standard(at=time.time() - age))
    assert answer.status == 401
    assert "WWW-Authenticate" in answer.headers
    assert door.events == []


@pytest.mark.parametrize(
    "change",
    [
        {"webhook_id": "msg_2"},
        {"webhook_timestamp": str(int(time.time()) + 1)},
        {"webhook_timestamp": "now"},
        {"webhook_timestamp": "NaN"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_signature": "v1,AAAA"},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,é , ,,"},
        {"webhook_signature": ""},
        {"webhook_id": ""},
    ],
)
async def test_forged_standard(send: Any, door: Any, change: dict[str, str]) -> None:
    """Whatever is changed about a signed delivery, it is a 401 and no event."""
    assert (await send("signed", BODY, **(standard() | change))).status == 401
    assert door.events == []


async def test_forged_body(send: Any, door: Any) -> None:
    """A body other than the signed one is refused by every scheme that signs bodies."""
    assert (await send("signed", b"{}", **standard())).status == 401
    assert (await send("gh", b"{}", X_Hub_Signature_256=github())).status == 401
    assert (await send("signed", b"\xff", **standard())).status == 401
    assert door.events == []


async def test_github(send: Any, door: Any) -> None:
    """GitHub's HMAC proves a delivery; its id and event name are kept."""
    headers = {
        "X_Hub_Signature_256": github(),
        "X_GitHub_Delivery": "d-1",
        "X_GitHub_Event": "push",
    }
    assert (await send("gh", BODY, **headers)).status == 202
    assert (door.events[0].id, door.events[0].get("githubevent")) == ("d-1", "push")


@pytest.mark.parametrize(
    "signature", ["", "sha256=", github()[:-1], github(secret=b"other"), github()[7:], "é"]
)
async def test_forged_github(send: Any, door: Any, signature: str) -> None:
    """A missing, cut or foreign GitHub signature is a 401."""
    assert (await send("gh", BODY, X_Hub_Signature_256=signature)).status == 401
    assert door.events == []


async def test_signature_does_not_cover_headers(send: Any, door: Any) -> None:
    """A signed hook takes CloudEvents in structured mode only: `ce-` headers are not signed."""
    event = {"specversion": "1.0", "id": "7", "source": "/s", "type": "t"}
    body = json.dumps(event).encode()
    headers = {f"ce_{name}": value for name, value in event.items()}
    binary = await send("sealed", body, X_Hub_Signature_256=github(body), **headers)
    structured = await send(
        "sealed",
        body,
        X_Hub_Signature_256=github(body),
        Content_Type="application/cloudevents+json",
    )
    assert (binary.status, structured.status) == (415, 202)
    assert len(door.events) == 1


@pytest.mark.parametrize(
    ("query", "authorization", "status"),
    [
        ("", "Bearer open sesame", 202),
        ("", "bearer open sesame", 202),
        ("?access_token=open%20sesame", "", 202),
        ("?access_token=wrong", "", 401),
        ("", "Bearer wrong", 401),
        ("", "Basic open sesame", 401),
        ("", "", 401),
    ],
)
async def test_bearer(send: Any, query: str, authorization: str, status: int) -> None:
    """Both token methods of the webhook specification are understood (section 3)."""
    headers = {"Authorization": authorization, "WebHook_Request_Origin": "events.example.com"}
    answer = await send(f"partner{query}", b"{}", **headers)
    assert answer.status == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_unusable_secret() -> None:
    """A Standard Webhooks secret that is no Base64 is the operator's fault, not the sender's."""
    hook = Hook.model_validate({"type": "t", "verify": "standard-webhooks", "secret": "s"})
    headers = (("webhook-id", "1"), ("webhook-timestamp", "9"), ("webhook-signature", "v1,x"))
    for secret in ("whsec_", "é", "whsec_a"):
        with pytest.raises(SecretUnusableError):
            check(hook, secret, Delivery(headers, b""), 9.0)


@given(
    st.sampled_from(["standard-webhooks", "github", "bearer"]),
    st.lists(
        st.tuples(
            st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature",
                             "x-hub-signature-256", "authorization"]),
            st.text() | st.just("9"),
        )
    ),
    st.binary(),
)  # fmt: skip
def test_only_ever_unauthorized(verify: Any, headers: list[tuple[str, str]], body: bytes) -> None:
    """Whatever a stranger sends, verification answers Unauthorized and nothing else."""
    hook = Hook.model_validate({"type": "t", "verify": verify, "secret": "s"})
    with pytest.raises(Unauthorized):
        check(hook, KEY, Delivery(tuple(headers), body), 9.0)

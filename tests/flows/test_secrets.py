"""Secrets end to end: a call has them, and no ledger, event, log or answer does.

The same flows run on a real platform whose whole data folder and log are searched afterwards.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.authority import PASSWORD, SECRET, USER, Authority, authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: sealed, version: '1.0.0'}
use:
  secrets: [user, client, key]
  authentications:
    named: {basic: {use: user}}
do:
  - basic:
      call: http
      with: {method: get, endpoint: {uri: 'URL/for/basic', authentication: {use: named}}}
      output: {as: '{n: $input.n, fail: $input.fail, user: .user}'}
  - token:
      call: http
      with:
        method: get
        endpoint: {uri: 'URL/for/token', authentication: {oauth2: {use: client}}}
      output: {as: '$input + {sub: .sub}'}
  - echo:
      call: http
      with:
        method: get
        endpoint: 'URL/for/echo'
        headers: {Authorization: '${ "Key " + $secrets.key + (.n | tostring) }'}
      output: {as: '$input + {echo: .authorization}'}
  - described:
      call: http
      with:
        method: get
        endpoint: {uri: 'URL/for/echo', authentication: {oauth2: {use: client}}}
        query: {was: '${ $authorization.scheme }', key: '${ $authorization.parameter }'}
        output: response
      output: {as: '$input + {token: .content.authorization}'}
  - sealed:
      input:
        schema: {document: {type: object, required: [n]}}
        from: {n: '${ .n }', key: '${ $secrets.key | @base64 }', town: Reykjavik}
      call: http
      with:
        method: get
        endpoint: 'URL/for/echo?town={town}'
        headers: {Authorization: '${ "Sealed " + .key + ($input.n | tostring) + .town }'}
      output: {as: '$task.input + {sealed: .authorization}'}
  - failing:
      try:
        - ask:
            call: http
            with: {method: get, endpoint: '${ "URL/nowhere/" + $secrets.key }'}
      catch: {as: err, do: [{told: {set: '${ . + {detail: $err.detail} }'}}]}
  - quoting:
      try:
        - ask:
            call: http
            with: {method: get, endpoint: 'URL/for/echo', body: '${ $secrets.key | tonumber }'}
      catch: {as: err, do: [{told: {set: '${ . + {jq: $err.detail} }'}}]}
  - last:
      if: .fail
      call: http
      with: {method: get, endpoint: '${ "URL/unknown/" + $secrets.key }'}
"""
ABSENT = """
document: {dsl: '1.0.3', namespace: test, name: absent, version: '1.0.0'}
use: {secrets: [nowhere]}
do:
  - ask:
      call: http
      with:
        method: get
        endpoint: {uri: 'https://a.test', authentication: {bearer: {use: nowhere}}}
"""
KEY = "kY7-the-key-that-nobody-may-see"


@pytest.fixture
def server() -> Iterator[Authority]:
    """A running authority."""
    with authority() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where secrets are mounted, as on a cluster."""
    made = tmp_path / "mounted"
    (made / "client").mkdir(parents=True)
    (made / "user").write_text(json.dumps({"username": USER, "password": PASSWORD}))
    return made


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """The platform's settings: a variable, files, and small values that leave their events."""
    return {
        "TENDRIL_SECRETS_DIR": str(folder),
        "TENDRIL_SECRET_KEY": KEY,
        "TENDRIL_DATAREF_THRESHOLD": "4000",
        "TENDRIL_LOG_LEVEL": "DEBUG",
    }


async def test_secrets_leave_the_call_nowhere(
    platform: LocalPlatform, server: Authority, folder: Path, tmp_path: Path
) -> None:
    """The callee gets them; what it repeats is masked; nothing that stays has one."""
    (folder / "client" / "authority").write_text(server.url)
    (folder / "client" / "grant").write_text("client_credentials")
    (folder / "client" / "client.id").write_text("client_secret_post")
    (folder / "client" / "client.secret").write_text(SECRET)
    await platform.deploy(FLOW.replace("URL", server.url))
    run = await platform.run("test/sealed", {"n": 5, "fail": False, "pad": "x" * 5000})
    assert run["status"] == "completed", run
    output = run["output"]
    assert (output["user"], output["sub"]) == (USER, "client_secret_post")
    assert (output["echo"], output["token"]) == ("Key ***5", "Bearer ***")
    assert output["sealed"] == "Sealed ***5Reykjavik"
    assert "/nowhere/*** answered 404" in output["detail"]
    assert "with.body: the expression failed" in output["jq"]
    failed = await platform.run("test/sealed", {"n": 5, "fail": True, "pad": "x" * 5000})
    assert failed["status"] == "faulted"
    assert "/unknown/*** answered 404" in failed["error"]["detail"]
    assert server.read[0] == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert server.read[2] == f"Key {KEY}5"
    derived = base64.b64encode(KEY.encode()).decode()
    assert server.read[4] == f"Sealed {derived}5Reykjavik"
    assert len(server.seen) == 1  # one token for four calls
    (token,) = server.live

    paths = ["/deadletters", *(f"/runs/{each['id']}/history" for each in (run, failed))]
    told = json.dumps([run, failed, [await platform.api("GET", path) for path in paths]])
    platform.stop()
    hidden = (
        KEY,
        derived,
        PASSWORD,
        SECRET,
        token,
        base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    )
    found = found_in(tmp_path, hidden, besides=folder)
    assert not found, found
    assert not [each for each in hidden if each in told]


async def test_a_missing_secret_is_an_error_that_names_it(platform: LocalPlatform) -> None:
    """The task faults with the specification's error, 403, and says where it was looked for."""
    await platform.deploy(ABSENT)
    run = await platform.run("test/absent")
    assert run["status"] == "faulted"
    assert run["error"]["type"].endswith("/authorization")
    assert run["error"]["status"] == 403
    assert "TENDRIL_SECRET_NOWHERE" in run["error"]["detail"]


def found_in(folder: Path, texts: tuple[str, ...], besides: Path) -> list[Any]:
    """Return the files that have one of the texts, in plain or as JSON writes it."""
    wanted = {form.encode() for text in texts for form in (text, json.dumps(text)[1:-1])}
    files = [each for each in folder.rglob("*") if each.is_file() and besides not in each.parents]
    assert any(each.name.startswith("ledger") for each in files)
    return [(each.name, one) for each in files for one in wanted if one in each.read_bytes()]

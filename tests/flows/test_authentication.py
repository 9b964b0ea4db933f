"""Authentication end to end: flows on a real platform, a real authority behind every scheme."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.support.authority import PASSWORD, SECRET, USER, Authority, Client, authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.local_platform import LocalPlatform

SPEC: Final = os.environ.get("TENDRIL_SPEC", "")
FLOW = """
document: {dsl: '1.0.3', namespace: test, name: secured, version: '1.0.0'}
use:
  authentications:
    user: {basic: {username: '${ .user }', password: '${ .password }'}}
do:
  - byName:
      call: http
      with:
        method: get
        endpoint: {uri: 'URL/for/basic', authentication: {use: user}}
      output: {as: '$input + {basic: .user}'}
  - digested:
      call: http
      with:
        method: post
        endpoint:
          uri: URL/for/digest
          authentication: {digest: {username: '${ .user }', password: '${ .password }'}}
        body: {n: 1}
      output: {as: '$input + {digest: .body}'}
  - granted:
      call: http
      with:
        method: get
        endpoint:
          uri: URL/for/token
          authentication:
            oauth2:
              authority: URL
              grant: client_credentials
              client: {id: client_secret_post, secret: '${ .secret }'}
      output: {as: '$input + {token: .sub}'}
  - refused:
      try:
        - ask:
            call: http
            with:
              method: get
              endpoint:
                uri: URL/for/token
                authentication:
                  oidc:
                    authority: URL/realms/one
                    grant: client_credentials
                    client: {id: client_secret_post, secret: wrong}
      catch:
        errors: {with: {type: https://serverlessworkflow.io/spec/1.0.0/errors/authentication}}
        as: err
        do: [{told: {set: '${ . + {status: $err.status} }'}}]
      output: {as: '{basic, digest, token, status}'}
"""
UNFIT = """
document: {dsl: '1.0.3', namespace: test, name: unfit, version: '1.0.0'}
use:
  authentications:
    person: {oauth2: {authority: 'https://a.test', grant: authorization_code}}
do:
  - a:
      call: http
      with: {method: get, endpoint: {uri: 'https://a.test', authentication: {use: person}}}
  - b:
      call: grpc
      with:
        proto: {endpoint: 'https://a.test/x.proto'}
        service: {name: a.B, host: a.test, authentication: {digest: {username: u, password: p}}}
        method: C
"""


@pytest.fixture
def server() -> Iterator[Authority]:
    """A running authority."""
    with authority() as made:
        yield made


@pytest.fixture
def environment(server: Authority) -> dict[str, str]:
    """The secret that the specification's examples name, for oauth2 as for oidc."""
    secret = {
        "authority": f"{server.url}/realms/one",
        "endpoints": {"token": "/tokens"},
        "grant": "client_credentials",
        "client": {"id": "client_secret_post", "secret": SECRET},
    }
    return {"TENDRIL_SECRET_MYSECRET": json.dumps(secret)}


async def test_calls_authenticate(platform: LocalPlatform, server: Authority) -> None:
    """Policies in place and by name are presented; an authority's refusal can be caught."""
    await platform.deploy(FLOW.replace("URL", server.url))
    given = {"user": USER, "password": PASSWORD, "secret": SECRET}
    run = await platform.run("test/secured", given)
    assert run["status"] == "completed", run
    assert run["output"] == {
        "basic": USER,
        "digest": '{"n":1}',
        "token": "client_secret_post",
        "status": 401,
    }


@pytest.mark.skipif(not SPEC, reason="TENDRIL_SPEC does not name a folder with the specification")
async def test_the_specifications_examples_run(platform: LocalPlatform, server: Authority) -> None:
    """Every example of authentication is deployed as it stands but for its hosts, and completes."""
    files = sorted((Path(SPEC) / "examples").glob("authentication-*.yaml"))
    assert files
    token = server.token(Client("pet-store"))
    for file in files:
        text = re.sub(r"https://petstore\S+", f"{server.url}/for/token", file.read_text("utf-8"))
        text = text.replace("http://keycloak", server.url)
        text = re.sub(r"(?m)^  name: .*", f"  name: {file.stem}", text)  # two have the same
        await platform.deploy(text)
        run = await platform.run(f"examples/{file.stem}", {"token": token, "petId": 1})
        assert run["status"] == "completed", (file.name, run)
        assert run["output"]["iss"] == server.url


async def test_a_policy_that_cannot_be_kept_is_told(platform: LocalPlatform) -> None:
    """A grant that takes a person, and digest beside HTTP, are refused where they are used."""
    status, answer = await platform.api("POST", "/flows", data=UNFIT.encode())
    assert status == 400
    messages: list[Any] = [error["message"] for error in answer["errors"]]
    assert any("authorization_code" in each for each in messages), yaml.safe_dump(messages)
    assert any("'digest'" in each for each in messages), yaml.safe_dump(messages)

"""What a deployment fetches, over real HTTP, and how what goes wrong is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

import pytest
from fastapi import FastAPI, Header, Request, Response

from events.flow.catalog import Catalog, Function
from events.flow.check import check
from events.flow.expressions import ExpressionError
from events.flow.finding import FlowError
from events.flow.parse import parse
from functions.flow.imports import completed
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from functions.flow.imports import Complete

HEAD = "document: {dsl: 1.0.3, namespace: tests, name: flow, version: 1.0.0}\n"
FILES = {
    "functions/outer/1.0.0/function.yaml": "do:\n- in: {call: 'inner:1.0.0@c', with: {n: 1}}\n",
    "functions/inner/1.0.0/function.yaml": (
        "input: {schema: {resource: {endpoint: 'ROOT/n.json'}}}\nset: {n: '${ .n }'}\n"
    ),
    "functions/self/1.0.0/function.yaml": "{call: 'self:1.0.0@c', if: .n}",
    "functions/wrong/1.0.0/function.yaml": "call: http\nwhith: {}\n",
    "functions/broken/1.0.0/function.yaml": "set:\n  x: '${ .( }'\n  y: '${ $item }'\n",
    "functions/half/1.0.0/function.yaml": "set: {x: 1\n",
    "functions/lost/1.0.0/function.yaml": "do:\n- x: {call: 'gone:1.0.0@c'}\n",
    "functions/thief/1.0.0/function.yaml": (
        "do:\n"
        "- a:\n"
        "    call: http\n"
        "    with: {method: get, endpoint: 'ROOT/x', query: {k: '${ $secrets.key }'}}\n"
        "- b:\n"
        "    call: http\n"
        "    with: {method: get, endpoint: {uri: 'ROOT/x', authentication: {use: mine}}}\n"
    ),
    "n.json": '{"type": "object", "required": ["n"]}',
    "odd.json": '{"type": "strange"}',
    "binary": "\xff\xfe",
}


@pytest.fixture
async def root() -> AsyncIterator[str]:
    """A catalog and some schemas on loopback."""
    app = FastAPI()

    @app.get("/private/{path:path}")
    async def private(path: str, authorization: Annotated[str, Header()] = "") -> Response:
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if given == "ada:secret":
            return Response(FILES.get(path))
        return Response(f"not {given.partition(':')[2]}", status_code=401)

    @app.get("/{path:path}")
    async def file(request: Request, path: str) -> Response:
        found = FILES.get(path)
        if found is None:
            return Response("no such file", status_code=404)
        base = str(request.base_url).rstrip("/")
        return Response(found.replace("ROOT", base).encode("latin-1"))

    async with serving(app) as url:
        yield url


async def fetched(root: str, text: str, allow: str = "127.0.0.0/8") -> Complete:
    """Fetch what a flow with the catalog `c` refers to."""
    use = f"use: {{catalogs: {{c: {{endpoint: '{root}'}}}}}}\n"
    return await completed(parse(HEAD + use + text.replace("ROOT", root), "flow.yaml"), allow)


def compiled(program: str) -> None:
    """Take every program but one."""
    if "(" in program:
        raise ExpressionError("no")


async def problems(root: str, text: str, allow: str = "127.0.0.0/8") -> list[str]:
    """Return what a deployment would refuse, without the server's address."""
    try:
        complete = await fetched(root, text, allow)
    except FlowError as error:
        found = error.findings
    else:
        found = complete.check(Catalog(()), compiled)
    return [str(each).replace(root, "ROOT") for each in found]


async def test_functions_lead_to_more_until_all_is_there(root: str) -> None:
    """A function's own calls and schemas come along; one that calls itself is fetched once."""
    complete = await fetched(
        root, "do: [{a: {call: 'outer:1.0.0@c'}}, {b: {call: 'self:1.0.0@c'}}]"
    )
    assert set(complete.imports.functions) == {"outer:1.0.0@c", "inner:1.0.0@c", "self:1.0.0@c"}
    assert complete.imports.schemas == {f"{root}/n.json": {"type": "object", "required": ["n"]}}
    assert complete.check(Catalog(()), compiled) == []
    kept = complete.imports.definition()
    assert kept["functions"]["self:1.0.0@c"] == {"call": "self:1.0.0@c", "if": ".n"}


async def test_arguments_are_checked_against_what_was_fetched(root: str) -> None:
    """As those of the flow's own functions."""
    assert await problems(root, "do:\n- a: {call: 'inner:1.0.0@c', with: {m: 1}}") == [
        "flow.yaml:4:30: the property 'n' is missing in 'with' of task 'a'"
    ]


CALLED = "flow.yaml:4:7: 'call' of task 'a': ROOT"
WRONG = {
    "do:\n- a: {call: 'wrong:1.0.0@c'}": [
        f"{CALLED}/functions/wrong/1.0.0/function.yaml:1:1: task 'wrong:1.0.0@c': the prop",
        f"{CALLED}/functions/wrong/1.0.0/function.yaml:2:1: unknown property 'whith'",
    ],
    "do:\n- a: {call: 'broken:1.0.0@c'}": [
        f"{CALLED}/functions/broken/1.0.0/function.yaml:2:3: 'set.x' of task 'broken:1.0.0@c': the",
        f"{CALLED}/functions/broken/1.0.0/function.yaml:3:3: 'set.y' of task 'broken:1.0.0@c': the",
    ],
    "do:\n- a: {call: 'half:1.0.0@c'}": [f"{CALLED}/functions/half/1.0.0/function.yaml:2:1: "],
    "do:\n- a: {call: 'lost:1.0.0@c'}": [
        f"{CALLED}/functions/lost/1.0.0/function.yaml:2:7: 'call' of task 'x': it cannot be fetched"
    ],
    "do:\n- a: {call: 'ROOT/n.json'}\n- b: {call: 'ROOT/binary'}": [
        f"{CALLED}/n.json:1:2: unknown property 'type'",
        "flow.yaml:5:7: 'call' of task 'b': ROOT/binary is not UTF-8",
    ],
    "input: {schema: {resource: {endpoint: 'ROOT/odd.json'}}}\ndo: []": [
        "flow.yaml:3:29: 'input.schema.resource.endpoint': ROOT/odd.json:1:1: this is no JSON Sche"
    ],
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items())
async def test_what_cannot_be_used_is_told_where_it_is_wanted(
    root: str, text: str, expected: list[str]
) -> None:
    """The place in the flow, then the place in the fetched text, then what is wrong."""
    found = await problems(root, text)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected


async def test_nothing_is_fetched_where_tools_may_not_go(root: str) -> None:
    """The egress policy is that of the tools."""
    [told] = await problems(root, "do:\n- a: {call: 'outer:1.0.0@c'}", allow="")
    assert told.startswith("flow.yaml:4:7: 'call' of task 'a': it cannot be fetched: ")
    assert "TENDRIL_EGRESS_ALLOW" in told


async def test_the_number_and_size_of_documents_is_bounded(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's settings say how far a flow may lead."""
    monkeypatch.setenv("TENDRIL_IMPORT_MOST", "2")
    [told] = await problems(root, "do:\n- a: {call: 'outer:1.0.0@c'}")
    assert "more than 2 functions and schemas from elsewhere; raise TENDRIL_IMPORT_MOST" in told
    monkeypatch.setenv("TENDRIL_IMPORT_MAX_BYTES", "5")
    [told] = await problems(root, "do:\n- a: {call: 'self:1.0.0@c'}")
    assert "TENDRIL_IMPORT_MAX_BYTES" in told


PRIVATE = """
use:
  secrets: [key]
  authentications: {mine: {basic: {username: ada, password: secret}}}
  catalogs: {c: {endpoint: {uri: 'ROOT/private', authentication: {POLICY}}}}
do:
- a: {call: 'self:1.0.0@c'}
"""


@pytest.mark.parametrize(
    "policy", ["basic: {username: ada, password: secret}", "use: mine", "basic: {use: key}"]
)
async def test_a_private_catalog_is_read_with_its_policy(
    root: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy of the catalog's endpoint, in place, by name or a secret; nothing is kept."""
    monkeypatch.setenv("TENDRIL_SECRET_KEY", '{"username": "ada", "password": "secret"}')
    text = HEAD + PRIVATE.replace("ROOT", root).replace("POLICY", policy)
    complete = await completed(parse(text), "127.0.0.0/8")
    assert complete.imports.definition() == {
        "functions": {"self:1.0.0@c": {"call": "self:1.0.0@c", "if": ".n"}},
        "schemas": {},
    }


async def test_what_a_policy_lacks_is_told_and_no_secret_is(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that nobody set, one that has no user, and a refusal that repeats the password."""
    text = HEAD + PRIVATE.replace("ROOT", root).replace("POLICY", "basic: {use: key}")
    with pytest.raises(FlowError, match="TENDRIL_SECRET_KEY is not set"):
        await completed(parse(text), "127.0.0.0/8")
    monkeypatch.setenv("TENDRIL_SECRET_KEY", '{"password": "guess-it"}')
    with pytest.raises(FlowError, match="its 'authentication' cannot be used: Field required"):
        await completed(parse(text), "127.0.0.0/8")
    monkeypatch.setenv("TENDRIL_SECRET_KEY", '{"username": "ada", "password": "guess-it"}')
    with pytest.raises(FlowError, match=r"answered 401: not \*\*\*$"):
        await completed(parse(text), "127.0.0.0/8")


async def test_a_fetched_function_has_none_of_the_flows_credentials(root: str) -> None:
    """Neither secrets nor policies, which it could send anywhere; nor is it handed secrets."""
    text = HEAD + PRIVATE.replace("ROOT/private", root).replace("POLICY", "use: mine")
    complete = await completed(parse(text.replace("self", "thief")), "127.0.0.0/8")
    http = Function("http", "1.0.0", {}, {}, 1.0, "")
    told = [each.message for each in complete.check(Catalog((http,)), compiled)]
    assert len(told) == 2
    assert told[0].endswith("'key' is not defined under 'use.secrets'")
    assert told[1].endswith("'mine' is not defined under 'use.authentications'")
    handed = text.replace("'self:1.0.0@c'", "'self:1.0.0@c', with: {k: '${ $secrets.key }'}")
    [finding] = check(parse(handed), Catalog(()), compiled)
    assert "$secrets can be used in the 'with' of a call of a tool" in finding.message

"""Secrets in the host: where they are from, and that nothing lets them out."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from events.errors import ErrorType, ToolError
from events.flow.late import MEMBER, Late
from functions.host.jq import JqPool
from functions.host.logs import for_task
from functions.host.masks import Masks
from functions.host.outcomes import from_error
from functions.host.secrets import Keyring, SecretMissingError
from functions.host.unsealing import Unsealing
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from functions.host.context import Context

KEY = "hunter2-hunter2 \"'%/"


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings."""
    async with surroundings(tmp_path) as given:
        yield given


@pytest.fixture(scope="module")
def jq() -> Iterator[JqPool]:
    """A worker for expressions."""
    pool = JqPool()
    yield pool
    pool.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Secrets in every form, as files."""
    made = tmp_path / "secrets"
    (made / "mounted" / "..data").mkdir(parents=True)
    (made / "text").write_text(f"{KEY}\n")
    (made / "object").write_text(json.dumps({"username": "ada-lovelace", "password": KEY}))
    (made / "mounted" / "authority").write_text("https://a.test")
    (made / "mounted" / "client.id").write_text("me")
    (made / "mounted" / "client.secret").write_text(KEY)
    return made


def test_where_secrets_are_from(folder: Path) -> None:
    """Variables come before files; an object is JSON or a mounted folder; no name leaves it."""
    keyring = Keyring({"TENDRIL_SECRET_MY_OWN_KEY": '{"a": 1}'}, folder)
    assert keyring.value("my-own.key") == {"a": 1}
    assert keyring.value("text") == KEY
    assert keyring.value("object")["password"] == KEY
    assert keyring.value("mounted") == {
        "authority": "https://a.test",
        "client": {"id": "me", "secret": KEY},
    }
    (folder / "text").write_text("rotated")
    assert keyring.value("text") == "rotated"
    for name in ("none", "../secrets/text", "..", "/etc/hostname", ""):
        with pytest.raises(SecretMissingError, match="is missing"):
            keyring.value(name)


def sealed(given: dict[str, Any], *at: str, names: tuple[str, ...], policy: str = "") -> Any:
    """Return an input as it travels."""
    return given | {MEMBER: Late(at, {"n": "data"}, {}, names, policy).to_json()}


async def test_expressions_are_evaluated_before_the_call(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """Values are put where their expressions stand; the handler sees no more than them."""
    given = {"a": {"b/c": ["x", "${ $secrets.text + .n }"]}, "d": "${ $secrets.object }", "e": 1}
    data = sealed(given, "/a/b~1c/1", "/d", names=("text", "object"))
    opened = await Unsealing(jq.evaluate, folder).opened(data, context)
    assert opened["a"] == {"b/c": ["x", f"{KEY}data"]}
    assert opened["d"]["password"] == KEY
    assert opened["e"] == 1
    assert MEMBER not in opened
    assert await Unsealing(jq.evaluate, folder).opened({"plain": 1}, context) == {"plain": 1}


async def test_the_authorization_is_what_the_policy_resolved_to(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """It may be of a secret's credentials, and is evaluated after them."""
    given = {
        "to": {"basic": "${ $secrets.object }"},
        "h": '${ $authorization.scheme + ":" + $authorization.parameter }',
    }
    data = sealed(given, "/to/basic", "/h", names=("object",), policy="/to")
    opened = await Unsealing(jq.evaluate, folder).opened(data, context)
    assert opened["h"].startswith("Basic:YWRh")
    assert opened["h"].removeprefix("Basic:") not in context.masks.hide(f"got {opened['h']}")


def by_source(given: dict[str, Any], source: Any, *at: str, loose: bool = False) -> Any:
    """Return the input of a sealed task as it travels."""
    names, templates = ("text", "object"), ("/uri",) if "uri" in given else ()
    data = {"n": "data"}
    left = Late(at, data, {}, names, source=source, loose=loose, templates=templates)
    return given | {MEMBER: left.to_json()}


async def test_the_input_of_a_sealed_task_is_made_first(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """Its programs take what `input.from` gives, as `.` and as `$input`; loose texts may stay."""
    source = {"key": "${ $secrets.text | @base64 }", "n": "${ .n }"}
    given = {"a": ["${ .key + $input.n }"], "b": "${ $input }", "c": "plain text ("}
    data = by_source(given, source, "/a/0", "/b", "/c", loose=True)
    opened = await Unsealing(jq.evaluate, folder).opened(data, context)
    key = b64encode(KEY.encode()).decode()
    assert opened == {"a": [f"{key}data"], "b": {"key": key, "n": "data"}, "c": "plain text ("}
    data = by_source({"uri": "https://{n}/{key}"}, source)
    opened = await Unsealing(jq.evaluate, folder).opened(data, context)
    assert opened == {"uri": f"https://data/{quote(key, safe='')}"}
    data = by_source({"a": "${ . }"}, "$secrets.object.password", "/a")
    assert await Unsealing(jq.evaluate, folder).opened(data, context) == {"a": KEY}


async def test_what_is_made_of_secrets_is_hidden_and_nothing_else(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """A text is made of one that would be another text with another secret, at any depth."""
    source = '{key: ($secrets.text | @base64), town: "Reykjavik", user: $secrets.object.username}'
    given = {"a": '${ {deep: [.key | ascii_downcase], of: "\\(.town)-by-\\(.user)"} }'}
    data = by_source(given, source, "/a")
    opened = await Unsealing(jq.evaluate, folder).opened(data, context)
    key = b64encode(KEY.encode()).decode()
    told = f"{key} {key.lower()} {KEY} Reykjavik {opened['a']['of']}"
    assert context.masks.hide(told) == "*** *** *** Reykjavik Reykjavik-by-ada-lovelace"


async def test_what_fails_on_other_secrets_is_hidden_as_a_whole(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """Where it cannot be told what is made of a secret, all of it may be."""
    source = f'if $secrets.text == {json.dumps(KEY)} then {{of: ["some text"]}} else error end'
    opened = await Unsealing(jq.evaluate, folder).opened(
        by_source({"a": "${ .of }"}, source, "/a"), context
    )
    assert opened == {"a": ["some text"]}
    assert context.masks.hide("some text") == "***"


async def test_an_input_that_fails_quotes_no_secret(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """The error says where, and no more."""
    data = by_source({"a": "${ . }"}, "$secrets.text | tonumber", "/a")
    with pytest.raises(ToolError, match=r"input\.from: the expression failed") as caught:
        await Unsealing(jq.evaluate, folder).opened(data, context)
    assert "hunter2" not in str(caught.value)


async def test_a_missing_secret_is_an_error_of_authorization(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """It names the secret and where it was looked for, as the specification has it: 403."""
    data = sealed({"a": "${ $secrets.none }"}, "/a", names=("none",))
    with pytest.raises(ToolError, match=r"'none' is missing: TENDRIL_SECRET_NONE") as missing:
        await Unsealing(jq.evaluate, folder).opened(data, context)
    assert missing.value.problem.type == ErrorType.AUTHORIZATION
    assert missing.value.problem.status == 403


async def test_an_expression_that_fails_quotes_no_secret(
    context: Context, jq: JqPool, folder: Path
) -> None:
    """What jq says is kept back: it quotes values, and cuts them where no mask would find them."""
    data = sealed({"a": "${ $secrets.text | tonumber }"}, "/a", names=("text",))
    with pytest.raises(ToolError, match=r"with\.a: the expression failed") as failed:
        await Unsealing(jq.evaluate, folder).opened(data, context)
    assert "hunter2" not in json.dumps(failed.value.problem.to_json())


def test_masks_hide_what_was_used() -> None:
    """As it is, as URLs and JSON write it, and where an excerpt cut it; names of users stay."""
    masks = Masks()
    masks.add({"username": "ada-lovelace", "password": KEY, "pin": 123456, "short": "abc"})
    outcome = from_error(ToolError(f"/x/{KEY}: hunter2-hun... 123456 abc ada-lovelace"))
    shown = masks.outcome(outcome)
    assert shown.problem
    assert shown.problem.detail == "/x/***: ***... *** abc ada-lovelace"
    assert masks.hidden({KEY: [json.dumps(KEY), "hunter2-hunter2%20%22%27%25%2F", 5]}) == {
        "***": ['"***"', "***", 5]
    }


def test_logs_carry_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Messages, arguments and tracebacks are masked."""
    masks = Masks()
    log = for_task("run", "/do/0/a#1", "trace", masks)
    masks.add(KEY)
    with caplog.at_level(logging.INFO):
        try:
            int(KEY)
        except ValueError as error:
            log.warning("failed: %s (%d%%)", KEY, 5, exc_info=error)
    assert caplog.messages[0].startswith("failed: *** (5%)\nTraceback")
    assert "ValueError: invalid literal" in caplog.messages[0]
    assert "hunter2" not in caplog.text
    assert caplog.records[0].exc_info is None

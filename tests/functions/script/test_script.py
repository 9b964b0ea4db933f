"""The script tool: the languages of the DSL, their sources, and the limits they meet."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from events.errors import ErrorType, ToolError
from functions.script.handler import handle
from functions.script.models import In
from tests.support.confinement import needs_confinement
from tests.support.serving import serving

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context

pytestmark = needs_confinement
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="no node is installed")
PYTHON = """
import os, sys
print(sys.stdin.read(), sys.argv[1:], os.environ["A"], os.getcwd(), sys.flags.isolated)
"""
JAVASCRIPT = """
import { readFileSync } from 'node:fs';
const [_, __, ...rest] = process.argv;
console.log(readFileSync(process.stdin.fd, 'utf8'), rest, process.env.A, process.cwd());
"""


async def script(context: Context, language: str, code: str | None, **given: Any) -> Any:
    asked = {"language": language, **({} if code is None else {"code": code}), **given}
    return (await handle(In.model_validate(asked), context)).root


async def test_python_gets_arguments_stdin_and_environment(context: Context) -> None:
    """A Python script runs isolated, with what the task gives it."""
    given: dict[str, Any] = {"stdin": "in", "arguments": ["a b"], "environment": {"A": 1}}
    assert await script(context, "python", PYTHON, **given) == "in ['a b'] 1 /task 1\n"


@needs_node
@pytest.mark.parametrize("language", ["javascript", "js"])
async def test_javascript_gets_arguments_stdin_and_environment(
    context: Context, language: str
) -> None:
    """A JavaScript module runs under node, with what the task gives it."""
    given: dict[str, Any] = {"stdin": "in", "arguments": ["a b"], "environment": {"A": 1}}
    assert await script(context, language, JAVASCRIPT, **given) == "in [ 'a b' ] 1 /task\n"


async def test_a_source_is_fetched(context: Context) -> None:
    """A script that lies elsewhere is fetched, through the egress policy, and run."""
    app = FastAPI()
    app.get("/greet.py", response_class=PlainTextResponse)(lambda: "print('from afar')")
    async with serving(app) as url:
        source = {"name": "greet", "endpoint": {"uri": f"{url}/greet.py"}}
        assert await script(context, "python", None, source=source) == "from afar\n"


async def test_none_of_our_packages_is_there(context: Context) -> None:
    """A script can import neither the platform nor what it was installed with."""
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('functions', 'aiohttp')])"
    assert await script(context, "python", code) == "[None, None]\n"


@needs_node
async def test_memory_is_bounded_under_node(context: Context) -> None:
    """A script of node that wants ever more memory ends with an error."""
    code = "const a = []; for (;;) a.push(new Array(1e6).fill(1));"
    with pytest.raises(ToolError, match=r"memory|status"):
        await script(context, "javascript", code)


async def test_javascript_without_node_is_refused(
    context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where no node is installed, the refusal says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="no node is installed") as caught:
        await script(context, "javascript", "1")
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_nothing_is_run_unless_allowed(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off by default: the refusal, of type authorization, names the setting."""
    monkeypatch.delenv("TENDRIL_SCRIPT_ALLOW")
    with pytest.raises(ToolError, match="TENDRIL_SCRIPT_ALLOW=true") as caught:
        await script(context, "python", "print()")
    assert caught.value.problem.type == ErrorType.AUTHORIZATION

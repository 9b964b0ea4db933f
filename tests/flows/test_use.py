"""What a flow defines once, and what it takes from elsewhere, on a real platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from tests.support.ports import free_port
from tests.support.serving import serving

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

FUNCTION = """
input: {schema: {resource: {endpoint: 'ROOT/greeting.json'}}}
do:
  - ask:
      call: http
      with: {method: get, endpoint: 'ROOT/hello/{name}'}
  - shape: {set: {text: '${ . + MARK }', at: '${ $task.reference }'}}
"""
FLOW = """
document: {dsl: '1.0.3', namespace: test, name: cataloged, version: '1.0.0'}
use:
  catalogs:
    near: {endpoint: 'ROOT'}
  functions:
    twice:
      input: {schema: {document: {type: object, required: [text]}}}
      set: {text: '${ .text + .text }'}
  extensions:
    - log:
        extend: call
        before: [{note: {set: {seen: '${ $task.reference }'}, export: {as: '$context + .'}}}]
do:
  - greet:
      call: greet:1.0.0@near
      with: {name: '${ .name }'}
      output: {schema: {resource: {endpoint: {uri: 'ROOT/text.json'}}}}
  - double: {call: twice, with: {text: '${ .text }'}}
output: {as: '{text: .text, seen: $context.seen}'}
"""
SCHEMAS = {
    "greeting": {"type": "object", "required": ["name"]},
    "text": {"type": "object", "properties": {"at": {"pattern": "^/use/functions/greet"}}},
}


def catalog(mark: str, asked: list[str]) -> FastAPI:
    """Return a catalog whose one function adds `mark`; it notes what it was asked for."""
    app = FastAPI()

    @app.get("/hello/{name}")
    async def hello(name: str) -> str:
        return f"Hello, {name}"

    @app.get("/{path:path}")
    async def file(path: str) -> Response:
        asked.append(path)
        if path == "functions/greet/1.0.0/function.yaml":
            return Response(FUNCTION.replace("MARK", f'"{mark}"').replace("ROOT", app.state.root))
        schema = SCHEMAS.get(path.removesuffix(".json"))
        return Response(status_code=404) if schema is None else JSONResponse(schema)

    return app


def outcome(run: dict[str, Any]) -> Any:
    """Return a run's output, or its error."""
    return run.get("output") or run.get("error")


async def test_a_run_is_pinned_to_what_was_fetched_at_deployment(platform: LocalPlatform) -> None:
    """Functions and schemas come once, with the flow; what they become later is another flow's."""
    asked: list[str] = []
    app = catalog("!", asked)
    port = free_port()
    app.state.root = root = f"http://127.0.0.1:{port}"
    async with serving(app, port=port):
        await platform.deploy(FLOW.replace("ROOT", root))
        fetched = sorted(asked)
        assert fetched == ["functions/greet/1.0.0/function.yaml", "greeting.json", "text.json"]
        run = await platform.run("test/cataloged", {"name": "Ada"})
        assert outcome(run) == {"text": "Hello, Ada!Hello, Ada!", "seen": "/do/1/double"}
    later: list[str] = []
    app = catalog("?", later)
    app.state.root = root
    async with serving(app, port=port):
        status, _ = await platform.api("POST", "/flows", data=FLOW.replace("ROOT", root))
        assert status == 200
        run = await platform.run("test/cataloged", {"name": "Bo"})
        assert outcome(run)["text"] == "Hello, Bo!Hello, Bo!"
    assert later == []
    status, shown = await platform.api("GET", "/flows/test/cataloged")
    assert (status, list(shown["imports"]["functions"])) == (200, ["greet:1.0.0@near"])
    assert set(shown["imports"]["schemas"]) == {f"{root}/greeting.json", f"{root}/text.json"}


async def test_what_cannot_be_fetched_is_refused_with_its_place(platform: LocalPlatform) -> None:
    """The deployment says where in the flow, what was fetched, and why it cannot be used."""
    app = catalog("!", [])
    app.state.root = "http://127.0.0.1:1"
    async with serving(app) as root:
        text = FLOW.replace("ROOT", root).replace("greet:1.0.0", "great:1.0.0")
        status, problem = await platform.api("POST", "/flows", data=text)
        [error] = problem["errors"]
        assert (status, error["line"], error["column"]) == (400, 16, 7)
        assert error["message"] == (
            "'call' of task 'greet': it cannot be fetched: "
            f"GET {root}/functions/great/1.0.0/function.yaml answered 404: without content"
        )
        refused = FLOW.replace("ROOT", "http://169.254.169.254").replace("near", "far")
        status, problem = await platform.api("POST", "/flows", data=refused)
        assert status == 400
        assert all("link-local" in error["message"] for error in problem["errors"])

"""How parameters, servers and bodies are written, against what a real server received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ToolError
from functions.openapi.description import checked
from functions.openapi.handler import handle
from functions.openapi.models import In
from functions.openapi.plan import plan

if TYPE_CHECKING:
    from functions.host.context import Context

LIST = ["blue", "a,b"]
MAP = {"R": 100, "G": "x y"}


async def echoed(context: Context, document: dict[str, Any], parameters: Any) -> Any:
    """Call `op` and return what the server received."""
    request = In.model_validate(
        {"document": {"content": document}, "operationId": "op", "parameters": parameters}
    )
    return (await handle(request, context)).root


def modern(url: str, path: str, method: str = "get", **definition: Any) -> dict[str, Any]:
    """Return a document with one operation at the API's echo."""
    paths = {path: {method: {"operationId": "op", **definition}}}
    return {"openapi": "3.0.3", "servers": [{"url": f"{url}/echo/"}], "paths": paths}


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        (None, None, LIST, "p=blue&p=a%2Cb"),
        (None, None, MAP, "R=100&G=x%20y"),
        (None, None, "a&b=c/d", "p=a%26b%3Dc%2Fd"),
        (None, None, True, "p=true"),
        (None, None, "", "p="),
        ("form", False, LIST, "p=blue,a%2Cb"),
        ("form", False, MAP, "p=R,100,G,x%20y"),
        ("spaceDelimited", False, LIST, "p=blue%20a%2Cb"),
        ("pipeDelimited", False, LIST, "p=blue%7Ca%2Cb"),
        ("deepObject", True, MAP, "p%5BR%5D=100&p%5BG%5D=x%20y"),
    ],
)
async def test_query_styles(
    api: Any, context: Context, style: Any, explode: Any, value: Any, sent: str
) -> None:
    """Each style of a query parameter is written as the specification's table has it."""
    parameter = {"name": "p", "in": "query"}
    parameter |= {} if style is None else {"style": style}
    parameter |= {} if explode is None else {"explode": explode}
    document = modern(api.url, "/x", parameters=[parameter])
    assert (await echoed(context, document, {"p": value}))["query"] == sent


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("simple", False, "a/b ü", "/a%2Fb%20%C3%BC"),
        ("simple", False, LIST, "/blue,a%2Cb"),
        ("simple", False, MAP, "/R,100,G,x%20y"),
        ("simple", True, MAP, "/R=100,G=x%20y"),
        ("label", False, LIST, "/.blue,a%2Cb"),
        ("label", True, LIST, "/.blue.a%2Cb"),
        ("label", True, MAP, "/.R=100.G=x%20y"),
        ("matrix", False, LIST, "/;p=blue,a%2Cb"),
        ("matrix", True, LIST, "/;p=blue;p=a%2Cb"),
        ("matrix", True, MAP, "/;R=100;G=x%20y"),
    ],
)
async def test_path_styles(
    api: Any, context: Context, style: str, explode: bool, value: Any, sent: str
) -> None:
    """Each style of a path parameter is written so, and cannot leave its segment."""
    parameter = {"name": "p", "in": "path", "style": style, "explode": explode}
    document = modern(api.url, "/{p}", parameters=[parameter])
    assert (await echoed(context, document, {"p": value}))["path"] == sent


@pytest.mark.parametrize(
    ("given", "value", "sent"),
    [
        ({}, LIST, "blue,a,b"),
        ({}, MAP, "R,100,G,x y"),
        ({"explode": True}, MAP, "R=100,G=x y"),
        ({"content": {"application/json": {}}}, MAP, '{"R":100,"G":"x y"}'),
    ],
)
async def test_header_styles(
    api: Any, context: Context, given: dict[str, Any], value: Any, sent: str
) -> None:
    """Header parameters are written simply; those with content are JSON."""
    document = modern(api.url, "/x", parameters=[{"name": "X-P", "in": "header", **given}])
    assert (await echoed(context, document, {"X-P": value}))["headers"]["x-p"] == sent


async def test_references_and_a_paths_own_parameters(api: Any, context: Context) -> None:
    """Parameters are found behind references and on the path; the operation's own win."""
    document = modern(api.url, "/x", parameters=[{"$ref": "#/components/parameters/a~1b"}])
    document["components"] = {"parameters": {"a/b": {"name": "p", "in": "query", "explode": False}}}
    document["paths"]["/x"]["parameters"] = [
        {"name": "p", "in": "query"},
        {"name": "q", "in": "query"},
    ]
    found = await echoed(context, document, {"p": [1, 2], "q": 3})
    assert found["query"] == "p=1,2&q=3"


@pytest.mark.parametrize(
    ("media", "schema", "value", "sent"),
    [
        ("application/vnd.api+json", {}, "text", '"text"'),
        ("application/json", {}, [None], "[null]"),
        ("text/plain", {"type": "string"}, "ü", "ü"),
        ("application/xml", {}, "<a/>", "<a/>"),
        ("application/octet-stream", {"format": "binary"}, "aGk=", "hi"),
        ("application/x-www-form-urlencoded", {}, {"a": ["1 2", 3], "b": None}, "a=1+2&a=3"),
    ],
)
async def test_bodies_follow_the_media_type(
    api: Any, context: Context, media: str, schema: Any, value: Any, sent: str
) -> None:
    """A body is written in the media type that the document names."""
    content = {media: {"schema": schema}}
    document = modern(api.url, "/x", "post", requestBody={"content": content})
    found = await echoed(context, document, {"body": value})
    assert (found["body"], found["headers"]["content-type"]) == (sent, media)


async def test_a_property_called_body_is_one(api: Any, context: Context) -> None:
    """Where the schema has a property `body`, that is what the parameter means."""
    schema: dict[str, Any] = {"properties": {"body": {}}}
    content = {"application/json": {"schema": schema}, "text/plain": {}}
    document = modern(api.url, "/x", "post", requestBody={"content": content})
    assert (await echoed(context, document, {"body": "b"}))["body"] == '{"body":"b"}'


@pytest.mark.parametrize(
    ("owner", "server"),
    [
        ({"servers": [{"url": "https://a.test/v1/"}]}, "https://a.test/v1"),
        ({"servers": [{"url": "../v2"}]}, "https://docs.test/v2"),
        ({}, "https://docs.test"),
        (
            {"servers": [{"url": "https://{r}.test", "variables": {"r": {"default": "eu"}}}]},
            "https://eu.test",
        ),
    ],
)
def test_servers(owner: dict[str, Any], server: str) -> None:
    """The first server counts; variables have their defaults; relative ones start at the URI."""
    root = {"openapi": "3.1.0", "paths": {"/": {"get": {"operationId": "op"}}}, **owner}
    assert plan(checked(root, "https://docs.test/api/openapi.json"), "op").server == server


def test_a_relative_server_needs_a_uri() -> None:
    """A document that came with the input cannot name a server relative to itself."""
    root = {"openapi": "3.1.0", "paths": {"/": {"get": {"operationId": "op"}}}}
    with pytest.raises(ToolError, match="relative, and the document came without a URI"):
        plan(checked(root, ""), "op")


class TestSwagger:
    """OpenAPI 2.0, the version of the DSL's own example."""

    @staticmethod
    def document(url: str, path: str, method: str, *parameters: Any) -> dict[str, Any]:
        return {
            "swagger": "2.0",
            "host": url.removeprefix("http://"),
            "basePath": "/echo",
            "schemes": ["http"],
            "produces": ["application/xml", "application/json"],
            "paths": {path: {method: {"operationId": "op", "parameters": list(parameters)}}},
        }

    async def test_parameters(self, api: Any, context: Context) -> None:
        """Collections are joined as collectionFormat says; JSON is asked for."""
        document = self.document(
            api.url,
            "/p/{a}",
            "get",
            {"name": "a", "in": "path", "required": True},
            {"name": "b", "in": "query", "type": "array"},
            {"name": "c", "in": "query", "type": "array", "collectionFormat": "multi"},
            {"name": "d", "in": "query", "type": "array", "collectionFormat": "pipes"},
        )
        given = {"a": "x", "b": [1, 2], "c": [1, 2], "d": [1, 2]}
        found = await echoed(context, document, given)
        assert (found["path"], found["query"]) == ("/p/x", "b=1,2&c=1&c=2&d=1%7C2")
        assert found["headers"]["accept"] == "application/json, */*;q=0.5"

    async def test_a_body_has_a_name(self, api: Any, context: Context) -> None:
        """The body parameter is given by its name, as `body`, or by its properties."""
        schema: dict[str, Any] = {"properties": {"name": {}}}
        body = {"name": "pet", "in": "body", "schema": schema, "required": True}
        document = self.document(api.url, "/x", "post", body)
        for given in ({"pet": {"name": "R"}}, {"body": {"name": "R"}}, {"name": "R"}):
            assert (await echoed(context, document, given))["body"] == '{"name":"R"}'
        with pytest.raises(ToolError, match="needs a request body"):
            await echoed(context, document, {})

    async def test_form_data_is_a_form(self, api: Any, context: Context) -> None:
        """Parameters in formData make a form, with a file a multipart one."""
        name = {"name": "n", "in": "formData", "required": True}
        document = self.document(api.url, "/x", "post", name)
        assert (await echoed(context, document, {"n": "a b"}))["body"] == "n=a+b"
        document = self.document(
            api.url, "/x", "post", name, {"name": "f", "in": "formData", "type": "file"}
        )
        found = await echoed(context, document, {"n": "a", "f": "aGk="})
        assert found["headers"]["content-type"].startswith("multipart/form-data; boundary=")
        assert 'filename="f"' in found["body"]
        assert "hi" in found["body"]

"""OpenAPI calls to a real API that describes itself: documents, parameters, bodies, errors."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.egress import EgressPolicy, EgressRefused, session
from functions.openapi.handler import handle
from functions.openapi.models import In

if TYPE_CHECKING:
    from functions.host.context import Context


async def call(
    context: Context, document: Any, operation: str, parameters: Any = None, **members: Any
) -> Any:
    """Call and return the task's output as the host records it."""
    given = document if isinstance(document, dict) else {"endpoint": document}
    request = In.model_validate(
        {"document": given, "operationId": operation, "parameters": parameters or {}, **members}
    )
    result = await handle(request, context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def described(url: str, *operations: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a document whose server is the API's echo, one operation `op` at a path."""
    paths = {
        each["path"]: {each.get("method", "get"): {"operationId": each.get("id", "op"), **each}}
        for each in operations
    }
    server = {"servers": [{"url": f"{url}/echo"}]}
    return {"openapi": "3.1.0", "paths": paths, **server, **members}


async def test_an_operation_is_called_by_its_id(api: Any, context: Context) -> None:
    """Path and query parameters go where the API's own document puts them."""
    parameters = {"pet_id": 7, "fields": ["name", "a b"]}
    found = await call(context, f"{api.url}/openapi.json", "get_pet", parameters)
    assert found == {"id": 7, "fields": ["name", "a b"], "owner": None}


async def test_headers_and_cookies_are_parameters(api: Any, context: Context) -> None:
    """Parameters in a header and in a cookie arrive there."""
    given = {"x-tenant": "acme", "session": "s1"}
    assert await call(context, f"{api.url}/openapi.json", "who", given) == ["acme", "s1"]


async def test_other_parameters_are_the_bodys_properties(api: Any, context: Context) -> None:
    """A body is made of the names that are no parameters, or given whole; it carries the key."""
    url = f"{api.url}/openapi.json"
    pet = {"name": "Rex", "tags": ["a"]}
    expected = {**pet, "key": "key-of-the-task"}
    assert await call(context, url, "add_pet", pet) == expected
    assert await call(context, url, "add_pet", {"body": pet}) == expected
    assert await call(context, url, "add_tags", {"body": ["x", "y"]}) == ["x", "y"]


async def test_forms_and_files_are_sent_as_the_document_says(api: Any, context: Context) -> None:
    """A form is urlencoded, a file goes as multipart with its bytes given in base64."""
    url = f"{api.url}/openapi.json"
    assert await call(context, url, "send_form", {"name": "A & B", "age": 3}) == ["A & B", 3]
    content = base64.b64encode(b"hello").decode()
    sent = {"content": content, "title": "T"}
    assert await call(context, url, "send_file", sent) == ["hello", "T"]
    with pytest.raises(ToolError, match="'content' is binary: give it in base64"):
        await call(context, url, "send_file", {"content": "*", "title": "T"})


async def test_the_output_is_as_the_http_calls(api: Any, context: Context) -> None:
    """Raw is base64; a response has the DSL's members, with credentials masked."""
    url = f"{api.url}/openapi.json"
    raw = await call(context, url, "get_pet", {"pet_id": 1}, output="raw")
    assert json.loads(base64.b64decode(raw))["id"] == 1
    given = {"x-tenant": "acme", "session": "s1"}
    response = await call(context, url, "who", given, output="response")
    assert response["request"]["uri"] == f"{api.url}/me"
    assert response["request"]["headers"]["Cookie"] == "***"
    assert (response["statusCode"], response["content"]) == (200, ["acme", "s1"])


async def test_api_keys_are_parameters_and_stay_secret(api: Any, context: Context) -> None:
    """A key that the document's security schemes name is sent, and masked in the response."""
    keys = {
        "a": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "b": {"type": "apiKey", "in": "query", "name": "token"},
    }
    document = described(api.url, {"path": "/x"}, components={"securitySchemes": keys})
    given = {"X-Key": "k1", "token": "k2"}
    response = await call(context, {"content": document}, "op", given, output="response")
    assert response["content"]["headers"]["x-key"] == "k1"
    assert response["content"]["query"] == "token=k2"
    assert "k1" not in str(response["request"])
    assert "k2" not in str(response["request"])


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_refusals_are_terminal(api: Any, context: Context, status: int) -> None:
    """A status outside the DSL's successes is of type communication with what the API said."""
    with pytest.raises(ToolError, match=f"this is {status}") as caught:
        await call(context, f"{api.url}/openapi.json", "fail", {"status": status})
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.COMMUNICATION
    assert caught.value.problem.status == status


@pytest.mark.parametrize("status", [429, 503])
async def test_passing_refusals_are_retryable(api: Any, context: Context, status: int) -> None:
    """What another attempt may mend waits as long as Retry-After says."""
    with pytest.raises(RetryableError) as caught:
        await call(context, f"{api.url}/openapi.json", "fail", {"status": status})
    assert caught.value.retry_after == 7.0


async def test_redirects_are_errors_unless_wanted(api: Any, context: Context) -> None:
    """A redirect is a result with `redirect` alone, and never followed."""
    url = f"{api.url}/openapi.json"
    with pytest.raises(ToolError, match="answered 302"):
        await call(context, url, "moved")
    found = await call(context, url, "moved", redirect=True, output="response")
    headers = {name.lower(): value for name, value in found["headers"].items()}
    assert (found["statusCode"], headers["location"]) == (302, "/pets/1")


async def test_a_document_is_fetched_once_for_a_while(
    api: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves many calls, and after `TENDRIL_OPENAPI_DOCUMENT_SECONDS` it is fetched again."""
    for _ in range(3):
        await call(context, f"{api.url}/openapi.json", "get_pet", {"pet_id": 1})
    assert api.fetched == ["/openapi.json"]
    monkeypatch.setenv("TENDRIL_OPENAPI_DOCUMENT_SECONDS", "0")
    fresh = replace(context, resources=type(context.resources)())
    for _ in range(2):
        await call(fresh, f"{api.url}/openapi.json", "get_pet", {"pet_id": 1})
    assert len(api.fetched) == 3


async def test_a_document_may_move_and_be_yaml(api: Any, context: Context) -> None:
    """Redirects to the document are followed; YAML is read as well as JSON."""
    moved = f"{api.url}/documents/moved"
    assert (await call(context, moved, "get_pet", {"pet_id": 2}))["id"] == 2
    api.documents["d"] = yaml.safe_dump(described(api.url, {"path": "/y"})).encode()
    assert (await call(context, f"{api.url}/documents/d", "op"))["path"] == "/y"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00{", "neither JSON nor YAML"),
        (b"[]", "it is no object"),
        (b"{}", "neither 'openapi' nor 'swagger'"),
        (b'{"openapi": "4.0"}', "is of OpenAPI 4.0; 2.0, 3.0 and 3.1 can be called"),
        (b'{"openapi": "3.0.0"}', "operationId 'op'; it names none"),
        (b'{"openapi": "3.0.0", "paths": {"/": {"$ref": "other.yaml"}}}', "bundle it first"),
        (b'{"openapi": "3.0.0", "paths": {"/": {"$ref": "#/x"}}}', "has nothing at '#/x'"),
        (
            b'{"openapi": "3.0.0", "paths": {"/": {"$ref": "#/a"}}, "a": {"$ref": "#/a"}}',
            "leads back to itself",
        ),
    ],
)
async def test_a_document_that_is_none_is_told(
    api: Any, context: Context, content: bytes, message: str
) -> None:
    """It is an error of type configuration that says what is wrong."""
    api.documents["d"] = content
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, f"{api.url}/documents/d", "op")
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_an_unknown_operation_names_the_near_ones(api: Any, context: Context) -> None:
    """A misspelt operationId is answered with the one that was meant."""
    with pytest.raises(ToolError, match="'get_pets'; did you mean 'get_pet'"):
        await call(context, f"{api.url}/openapi.json", "get_pets")


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        ("get_pet", {}, r"GET /pets/\{pet_id\} needs the parameter 'pet_id' \(path\)"),
        ("get_pet", {"pet_id": None}, "needs the parameter 'pet_id'"),
        ("get_pet", {"pet_id": 1, "field": 1}, "no parameter 'field'; did you mean 'fields'"),
        ("get_pet", {"pet_id": ".."}, "cannot be '..' in a path"),
        ("add_pet", {}, r"needs a request body: give its properties \(name, tags\)"),
        ("add_pet", {"nam": 1}, "no parameter 'nam'; did you mean 'name'"),
        ("add_pet", {"body": {}, "name": "x"}, "'name' is no parameter; 'body' is the whole"),
        ("add_tags", {"tags": ["x"]}, "is no object; give it whole, as the parameter 'body'"),
        ("who", {"x-tenant": "a\r\nb: c"}, "line break"),
    ],
)
async def test_wrong_parameters_are_told_before_anything_is_sent(
    api: Any, context: Context, operation: str, parameters: Any, message: str
) -> None:
    """What is missing, unknown or unfit is a validation error, and no request is made."""
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, f"{api.url}/openapi.json", operation, parameters)
    assert caught.value.problem.type == ErrorType.VALIDATION
    assert api.seen == []


@pytest.mark.parametrize("document", [{}, {"endpoint": "http://a.test", "content": {}}])
def test_a_document_is_given_in_one_way(document: Any) -> None:
    """An endpoint or the content, neither both nor none."""
    with pytest.raises(ValidationError, match="either 'endpoint' or 'content'"):
        In.model_validate({"document": document, "operationId": "x"})


async def test_limits_hold_for_the_document(
    api: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document over the limit is an error with the setting's name."""
    monkeypatch.setenv("TENDRIL_OPENAPI_MAX_BYTES", "100")
    with pytest.raises(ToolError, match=r"more than 100 bytes; see TENDRIL_OPENAPI_MAX_BYTES"):
        await call(context, f"{api.url}/openapi.json", "get_pet", {"pet_id": 1})


async def test_the_egress_policy_holds(api: Any, context: Context) -> None:
    """Neither a document nor the server that one names is reached without the operator's leave."""
    async with session(EgressPolicy()) as http:
        closed = replace(context, http=http)
        with pytest.raises(EgressRefused):
            await call(closed, f"{api.url}/openapi.json", "get_pet", {"pet_id": 1})
        with pytest.raises(EgressRefused):
            await call(closed, {"content": described(api.url, {"path": "/x"})}, "op")
    assert api.fetched == []
    assert api.seen == []


async def test_the_document_and_the_api_have_their_own_policies(api: Any, context: Context) -> None:
    """Each is presented what its policy says."""
    policy = {"basic": {"username": "u", "password": "p"}}
    document = {"content": described(api.url, {"path": "/x"})}
    seen = await call(context, document, "op", authentication=policy)
    assert seen["headers"]["authorization"] == "Basic dTpw"
    endpoint = {"uri": f"{api.url}/openapi.json", "authentication": {"bearer": {"token": "t"}}}
    assert await call(context, {"endpoint": endpoint}, "get_pet", {"pet_id": 1, "fields": ["a"]})

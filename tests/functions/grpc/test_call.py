"""gRPC calls to a real server: documents, messages, streams, statuses, limits."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.grpc.handler import handle
from functions.grpc.models import In, Settings
from functions.host.context import Resources
from functions.host.egress import EgressRefused
from tests.support.authority import SECRET, authority

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context


async def call(
    context: Context, greeter: Any, arguments: Any, method: str = "SayHello", **changes: Any
) -> Any:
    """Call and return the task's output as the host records it."""
    service = {"name": "greet.v1.Greeter", "host": "127.0.0.1", "port": greeter.port}
    request = In.model_validate(
        {
            "proto": changes.pop("proto", {"endpoint": greeter.document}),
            "service": {**service, **changes},
            "method": method,
            "arguments": arguments,
        }
    )
    result = await handle(request, context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def test_a_method_is_called(greeter: Any, context: Context) -> None:
    """The answer has protobuf's JSON names, defaults included; the call carries the task's key."""
    given = {"name": "Ada", "times": "3", "sentAt": "2026-01-01T00:00:00Z"}
    answer = await call(context, greeter, given)
    assert answer == {"text": "Hello, Ada!", "count": 0, "moreWords": []}
    assert greeter.seen[0]["idempotency-key"] == "key-of-the-task"


async def test_a_stream_is_a_list(greeter: Any, context: Context) -> None:
    """A method that streams gives every answer, in order."""
    answers = await call(context, greeter, {"name": "x", "times": 3}, "SayOften")
    assert [each["count"] for each in answers] == [0, 1, 2]
    assert await call(context, greeter, {}, "SayOften") == []


async def test_a_document_is_compiled_once(
    greeter: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched once for a while, and compiled once for good, even by another process."""
    for _ in range(2):
        await call(context, greeter, {"name": "a"})
    assert greeter.fetched == 1
    assert len(list(context.folder.glob("*.pb"))) == 1
    monkeypatch.setattr("functions.grpc.compiling.sys.executable", "/no/such/python")
    fresh = replace(context, resources=Resources())
    assert (await call(fresh, greeter, {"name": "b"}))["text"] == "Hello, b!"


async def test_a_document_comes_in_other_ways(
    greeter: Any, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the input, or from the operator's folder, and from nowhere beside it."""
    assert await call(context, greeter, {}, proto={"content": greeter.text})
    local = {"endpoint": {"uri": "file://app/greet.proto"}}
    with pytest.raises(ToolError, match="TENDRIL_GRPC_PROTOS") as caught:
        await call(context, greeter, {}, proto=local)
    assert caught.value.problem.type == ErrorType.AUTHORIZATION
    (tmp_path / "protos" / "app").mkdir(parents=True)
    (tmp_path / "protos" / "app" / "greet.proto").write_text(greeter.text)
    (tmp_path / "secret.proto").write_text(greeter.text)
    monkeypatch.setenv("TENDRIL_GRPC_PROTOS", str(tmp_path / "protos"))
    allowed = replace(context, resources=Resources())
    assert await call(allowed, greeter, {}, proto=local)
    for uri in ("file:///../secret.proto", "file://%2e%2e/secret.proto", "file://app/none.proto"):
        with pytest.raises(ToolError, match="has no document"):
            await call(allowed, greeter, {}, proto={"endpoint": uri})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not a proto", r"greet\.proto does not compile: document\.proto:1:1"),
        ('syntax = "proto3"; import "other.proto";', "other.proto.*not found"),
        ('syntax = "proto3";', "no service 'greet.v1.Greeter'; it has none"),
    ],
)
async def test_a_document_that_is_none_is_told(
    greeter: Any, context: Context, text: str, message: str
) -> None:
    """It is an error of type configuration with what protoc says."""
    greeter.text = text
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, greeter, {})
    assert caught.value.problem.type == ErrorType.CONFIGURATION
    assert greeter.seen == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "greet.Greeter"}, r"it has greet\.v1\.Greeter; did you mean"),
        ({"method": "SayHallo"}, "no method 'SayHallo'; .* did you mean 'SayHello'"),
        ({"method": "SayAll"}, "takes a stream of messages"),
    ],
)
async def test_what_the_document_lacks_is_told(
    greeter: Any, context: Context, changes: dict[str, str], message: str
) -> None:
    """An unknown service or method is answered with the near ones."""
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, greeter, {}, **changes)
    assert caught.value.problem.type == ErrorType.CONFIGURATION


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nam": "x"}, 'greet.v1.Hello: .*"nam"'),
        ({"times": "many"}, "times"),
        ({"name": {}}, "name"),
        ({"sentAt": "noon"}, "sentAt"),
    ],
)
async def test_wrong_arguments_are_told(
    greeter: Any, context: Context, arguments: Any, message: str
) -> None:
    """Arguments that make no message are a validation error, and nothing is sent."""
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, greeter, arguments)
    assert caught.value.problem.type == ErrorType.VALIDATION
    assert greeter.seen == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("NOT_FOUND", 404), ("PERMISSION_DENIED", 403), ("INTERNAL", 500), ("UNKNOWN", 500)],
)
async def test_statuses_are_terminal(
    greeter: Any, context: Context, code: str, status: int
) -> None:
    """They are of type communication, with the HTTP status of the gRPC one."""
    with pytest.raises(ToolError, match=f"SayHello answered {code}: as asked") as caught:
        await call(context, greeter, {"name": code})
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.COMMUNICATION
    assert caught.value.problem.status == status


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
async def test_passing_statuses_are_retryable(greeter: Any, context: Context, code: str) -> None:
    """What another attempt may mend is retried."""
    with pytest.raises(RetryableError):
        await call(context, greeter, {"name": code})


async def test_nobody_listening_is_retryable(greeter: Any, context: Context) -> None:
    """A refused connection may be made later."""
    with pytest.raises(RetryableError) as caught:
        await call(context, greeter, {}, port=1)
    assert caught.value.problem.status == 503


async def test_a_call_has_its_time(
    greeter: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer in time is retryable, with the setting's name."""
    monkeypatch.setenv("TENDRIL_GRPC_TIMEOUT", "0.3")
    with pytest.raises(RetryableError, match="TENDRIL_GRPC_TIMEOUT") as caught:
        await call(context, greeter, {"name": "hang"}, proto={"content": greeter.text})
    assert caught.value.problem.status == 504


async def test_long_answers_are_cut(
    greeter: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer, and a stream in all, over the limit is an error with the setting's name."""
    monkeypatch.setenv("TENDRIL_GRPC_MAX_BYTES", "5000")
    assert await call(context, greeter, {"name": "much", "times": 4000})
    for method, times in (("SayHello", 6000), ("SayOften", 2000)):
        with pytest.raises(ToolError, match="more than 5000 bytes; see TENDRIL_GRPC_MAX_BYTES"):
            await call(context, greeter, {"name": "much", "times": times}, method)


async def test_the_egress_policy_holds(
    greeter: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the operator's leave neither the address nor a name for it is reached."""
    monkeypatch.setenv("TENDRIL_EGRESS_ALLOW", "")
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(EgressRefused):
            await call(context, greeter, {}, host=host, proto={"content": greeter.text})
    assert greeter.seen == []


async def test_others_are_called_over_tls(
    greeter: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that the operator did not name is never called in plaintext."""
    monkeypatch.setenv("TENDRIL_GRPC_PLAINTEXT", "other.test")
    with pytest.raises(RetryableError, match="UNAVAILABLE"):
        await call(context, greeter, {})
    assert greeter.seen == []


async def test_a_certificate_is_checked_against_the_hosts_name(
    secure: Any, context: Context, monkeypatch: pytest.MonkeyPatch, certificate: Any
) -> None:
    """The roots are the operator's; another name, and other roots, are refused."""
    monkeypatch.setenv("TENDRIL_GRPC_PLAINTEXT", "")
    monkeypatch.setenv("TENDRIL_GRPC_ROOTS", str(certificate.file))
    proto = {"content": secure.text}
    assert await call(context, secure, {}, host="localhost", proto=proto)
    with pytest.raises(RetryableError, match="UNAVAILABLE"):
        await call(context, secure, {}, host="127.0.0.1", proto=proto)
    monkeypatch.delenv("TENDRIL_GRPC_ROOTS")
    others = replace(context, resources=Resources())
    with pytest.raises(RetryableError, match="UNAVAILABLE"):
        await call(others, secure, {}, host="localhost", proto=proto)
    assert len(secure.seen) == 1


@pytest.mark.parametrize(
    ("host", "plaintext"),
    [("greeter.shop.svc", True), ("LOCALHOST", True), ("svc", False), ("example.com", False)],
)
def test_plaintext_hosts(host: str, plaintext: bool) -> None:
    """By default those within a machine and a cluster."""
    assert Settings().is_plaintext(host) is plaintext


@pytest.mark.parametrize(
    "change",
    [
        {"proto": {}},
        {"proto": {"endpoint": "http://a.test", "content": "x"}},
        {"service": {"name": "a.B", "host": ""}},
        {"service": {"name": "a.B", "host": "a.test", "port": 0}},
        {"arguments": []},
    ],
)
def test_wrong_input_is_refused(change: Any) -> None:
    """What no call can be made of is refused by the model."""
    right = {
        "proto": {"content": "x"},
        "service": {"name": "a.B", "host": "a.test"},
        "method": "C",
    }
    assert In.model_validate(right).service.port == 443
    with pytest.raises(ValidationError):
        In.model_validate({**right, **change})


def test_grpc_is_loaded_for_the_first_call_alone() -> None:
    """Importing the service loads neither gRPC nor protobuf: an idle platform is small."""
    program = (
        "import functions.grpc.app, sys;"
        "print([m for m in sys.modules if m == 'grpc' or m.startswith('google.protobuf')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


async def test_credentials_are_metadata(greeter: Any, context: Context) -> None:
    """The scheme and the parameter go along; a refused token of an authority is replaced once."""
    await call(context, greeter, {"name": "Ada"}, authentication={"bearer": {"token": "t"}})
    assert greeter.seen[-1]["authorization"] == "Bearer t"
    with authority() as server:
        client = {"id": "client_secret_post", "secret": SECRET}
        grant = {"authority": server.url, "grant": "client_credentials", "client": client}
        with pytest.raises(ToolError, match="UNAUTHENTICATED"):
            await call(
                context, greeter, {"name": "UNAUTHENTICATED"}, authentication={"oauth2": grant}
            )
        assert len(server.seen) == 2
    tokens = [each["authorization"] for each in greeter.seen[-2:]]
    assert tokens[0].startswith("Bearer ey")
    assert tokens[0] != tokens[1]


async def test_a_document_may_need_credentials(greeter: Any, context: Context) -> None:
    """The document's endpoint has a policy of its own, and digest is none of the service's."""
    proto = {"endpoint": {"uri": greeter.document, "authentication": {"bearer": {"token": "d"}}}}
    assert await call(context, greeter, {"name": "Ada"}, proto=proto)
    await call(context, greeter, {"name": "Ada"})
    assert greeter.fetched == 2  # what needed credentials is not what did not
    digest = {"digest": {"username": "u", "password": "p"}}
    with pytest.raises(ValidationError):
        await call(context, greeter, {"name": "Ada"}, authentication=digest)

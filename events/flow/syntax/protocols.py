"""The arguments of the calls that the DSL builds in: http, openapi, grpc, a2a, mcp."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from events.flow.syntax.authentication import AuthenticationReference
from events.flow.syntax.duration import Duration
from events.flow.syntax.node import RULE, JsonMap, Maybe, Node, TextOr, shape
from events.flow.syntax.resource import Endpoint, ExternalResource
from events.flow.syntax.text import Expression, Flag, Host, Port

TextMap = Annotated[
    Annotated[Expression, Tag("<text>")] | Annotated[dict[str, str], Tag("<object>")],
    Discriminator(
        shape,
        custom_error_type=RULE,
        custom_error_message="expected an object of strings or an expression: ${ ... }",
    ),
]
Reply = Literal["raw", "content", "response"]
A2aMethod = Literal[
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
]
McpMethod = Literal[
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
]


class HttpArguments(Node):
    """What `call: http` takes."""

    method: str
    endpoint: Endpoint
    headers: Maybe[TextMap] = None
    body: Any = None
    query: Maybe[TextMap] = None
    output: Maybe[Reply] = None
    redirect: Maybe[Flag] = None


class OpenApiArguments(Node):
    """What `call: openapi` takes."""

    document: ExternalResource
    operation_id: str
    parameters: Maybe[JsonMap] = None
    authentication: Maybe[AuthenticationReference] = None
    output: Maybe[Reply] = None
    redirect: Maybe[Flag] = None


class GrpcService(Node):
    """The service to call, and where it is."""

    name: str
    host: Host
    port: Maybe[Port] = None
    authentication: Maybe[AuthenticationReference] = None


class GrpcArguments(Node):
    """What `call: grpc` takes."""

    proto: ExternalResource
    service: GrpcService
    method: str
    arguments: Maybe[JsonMap] = None


class A2aArguments(Node):
    """What `call: a2a` takes."""

    agent_card: Maybe[ExternalResource] = None
    server: Maybe[Endpoint] = None
    method: A2aMethod
    parameters: Maybe[TextOr[Annotated[JsonMap, Field(min_length=1)]]] = None


class McpHttpTransport(Node):
    """A server reached over HTTP."""

    model_config = ConfigDict(extra="allow")
    endpoint: Endpoint
    headers: Maybe[dict[str, str]] = None


class McpStdioTransport(Node):
    """A server started as a process."""

    model_config = ConfigDict(extra="allow")
    command: str
    arguments: Maybe[tuple[str, ...]] = None
    environment: Maybe[dict[str, str]] = None


class McpTransport(Node):
    """How the server is reached."""

    model_config = ConfigDict(extra="allow")
    one_of: ClassVar[tuple[str, ...]] = ("http", "stdio")
    http: Maybe[McpHttpTransport] = None
    stdio: Maybe[McpStdioTransport] = None
    options: Maybe[dict[str, str]] = None


class McpClient(Node):
    """Who the client says it is."""

    model_config = ConfigDict(extra="allow")
    name: str
    version: str


class McpArguments(Node):
    """What `call: mcp` takes."""

    model_config = ConfigDict(extra="allow")
    protocol_version: Maybe[str] = None
    method: McpMethod
    parameters: Maybe[TextOr[JsonMap]] = None
    timeout: Maybe[Duration] = None
    transport: McpTransport
    client: Maybe[McpClient] = None

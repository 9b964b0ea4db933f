"""A compiled document's services, and messages as JSON; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from events.errors import ErrorType, ToolError
from events.flow.finding import did_you_mean
from functions.grpc.compiling import unfit

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Method:
    """A method that can be called."""

    path: str
    """`/package.Service/Method`."""
    request: type[Message]
    answer: type[Message]
    streams: bool
    """Whether it answers with a stream."""

    def message(self, arguments: dict[str, Any]) -> Message:
        """Return the request message; ToolError (validation) for arguments that make none."""
        try:
            return json_format.ParseDict(arguments, self.request())
        except (json_format.ParseError, ValueError, TypeError) as error:
            detail = f"the arguments make no {self.request.DESCRIPTOR.full_name}: {error}"
            raise ToolError(detail, type=ErrorType.VALIDATION, title="Invalid arguments") from None


def shown(message: Message) -> dict[str, Any]:
    """Return a message in protobuf's JSON mapping, fields that are unset and have a default too."""
    result: dict[str, Any] = json_format.MessageToDict(
        message, always_print_fields_with_no_presence=True
    )
    return result


class Services:
    """The services of one document and of those that it imports."""

    def __init__(self, compiled: bytes) -> None:
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled).file
        self._pool = descriptor_pool.DescriptorPool()
        for file in files:
            self._pool.Add(file)
        self._names = [
            f"{file.package}.{service.name}" if file.package else service.name
            for file in files
            for service in file.service
        ]

    def method(self, service: str, name: str) -> Method:
        """Return a method; ToolError (configuration) names those that are near."""
        if service not in self._names:
            known = ", ".join(self._names) or "none"
            hint = did_you_mean(service, self._names)
            raise unfit(f"the document has no service '{service}'; it has {known}{hint}")
        described = self._pool.FindServiceByName(service)
        methods = {each.name: each for each in described.methods}
        if name not in methods:
            hint = did_you_mean(name, list(methods))
            raise unfit(f"'{service}' has no method '{name}'; it has {', '.join(methods)}{hint}")
        found = methods[name]
        if found.client_streaming:
            raise unfit(f"'{service}/{name}' takes a stream of messages; a task has one to send")
        return Method(
            f"/{service}/{name}",
            message_factory.GetMessageClass(found.input_type),
            message_factory.GetMessageClass(found.output_type),
            found.server_streaming,
        )

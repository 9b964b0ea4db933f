"""From the tool's input to the messages that are sent; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from functions.llm.models import In


def messages(request: In) -> list[dict[str, Any]]:
    """Return the conversation in the API's form; ToolError (validation) on a wrong template."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    if request.prompt is None:
        return system + [message.model_dump() for message in request.messages]
    text = render(request.prompt, request.variables)
    return [*system, {"role": "user", "content": text}]


def render(template: str, variables: dict[str, Any]) -> str:
    """Fill a template; text inside `variables` stays text whatever it looks like.

    Every name must be given. The sandbox keeps templates from Python's internals.
    """
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is no HTML
        keep_trailing_newline=True,
    )
    try:
        return environment.from_string(template).render(variables)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        line = getattr(error, "lineno", None)
        where = f"prompt, line {line}" if line else "prompt"
        raise ToolError(f"{where}: {error}", type=ErrorType.VALIDATION) from None

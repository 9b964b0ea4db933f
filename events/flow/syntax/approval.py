"""What `metadata.tendril` of a `listen` may say: that a person answers, and what people are shown.

Ours, not the language's: another runtime ignores it and hears the event from anyone.
"""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from events.flow.syntax.duration import Duration
from events.flow.syntax.node import RULE, JsonMap, Maybe, Node, shape
from events.flow.syntax.text import Expression, NonEmpty


def _how(value: Any) -> str | None:
    return "<object>" if isinstance(value, list | tuple) else shape(value)


Assignees = Annotated[
    Annotated[Expression, Tag("<text>")]
    | Annotated[tuple[NonEmpty, ...], Field(min_length=1), Tag("<object>")],
    Discriminator(
        _how,
        custom_error_type=RULE,
        custom_error_message="expected a list of names, or an expression: ${ ... }",
    ),
]
"""Names of users and groups, any of which may be an expression; or an expression giving a list."""


class Escalation(Node):
    """From when on others are asked, counted from when the task asked first."""

    after: Duration
    assignees: Assignees


class Form(Node):
    """What people see, what their answer must be, and who they are."""

    schema_: Maybe[JsonMap | bool] = None
    """The JSON Schema of the answer; without one every answer will do."""
    title: Maybe[NonEmpty] = None
    description: Maybe[NonEmpty] = None
    data: Any = None
    """What the answer is about."""
    assignees: Maybe[Assignees] = None
    """Who may answer; anybody where it is not said."""
    escalation: Maybe[tuple[Escalation, ...]] = None


class Approval(Node):
    """What makes a listen an approval."""

    form: Form

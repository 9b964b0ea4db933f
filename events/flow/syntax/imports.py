"""What a flow refers to that lies elsewhere, as it was when the flow was deployed."""

from typing import Any

from pydantic import Field

from events.flow.syntax.node import Node
from events.flow.syntax.task import Task


class Imports(Node):
    """Documents that were fetched for a flow; a run never fetches them."""

    functions: dict[str, Task] = Field(default_factory=dict)
    """Functions, by the `call` that names them: `log:1.0.0@global`, or a URL."""
    schemas: dict[str, Any] = Field(default_factory=dict)
    """Schemas, by the URI of their `resource`."""

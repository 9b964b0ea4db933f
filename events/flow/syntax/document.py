"""The head of a definition: which DSL it is written in, and what the flow is called."""

from events.flow.syntax.node import JsonMap, Maybe, Node
from events.flow.syntax.text import DslVersion, Label, Semver


class Document(Node):
    """The flow's identity and its description."""

    dsl: DslVersion
    namespace: Label
    name: Label
    version: Semver
    title: Maybe[str] = None
    summary: Maybe[str] = None
    tags: Maybe[JsonMap] = None
    metadata: Maybe[JsonMap] = None

"""Things outside the flow: endpoints and what is read from them."""

from typing import Annotated

from pydantic import Discriminator, Tag

from events.flow.syntax.authentication import AuthenticationReference
from events.flow.syntax.node import RULE, Maybe, Node, shape
from events.flow.syntax.text import UriOrExpression


class EndpointObject(Node):
    """An address with the way to authenticate there."""

    uri: UriOrExpression
    authentication: Maybe[AuthenticationReference] = None


Endpoint = Annotated[
    Annotated[UriOrExpression, Tag("<text>")] | Annotated[EndpointObject, Tag("<object>")],
    Discriminator(
        shape,
        custom_error_type=RULE,
        custom_error_message="expected an endpoint: a URI, an expression, or an object with 'uri'",
    ),
]


def uri_of(endpoint: str | EndpointObject) -> str:
    """Return an endpoint's URI as it was written."""
    return endpoint if isinstance(endpoint, str) else endpoint.uri


class ExternalResource(Node):
    """A document that lies at an endpoint."""

    name: Maybe[str] = None
    endpoint: Endpoint

    @property
    def uri(self) -> str:
        """The endpoint's URI as it was written."""
        return uri_of(self.endpoint)


class CatalogReference(Node):
    """A catalog of functions that lies at an endpoint (`use.catalogs`)."""

    endpoint: Endpoint

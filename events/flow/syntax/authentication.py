"""Authentication policies: basic, bearer, digest, oauth2, oidc, or one defined under `use`."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import ConfigDict

from events.flow.syntax.node import Fault, JsonMap, Maybe, Node
from events.flow.syntax.text import NonEmpty, Uri

Grant = Literal[
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
ClientMethod = Literal[
    "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"
]


class _Credentials(Node):
    """Credentials given in place, or `use`: the name of the secret that holds them."""

    inline: ClassVar[tuple[str, ...]] = ()
    use: Maybe[NonEmpty] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for the secret's name alone or for every credential."""
        if "use" in value:
            if len(value) > 1:
                yield (), "'use' names a secret and stands alone"
            return
        for name in cls.inline:
            if name not in value:
                yield (), f"the property '{name}' is missing (or 'use', a secret's name)"


class UserPassword(_Credentials):
    """A user name and a password (basic, digest)."""

    inline: ClassVar[tuple[str, ...]] = ("username", "password")
    username: Maybe[str] = None
    password: Maybe[str] = None


class BearerToken(_Credentials):
    """A bearer token."""

    inline: ClassVar[tuple[str, ...]] = ("token",)
    token: Maybe[str] = None


class OAuth2Client(Node):
    """The client that asks for a token."""

    id: Maybe[str] = None
    secret: Maybe[str] = None
    assertion: Maybe[str] = None
    authentication: Maybe[ClientMethod] = None


class OAuth2Request(Node):
    """How the token request is encoded."""

    model_config = ConfigDict(extra="allow")
    encoding: Maybe[Literal["application/x-www-form-urlencoded", "application/json"]] = None


class OAuth2Token(Node):
    """A security token that stands for a party."""

    token: str
    type: str


class OAuth2Endpoints(Node):
    """Paths below the authority."""

    model_config = ConfigDict(extra="allow")
    token: Maybe[str] = None
    revocation: Maybe[str] = None
    introspection: Maybe[str] = None


class OpenIdConnect(_Credentials):
    """An OpenID Connect exchange; its endpoints are discovered."""

    authority: Maybe[Uri] = None
    grant: Maybe[Grant] = None
    client: Maybe[OAuth2Client] = None
    request: Maybe[OAuth2Request] = None
    issuers: Maybe[tuple[str, ...]] = None
    scopes: Maybe[tuple[str, ...]] = None
    audiences: Maybe[tuple[str, ...]] = None
    username: Maybe[str] = None
    password: Maybe[str] = None
    subject: Maybe[OAuth2Token] = None
    actor: Maybe[OAuth2Token] = None


class OAuth2(OpenIdConnect):
    """An OAuth2 exchange."""

    endpoints: Maybe[OAuth2Endpoints] = None


class Authentication(Node):
    """One policy, as `use.authentications` defines it."""

    one_of: ClassVar[tuple[str, ...]] = ("basic", "bearer", "digest", "oauth2", "oidc")
    basic: Maybe[UserPassword] = None
    bearer: Maybe[BearerToken] = None
    digest: Maybe[UserPassword] = None
    oauth2: Maybe[OAuth2] = None
    oidc: Maybe[OpenIdConnect] = None


class AuthenticationReference(Authentication):
    """A policy given in place, or the name of one under `use.authentications`."""

    one_of: ClassVar[tuple[str, ...]] = ("use", *Authentication.one_of)
    use: Maybe[NonEmpty] = None

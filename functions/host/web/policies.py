"""Authentication policies as the tools take them: every name resolved, every credential there.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Authentication".
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from functions.host.strict import Strict

TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - its name
FORM: Final = "application/x-www-form-urlencoded"
Grant = Literal[
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
"""The DSL's grants but `authorization_code`, which takes a person at a browser."""


def _listed(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


def _token(value: Any) -> Any:
    return {"token": value} if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=Any)]
"""A list; the text of a secret separates its items by white space."""


class _Credentials(BaseModel):
    # a secret may hold more than the policy needs, and numbers that are passwords
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class UserPassword(_Credentials):
    """A user and the password."""

    username: str = Field(description="The user's name.")
    password: str = Field(description="The user's password.")


class BearerToken(_Credentials):
    """A token that whoever has it may use."""

    token: str = Field(min_length=1, description="The token.")


class Client(_Credentials):
    """The client that asks for a token."""

    id: str | None = Field(None, description="The client's id.")
    secret: str | None = Field(None, description="The client's secret.")
    assertion: str | None = Field(
        None, description="The client's signed assertion, for private_key_jwt."
    )
    authentication: Literal[
        "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"
    ] = Field("client_secret_post", description="How the client authenticates.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        method = self.authentication
        if method != "none" and not self.id:
            raise ValueError(f"{method} needs the client's 'id'")
        if method == "private_key_jwt" and not self.assertion:
            raise ValueError("private_key_jwt needs the client's 'assertion'")
        if method == "client_secret_jwt" and not self.secret:
            raise ValueError("client_secret_jwt needs the client's 'secret'")
        return self


class TokenRequest(_Credentials):
    """How the request for a token is written."""

    encoding: Literal["application/x-www-form-urlencoded", "application/json"] = Field(
        FORM, description="The media type of the request."
    )


class Token(_Credentials):
    """A token that stands for a party."""

    token: str = Field(min_length=1, description="The token.")
    type: str = Field(min_length=1, description="The token's type.")


class Endpoints(_Credentials):
    """Where the authority serves what."""

    token: str | None = Field(None, description="The path of token requests.")


class OpenIdConnect(_Credentials):
    """A token is asked for where the authority's discovery document says."""

    authority: str = Field(min_length=1, description="The authority's URI.")
    grant: Grant = Field(description="The grant to use; authorization_code takes a person.")
    client: Client = Field(
        default_factory=lambda: Client(authentication="none"), description="Who asks."
    )
    request: TokenRequest = Field(default_factory=TokenRequest, description="How it is asked.")
    issuers: Names = Field((), description="The issuers that a token may be of; none: any.")
    scopes: Names = Field((), description="The scopes to ask for.")
    audiences: Names = Field((), description="The audiences to ask for.")
    username: str | None = Field(None, description="The user's name, of the grant password.")
    password: str | None = Field(None, description="The password, of the grant password.")
    subject: Token | None = Field(
        None, description="Whom the token is for: the refresh token, or the one to exchange."
    )
    actor: Token | None = Field(None, description="Who acts, in an exchange.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.grant == "password" and (self.username is None or self.password is None):
            raise ValueError("the grant password needs 'username' and 'password'")
        if self.grant in {"refresh_token", TOKEN_EXCHANGE} and self.subject is None:
            raise ValueError(f"the grant {self.grant} needs 'subject'")
        return self


class OAuth2(OpenIdConnect):
    """A token is asked for at a path of the authority."""

    endpoints: Endpoints = Field(default_factory=Endpoints, description="The authority's paths.")


class TokenPolicy(Strict):
    """How to authenticate with what is sent along: one of the schemes."""

    basic: UserPassword | None = Field(None, description="HTTP Basic.")
    bearer: Annotated[BearerToken, BeforeValidator(_token)] | None = Field(
        None, description="A bearer token."
    )
    oauth2: OAuth2 | None = Field(None, description="A token of an OAuth2 authority.")
    oidc: OpenIdConnect | None = Field(None, description="A token of an OpenID provider.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(type(self).model_fields)}")
        return self


class Policy(TokenPolicy):
    """How to authenticate over HTTP: one of the schemes."""

    digest: UserPassword | None = Field(None, description="HTTP Digest.")


def fingerprint(policy: BaseModel) -> str:
    """Return what tells a policy and its credentials from others: SHA-256 in hexadecimal."""
    return hashlib.sha256(policy.model_dump_json().encode()).hexdigest()

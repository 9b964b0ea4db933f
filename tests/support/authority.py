"""An OAuth2 and OpenID authority with resources behind every scheme, by authlib and Flask-HTTPAuth.

Clients, secrets, assertions, grants, digests and tokens are checked by these libraries, on a
thread's own server; `Authority.seen` tells what was asked.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc6749.grants.base import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from flask import Flask, Response, jsonify, request
from flask_httpauth import HTTPBasicAuth, HTTPDigestAuth
from joserfc import jwt
from joserfc.jwk import OctKey
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "ada", 'pa$$: "word"-1815'
SECRET = "client-secret-of-thirty-two-bytes!"
"""What clients know; the specification's examples have one of their own."""
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_METHODS = ["client_secret_basic", "client_secret_post", "none", "client_assertion_jwt"]


class Client(ClientMixin):
    """One client, which may authenticate in one way only: its id names it."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        """Return its id."""
        return self.client_id

    def get_allowed_scope(self, scope: Any) -> str:
        """Return the part of a scope that it may have: all."""
        return str(scope or "")

    def check_client_secret(self, client_secret: str) -> bool:
        """Tell whether a secret is its own."""
        return client_secret in {SECRET, "workflow-runtime-secret"}

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Tell whether it may authenticate in a way."""
        return endpoint == "token" and self.client_id in {"workflow-runtime-id", method}

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether it may use a grant: every one."""
        return bool(grant_type)


@dataclass
class Authority:
    """A running authority, what it gave, and what it was asked."""

    url: str = ""
    lifetime: int = 3600
    live: set[str] = field(default_factory=set)
    """The access tokens that the resources take."""
    refreshing: set[str] = field(default_factory=lambda: {"refresh-0"})
    seen: list[dict[str, Any]] = field(default_factory=list)
    """The token requests: their form."""
    read: list[str] = field(default_factory=list)
    """The `Authorization` headers that the resources saw."""

    def token(self, client: Any = None, scope: str = "", **_: Any) -> str:
        """Return a new access token, a JWT."""
        claims = {
            "iss": self.url,
            "sub": client.client_id,
            "scope": scope,
            "n": len(self.live),
            "at": time.time_ns(),
        }
        made = str(jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET)))
        self.live.add(made)
        return made

    def answer(self, *, grant_type: str, client: Any, scope: str = "", **_: Any) -> dict[str, Any]:
        """Return a whole token answer."""
        answer = {
            "token_type": "Bearer",
            "access_token": self.token(client, scope),
            "expires_in": self.lifetime,
        }
        if grant_type == "refresh_token":
            answer["refresh_token"] = refresh = f"refresh-{len(self.seen)}"
            self.refreshing.add(refresh)
        return answer


@contextmanager
def authority() -> Iterator[Authority]:
    """Serve an authority on loopback."""
    made = Authority()
    server = make_server("127.0.0.1", 0, _app(made), threaded=True)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _app(made: Authority) -> Flask:
    app = Flask("authority")
    app.secret_key = SECRET
    _tokens(app, made)
    _resources(app, made)
    return app


def _tokens(app: Flask, made: Authority) -> None:  # noqa: C901 - a class a grant
    server = AuthorizationServer(app, query_client=Client, save_token=lambda *_: None)
    server.register_token_generator("default", cast("Any", made.answer))

    class ClientCredentials(grants.ClientCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    class Password(grants.ResourceOwnerPasswordCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

        def authenticate_user(self, username: str, password: str) -> str | None:
            return username if (username, password) == (USER, PASSWORD) else None

    class Refresh(BaseGrant, TokenEndpointMixin):
        GRANT_TYPE = "refresh_token"
        TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

        def validate_token_request(self) -> None:
            self.request.client = self.authenticate_token_endpoint_client()
            if request.form.get("refresh_token") not in made.refreshing:
                raise InvalidGrantError
            made.refreshing.discard(request.form["refresh_token"])  # each is good for once

        def create_token_response(self) -> tuple[int, Any, Any]:
            return 200, self.generate_token(), self.TOKEN_RESPONSE_HEADER

    class Exchange(Refresh):
        GRANT_TYPE = EXCHANGE

        def validate_token_request(self) -> None:
            self.request.client = self.authenticate_token_endpoint_client()
            if request.form.get("subject_token") != "subject":
                raise InvalidGrantError

    class Assertion(JWTBearerClientAssertion):
        def validate_jti(self, _claims: Any, jti: str) -> bool:
            return bool(jti)

        def get_audiences(self) -> list[str]:
            return [f"{made.url}/oauth2/token"]

        def resolve_client_public_key(self, _client: Client) -> Any:
            return OctKey.import_key(SECRET)

    for grant in (ClientCredentials, Password, Refresh, Exchange):
        server.register_grant(grant)
    server.register_client_auth_method("client_assertion_jwt", Assertion(validate_jti=True))

    @app.post("/oauth2/token")
    @app.post("/realms/<realm>/tokens")
    @app.post("/realms/<realm>/auth/token")
    def token(realm: str = "") -> Any:
        made.seen.append({"realm": realm, "json": request.get_json(silent=True)} | request.form)
        return server.create_token_response()

    @app.get("/realms/<realm>/.well-known/openid-configuration")
    def configuration(realm: str) -> Any:
        where = f"{made.url}/realms/{realm}"
        return jsonify(issuer=where, token_endpoint=f"{where}/tokens")


def _resources(app: Flask, made: Authority) -> None:
    basic, digest = HTTPBasicAuth(), HTTPDigestAuth(use_ha1_pw=False)
    basic.get_password(lambda user: PASSWORD if user == USER else None)
    digest.get_password(lambda user: PASSWORD if user == USER else None)
    # without these it would keep the nonce in a cookie, which our client takes none of
    digest.generate_nonce(lambda: "nonce-of-the-server")
    digest.verify_nonce("nonce-of-the-server".__eq__)
    digest.generate_opaque(lambda: "opaque")
    digest.verify_opaque("opaque".__eq__)

    @app.before_request
    def note() -> None:
        if request.path.startswith("/for"):
            made.read.append(request.headers.get("Authorization", ""))

    @app.route("/for/basic", methods=["GET", "POST"])
    @basic.login_required  # type: ignore[untyped-decorator]
    def for_basic() -> Any:
        return jsonify(user=basic.current_user())

    @app.route("/for/digest", methods=["GET", "POST"])
    @digest.login_required  # type: ignore[untyped-decorator]
    def for_digest() -> Any:
        return jsonify(user=digest.current_user(), body=request.get_data(as_text=True))

    @app.route("/for/token", methods=["GET", "POST"])
    def for_token() -> Any:
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        if token not in made.live:
            return Response("who are you?", 401, {"WWW-Authenticate": "Bearer"})
        return jsonify(jwt.decode(token, OctKey.import_key(SECRET)).claims)

    @app.get("/for/echo")
    def echo() -> Any:
        return jsonify(authorization=request.headers.get("Authorization"))

    @app.get("/for/away")
    def away() -> Any:
        where = request.args["to"]
        return Response(status=302, headers={"Location": where})

"""An OpenID provider on a port of its own: discovery, keys, consent page, token endpoint, user info.

It checks what a real one checks (PKCE with S256, a code works once, for its client and redirect URI). Tests may make it
send wrong answers.
"""

from __future__ import annotations

import base64
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "ticket-desk", "a secret between the two"
Claims = dict[str, Any]


class Provider:
    def __init__(self, url: str) -> None:
        self.url = url
        self.rotate_keys()
        self.reset()
        self._codes: dict[str, dict[str, str]] = {}
        self._bearers: set[str] = set()
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize, methods=["GET", "POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/me", self._me),
            ]
        )

    def reset(self) -> None:
        """Restore the state before the first test."""
        self.person: Claims = {}
        self.user_info: Claims = {}
        self.denies_access = False
        self.extra_metadata: Claims = {}
        self.publishes_keys = True
        self.alter_claims: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.sign_rs256
        self.token_requests: list[dict[str, str]] = []

    def sign_rs256(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def rotate_keys(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})

    def _discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/me",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "code_challenge_methods_supported": ["S256"],
            }
            | self.extra_metadata
        )

    def _keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]} if self.publishes_keys else {})

    def _authorize(self, request: Request) -> Response:
        """Show the consent page (GET) or redirect back (POST)."""
        query = request.query_params
        invalid = [
            name
            for name, is_valid in {
                "client_id": query.get("client_id") == CLIENT_ID,
                "response_type": query.get("response_type") == "code",
                "scope": "openid" in query.get("scope", "").split(),
                "code_challenge": query.get("code_challenge_method") == "S256" and query.get("code_challenge"),
                "state": len(query.get("state", "")) >= 32,
                "nonce": len(query.get("nonce", "")) >= 32,
            }.items()
            if not is_valid
        ]
        if invalid:
            return PlainTextResponse(f"invalid: {', '.join(invalid)}", 400)
        if request.method == "GET":
            return HTMLResponse('<title>Provider</title><form method="post"><button>Continue</button></form>')
        if self.denies_access:
            answer = {"error": "access_denied", "error_description": "<b>no</b>"}
        else:
            code = secrets.token_urlsafe()
            self._codes[code] = dict(query)
            answer = {"code": code}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer | {'state': query['state']})}", 303)

    async def _token(self, request: Request) -> Response:
        async with request.form() as form:
            sent = {name: str(value) for name, value in form.items()}
        self.token_requests.append(sent)
        login = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return JSONResponse({"error": "invalid_client"}, 401)
        authorization = self._codes.pop(sent.get("code", ""), None)
        if (
            authorization is None
            or sent.get("redirect_uri") != authorization["redirect_uri"]
            or create_s256_code_challenge(sent.get("code_verifier", "")) != authorization["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now, bearer = int(time.time()), secrets.token_urlsafe()
        self._bearers.add(bearer)
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": authorization["nonce"]}
        id_token = self.sign(self.alter_claims(claims | self.person))
        return JSONResponse(
            {"access_token": bearer, "token_type": "Bearer", "expires_in": 300, "id_token": id_token},
            headers={"Cache-Control": "no-store"},
        )

    def _me(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._bearers:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse({"sub": self.person.get("sub")} | self.user_info)


@contextmanager
def run_provider() -> Iterator[Provider]:
    """Run a provider in a thread until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    provider = Provider(f"http://localhost:{listening.getsockname()[1]}")
    config = uvicorn.Config(provider.app, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()

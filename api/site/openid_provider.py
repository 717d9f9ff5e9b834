"""Talking with an OpenID provider: its discovery document, the code for tokens, and whether an ID token is its word.

Authlib speaks OAuth with PKCE and judges the claims, joserfc the signatures.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from ticketing.settings import OpenIdSettings

log = logging.getLogger("ticketing.openid")

# Signed with a key that only the provider has. "none", and what is signed with our own secret, is nobody's word.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
JWS_REGISTRY = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
SCOPE = "openid email profile"
TIMEOUT_SECONDS = 10
MAX_CLOCK_SKEW_SECONDS = 60
METADATA_TTL_SECONDS = 3600


class ProviderUnavailable(Exception):
    """It does not answer, or not as a provider would. The cause is in the log."""


class SignInRejected(Exception):
    """What came back is not the provider's word for this sign-in. The cause is in the log."""


@dataclass(frozen=True)
class Provider:
    """What it says about itself, and the keys that it signs with once they were needed."""

    rules: OpenIdSettings
    metadata: Mapping[str, Any]
    keys: list[KeySet]

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser. Only the hash of `verifier` goes along."""
        client = self._client(redirect_uri)
        address, _ = client.create_authorization_url(
            self.metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
        return str(address)

    async def claims(self, *, code: str, redirect_uri: str, nonce: str, verifier: str) -> dict[str, Any]:
        """Who signed in, for the code that the browser brought. Raises Refused, ProviderAway."""
        async with self._client(redirect_uri) as client:
            try:
                token = await client.fetch_token(
                    self.metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
                )
                claims = await self._verify_id_token(client, token, nonce)
                return await self._add_user_info(client, claims)
            except (OAuthError, JoseError) as failure:
                log.warning("OpenID sign-in refused", exc_info=failure)
                raise SignInRejected from failure
            except (httpx2.HTTPError, json.JSONDecodeError) as failure:
                log.warning("the OpenID provider does not answer", exc_info=failure)
                raise ProviderUnavailable from failure

    async def _verify_id_token(self, client: AsyncOAuth2Client, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The ID token's claims: signed by the provider, issued by it, to us, for this sign-in, and still good."""
        given = token.get("id_token")
        if not isinstance(given, str):
            raise OAuthError("missing_id_token")
        try:
            decoded = jwt.decode(given, await self._fetch_key_set(client), registry=JWS_REGISTRY)
        except InvalidKeyIdError:  # the provider took new keys into use
            decoded = jwt.decode(given, await self._fetch_key_set(client, refresh=True), registry=JWS_REGISTRY)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": self.rules.issuer},
                "aud": {"essential": True, "value": self.rules.client_id},
                "sub": {"essential": True},
                "nonce": {"essential": True, "value": nonce},
            },
            {"nonce": nonce, "client_id": self.rules.client_id, "access_token": token.get("access_token")},
        )
        claims.validate(leeway=MAX_CLOCK_SKEW_SECONDS)
        return dict(claims)

    async def _add_user_info(self, client: AsyncOAuth2Client, claims: dict[str, Any]) -> dict[str, Any]:
        """Some providers put address and groups into the user info alone. What the ID token says counts more."""
        wanted = {"email", self.rules.role_claim} - {None}
        if wanted <= claims.keys() or "userinfo_endpoint" not in self.metadata:
            return claims
        answer = await client.get(self.metadata["userinfo_endpoint"])
        answer.raise_for_status()
        told = answer.json()
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise OAuthError("userinfo_of_somebody_else")
        return told | claims

    async def _fetch_key_set(self, client: AsyncOAuth2Client, *, refresh: bool = False) -> KeySet:
        if refresh or not self.keys:
            answer = await client.request("GET", self.metadata["jwks_uri"], withhold_token=True)
            answer.raise_for_status()
            self.keys[:] = [KeySet.import_key_set(answer.json())]
        return self.keys[0]

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        basic = "client_secret_basic"
        takes_basic = basic in self.metadata.get("token_endpoint_auth_methods_supported", [basic])
        return AsyncOAuth2Client(
            self.rules.client_id,
            self.rules.client_secret,
            token_endpoint_auth_method=basic if takes_basic else "client_secret_post",
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
        )


_provider_cache: dict[str, tuple[float, Mapping[str, Any], list[KeySet]]] = {}


async def get_provider(rules: OpenIdSettings) -> Provider:
    """The provider, discovered from its issuer and kept for an hour. Raises ProviderAway."""
    until, metadata, keys = _provider_cache.get(rules.issuer, (0.0, {}, []))
    if until < time.monotonic():
        metadata, keys = await _fetch_metadata(rules), []
        _provider_cache[rules.issuer] = (time.monotonic() + METADATA_TTL_SECONDS, metadata, keys)
    return Provider(rules, metadata, keys)


async def _fetch_metadata(rules: OpenIdSettings) -> Mapping[str, Any]:
    address = rules.issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await client.get(address)
            answer.raise_for_status()
            metadata: Mapping[str, Any] = answer.json()
        if metadata["issuer"] != rules.issuer:
            raise ValueError(f"it calls itself {metadata['issuer']}, and TICKETDESK_OPENID_ISSUER {rules.issuer}")
        if missing := {"authorization_endpoint", "token_endpoint", "jwks_uri"} - metadata.keys():
            raise ValueError(f"its discovery document lacks {', '.join(sorted(missing))}")
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as failure:
        log.warning("the OpenID provider does not answer", exc_info=failure)
        raise ProviderUnavailable from failure
    return metadata

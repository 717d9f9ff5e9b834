"""OpenID Connect client: Authlib's Starlette client, plus the checks that Authlib leaves to the caller.

Authlib does discovery, PKCE, the nonce, and the refresh of the signing keys. State, nonce and verifier come from the
caller (`api/site/openid.py`), which keeps them in a signed cookie; Authlib's own storage needs a session middleware.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import httpx2
from authlib.integrations.starlette_client import OAuthError, StarletteIntegration, StarletteOAuth2App
from joserfc.errors import JoseError

from ticketing.settings import OpenIdSettings

log = logging.getLogger("ticketing.openid")

# Asymmetric algorithms only. Authlib would accept what the provider lists, which may include "none" or HS256.
SIGNATURE_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
BASIC, POST = "client_secret_basic", "client_secret_post"
CLIENT_OPTIONS = {"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10}
MAX_CLOCK_SKEW_SECONDS = 60
METADATA_TTL_SECONDS = 3600
REQUIRED_METADATA = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}
OPTIONAL_METADATA = {"userinfo_endpoint", "token_endpoint_auth_methods_supported", "jwks", "_loaded_at"}


class ProviderUnavailable(Exception):
    """The provider does not answer, or its answer is malformed. The cause is in the log."""


class SignInRejected(Exception):
    """The provider refused the code, or its tokens are not valid for this sign-in. The cause is in the log."""


async def create_sign_in_url(rules: OpenIdSettings, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
    """Return the provider's URL that starts a sign-in. It carries only the hash of `verifier` (RFC 7636).

    Raises:
        ProviderUnavailable: The discovery document cannot be used.
    """
    with _translated_errors():
        client = await _get_client(rules)
        authorization = await client.create_authorization_url(
            redirect_uri, state=state, nonce=nonce, code_verifier=verifier
        )
    return str(authorization["url"])


async def get_claims(
    rules: OpenIdSettings, *, code: str, redirect_uri: str, nonce: str, verifier: str
) -> dict[str, Any]:
    """Exchange `code` for tokens and return the verified claims of the person who signed in.

    Raises:
        SignInRejected: The code or a token is not valid for this sign-in.
        ProviderUnavailable: The provider does not answer as specified.
    """
    with _translated_errors():
        client = await _get_client(rules)
        token = await client.fetch_access_token(redirect_uri, code=code, code_verifier=verifier)
        if not isinstance(token.get("id_token"), str):
            raise OAuthError("missing_id_token")
        # Authlib's default compares `iss` only: it accepts a token for another audience, and an empty subject.
        expected = {
            "iss": {"essential": True, "value": rules.issuer},
            "aud": {"essential": True, "value": rules.client_id},
            "sub": {"essential": True},
        }
        claims = await client.parse_id_token(token, nonce, claims_options=expected, leeway=MAX_CLOCK_SKEW_SECONDS)
        # Some providers put e-mail and groups in the user info only. Claims of the signed ID token take precedence.
        needed = {"email", rules.role_claim or "email"} | ({"email_verified"} if rules.sends_email_verified else set())
        if needed <= claims.keys() or "userinfo_endpoint" not in client.server_metadata:
            return dict(claims)
        user_info = await client.userinfo(token=token)
        if user_info.get("sub") != claims["sub"]:  # OpenID Connect Core 5.3.2; Authlib does not compare them
            raise OAuthError("userinfo_subject_mismatch")
        return _combine_claims(claims, user_info)


def _combine_claims(claims: dict[str, Any], user_info: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of both, those of the ID token first; `email_verified` is that of the address it belongs to."""
    combined = user_info | claims
    combined.pop("email_verified", None)
    for document in (user_info, claims):
        if "email_verified" in document and document.get("email") == combined.get("email"):
            combined["email_verified"] = document["email_verified"]
    return combined


async def _get_client(rules: OpenIdSettings) -> StarletteOAuth2App:
    """Return a client with checked metadata, which is discovered again every METADATA_TTL_SECONDS.

    Raises:
        ValueError: The discovery document is not that of the configured issuer, or is incomplete.
    """
    period = int(time.monotonic() // METADATA_TTL_SECONDS)
    client = _create_client(rules.issuer, rules.client_id, rules.client_secret, period)
    metadata = await client.load_server_metadata()
    if missing := REQUIRED_METADATA - metadata.keys():
        raise ValueError(f"the discovery document lacks {', '.join(sorted(missing))}")
    if metadata["issuer"] != rules.issuer:  # OpenID Connect Discovery 4.3; Authlib does not compare them
        raise ValueError(f"issuer does not match: {metadata['issuer']}, TICKETDESK_OPENID_ISSUER is {rules.issuer}")
    # Authlib passes the whole document to its HTTP client as options ("timeout", "verify"), so drop what is not needed.
    for name in metadata.keys() - REQUIRED_METADATA - OPTIONAL_METADATA:
        del metadata[name]
    metadata["id_token_signing_alg_values_supported"] = SIGNATURE_ALGORITHMS
    supported = metadata.get("token_endpoint_auth_methods_supported", [BASIC])
    metadata["token_endpoint_auth_method"] = BASIC if BASIC in supported else POST
    return client


@lru_cache(maxsize=1)
def _create_client(issuer: str, client_id: str, client_secret: str, _period: int) -> StarletteOAuth2App:
    return StarletteOAuth2App(
        StarletteIntegration("openid"),
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs=CLIENT_OPTIONS,
    )


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Log what Authlib, joserfc or the HTTP client raises, and raise SignInRejected or ProviderUnavailable instead."""
    try:
        yield
    except (OAuthError, JoseError) as exc:
        log.warning("OpenID sign-in refused", exc_info=exc)
        raise SignInRejected from exc
    except (httpx2.HTTPError, KeyError, TypeError, ValueError) as exc:
        log.warning("the OpenID provider does not answer as specified", exc_info=exc)
        _create_client.cache_clear()  # Authlib keeps a malformed answer, too
        raise ProviderUnavailable from exc

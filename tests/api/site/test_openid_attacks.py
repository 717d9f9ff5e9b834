"""Attacks on sign-in with OpenID Connect: login CSRF, replay, forged tokens, session fixation, open redirects."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from itsdangerous import URLSafeTimedSerializer
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from api import cookies
from api.middleware import authentication, known_browsers
from api.site import openid
from tests.support import make
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.support.openid_visitor import (
    NOT_CONFIRMED,
    UNKNOWN_SIGN_IN,
    assert_refused,
    create_colleague,
    find_provider_url,
    find_staff,
    list_openid_sessions,
    stranger_claims,
)
from ticketing import db
from ticketing.access import permissions

pytestmark = [pytest.mark.usefixtures("admin"), pytest.mark.system]  # starts an OpenID provider


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_form_of_another_site_starts_no_sign_in(visitor, headers):
    answer = visitor.browser.post("/session/openid", data={"next": "/"}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert visitor.provider.url not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-origin", "none"])
def test_link_shows_the_button_and_starts_no_sign_in(visitor, site):
    answer = visitor.browser.get("/session/openid?next=/packages%3Fevent=7", headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.headers["location"]) == (303, "/session/sign-in?next=%2Fpackages%3Fevent%3D7")
    assert "set-cookie" not in answer.headers
    shown = visitor.browser.get(answer.headers["location"]).text
    assert (
        '<form method="post" action="/session/openid">\n<input type="hidden" name="next" value="/packages?event=7">'
        in shown
    )


@pytest.mark.parametrize("state", ["", "x" * 43, "%C3%A9", None])
def test_wrong_state_is_refused(visitor, state):
    person, visitor.provider.person = create_colleague()
    url = visitor.consent(visitor.start())
    code = parse_qs(urlsplit(url).query)["code"][0]

    answer = visitor.open_callback(f"/session/openid/back?code={code}" + ("" if state is None else f"&state={state}"))

    assert_refused(answer, person.email, UNKNOWN_SIGN_IN)
    assert visitor.provider.token_requests == []


def test_callback_started_in_another_browser_is_refused(visitor):
    """Login CSRF: the attacker starts a sign-in and makes a colleague's browser finish it."""
    person, visitor.provider.person = create_colleague()
    link = visitor.consent(visitor.start())
    visitor.browser.cookies.clear()

    assert_refused(visitor.open_callback(link), person.email, UNKNOWN_SIGN_IN)
    visitor.start()  # the colleague starts one of their own
    assert_refused(visitor.open_callback(link), person.email, UNKNOWN_SIGN_IN)
    assert visitor.provider.token_requests == []


def test_callback_works_once(visitor):
    person, visitor.provider.person = create_colleague()
    link = visitor.consent(visitor.start())
    kept = visitor.browser.cookies[openid.COOKIE_NAME]
    assert visitor.open_callback(link).status_code == 303
    assert openid.COOKIE_NAME not in visitor.browser.cookies
    visitor.browser.cookies.clear()

    assert UNKNOWN_SIGN_IN in visitor.open_callback(link).text
    visitor.browser.cookies.set(openid.COOKIE_NAME, kept)
    assert NOT_CONFIRMED in visitor.open_callback(link).text
    assert len(list_openid_sessions(person.email)) == 1


@pytest.mark.parametrize(
    ("ago", "status"), [(openid.MAX_SIGN_IN_SECONDS + 2, 403), (openid.MAX_SIGN_IN_SECONDS - 30, 303)]
)
def test_sign_in_expires_after_ten_minutes(visitor, monkeypatch, ago, status):
    _, visitor.provider.person = create_colleague()
    started_at = int(time.time()) - ago
    with monkeypatch.context() as earlier:
        earlier.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _: started_at)
        url = visitor.start()

    answer = visitor.open_callback(visitor.consent(url))

    assert answer.status_code == status
    assert (UNKNOWN_SIGN_IN in answer.text) is (status == 403)


def test_cookie_with_another_signature_is_refused(visitor):
    person, visitor.provider.person = create_colleague()
    link = visitor.consent(visitor.start())
    pending = cookies.get_serializer(openid.COOKIE_NAME).loads(visitor.browser.cookies[openid.COOKIE_NAME])
    visitor.browser.cookies.clear()
    forged = URLSafeTimedSerializer("guessed", salt=openid.COOKIE_NAME).dumps(pending)
    visitor.browser.cookies.set(openid.COOKIE_NAME, forged)

    assert_refused(visitor.open_callback(link), person.email, UNKNOWN_SIGN_IN)


def test_wrong_verifier_does_not_redeem_code(visitor):
    person, visitor.provider.person = create_colleague()
    link = visitor.consent(visitor.start())
    pending = cookies.get_serializer(openid.COOKIE_NAME).loads(visitor.browser.cookies[openid.COOKIE_NAME])
    visitor.browser.cookies.clear()
    swapped = cookies.get_serializer(openid.COOKIE_NAME).dumps(pending | {"verifier": "x" * 64})
    visitor.browser.cookies.set(openid.COOKIE_NAME, swapped)

    assert_refused(visitor.open_callback(link), person.email, NOT_CONFIRMED)


def _encode_jwt(claims: dict[str, Any], alg: str, sign: Callable[[bytes], bytes], **header: str) -> str:
    """Build a token that libraries refuse to build."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    signed = ".".join(part(json.dumps(each).encode()) for each in ({"alg": alg} | header, claims))
    return f"{signed}.{part(sign(signed.encode()))}"


def _sign_with_public_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    public = provider.key.as_pem(private=False)
    return lambda claims: _encode_jwt(
        claims, "HS256", lambda text: hmac.digest(public, text, "sha256"), kid=provider.key.kid
    )


FORGED_TOKENS: dict[str, Callable[[Provider], Callable[[dict[str, Any]], str]]] = {
    "with another nonce": lambda p: lambda claims: p.sign_rs256(claims | {"nonce": "x" * 43}),
    "without a nonce": lambda p: lambda claims: p.sign_rs256({k: v for k, v in claims.items() if k != "nonce"}),
    "for another client": lambda p: lambda claims: p.sign_rs256(claims | {"aud": "another-client"}),
    "for another, used by us": lambda p: (
        lambda claims: p.sign_rs256(claims | {"aud": "another-client", "azp": CLIENT_ID})
    ),
    "for several, used by another": lambda p: (
        lambda claims: p.sign_rs256(claims | {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"})
    ),
    "without an audience": lambda p: lambda claims: p.sign_rs256({k: v for k, v in claims.items() if k != "aud"}),
    "of another issuer": lambda p: lambda claims: p.sign_rs256(claims | {"iss": "https://evil.example"}),
    "of almost our issuer": lambda p: lambda claims: p.sign_rs256(claims | {"iss": f"{p.url}/"}),
    "that expired": lambda p: lambda claims: p.sign_rs256(claims | {"exp": int(time.time()) - 61}),
    "that never expires": lambda p: lambda claims: p.sign_rs256({k: v for k, v in claims.items() if k != "exp"}),
    "from the future": lambda p: lambda claims: p.sign_rs256(claims | {"iat": int(time.time()) + 600}),
    "without a subject": lambda p: lambda claims: p.sign_rs256({k: v for k, v in claims.items() if k != "sub"}),
    "with an empty subject": lambda p: lambda claims: p.sign_rs256(claims | {"sub": ""}),
    "of another access token": lambda p: lambda claims: p.sign_rs256(claims | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    "without a signature": lambda _: lambda claims: _encode_jwt(claims, "none", lambda _text: b""),
    "signed with the client's secret": lambda _: (
        lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.ljust(32)), ["HS256"])
    ),
    "signed with an unknown key": lambda p: (
        lambda claims: jwt.encode({"alg": "RS256", "kid": p.key.kid}, claims, RSAKey.generate_key(2048))
    ),
    "signed with the public key as if it were a secret": _sign_with_public_key,
    "that was altered after it was signed": lambda p: lambda claims: p.sign_rs256(claims)[:-8] + "AAAAAAAA",
    "that is not a token": lambda _: lambda _claims: "not a token",
    "that is null": lambda _: lambda _claims: None,
}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("wrong", FORGED_TOKENS)
def test_invalid_id_token_is_refused(visitor, wrong):
    person, claims = create_colleague()
    visitor.provider.sign = FORGED_TOKENS[wrong](visitor.provider)

    answer = visitor.sign_in(**claims)

    assert_refused(answer, person.email, NOT_CONFIRMED)
    assert find_staff(person.email).openid_subject is None
    visitor.provider.reset()
    assert visitor.sign_in(**claims).status_code == 303


def test_user_info_of_another_subject_is_refused(visitor):
    person, claims = create_colleague()
    visitor.provider.user_info = {"sub": "another subject", "email": person.email}

    assert_refused(visitor.sign_in(sub=claims["sub"]), person.email, NOT_CONFIRMED)


def test_denied_consent_is_refused_without_providers_text(visitor):
    visitor.provider.denies_access = True

    answer = visitor.sign_in(**stranger_claims())

    assert_refused(answer, "", NOT_CONFIRMED)
    assert "<b>no</b>" not in answer.text
    assert visitor.provider.token_requests == []


def test_planted_session_cookie_is_replaced_and_ended(visitor):
    """Session fixation: knowing the cookie that the browser had before gains an attacker nothing."""
    person, claims = create_colleague()
    attacker = make.staff(password=make.PASSWORD)
    visitor.browser.post("/session/sign-in", data={"email": attacker.email, "password": make.PASSWORD})
    planted = visitor.browser.cookies[authentication.COOKIE_NAME]
    visitor.browser.cookies.clear()
    visitor.provider.person = claims
    link = visitor.consent(visitor.start())
    visitor.browser.cookies.set(authentication.COOKIE_NAME, planted, domain="testserver.local")

    answer = visitor.open_callback(link)

    new_cookie = answer.cookies[authentication.COOKIE_NAME]
    assert visitor.browser.cookies[authentication.COOKIE_NAME] == new_cookie
    assert authentication.unsign_cookie(new_cookie) != authentication.unsign_cookie(planted)
    assert (_find_email(planted), _find_email(new_cookie)) == (None, person.email)


def _find_email(cookie: str) -> str | None:
    with db.read_session() as session:
        actor = permissions.find_session_actor(session, authentication.unsign_cookie(cookie))
    return actor.email if actor else None


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/session/sign-out"]
)
def test_redirect_after_sign_in_stays_on_this_site(visitor, elsewhere):
    _, claims = create_colleague()

    answer = visitor.sign_in(elsewhere, **claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    ("base_url", "secure", "prefix"), [(None, False, ""), ("https://tickets.example.org", True, "__Host-")]
)
def test_cookies_have_restrictive_attributes(visitor, monkeypatch, base_url, secure, prefix):
    if base_url:
        monkeypatch.setenv("TICKETDESK_BASE_URL", base_url)
    _, visitor.provider.person = create_colleague()

    started = visitor.browser.post("/session/openid")
    link = visitor.consent(find_provider_url(started))
    visitor.browser.cookies.clear()
    visitor.browser.cookies.set(prefix + openid.COOKIE_NAME, _cookie_value(started.headers["set-cookie"]))
    answer = visitor.open_callback(link.removeprefix(base_url or ""))

    assert answer.status_code == 303, answer.text
    set_cookies = {each.partition("=")[0]: each for each in answer.headers.get_list("set-cookie")}
    names = (openid.COOKIE_NAME, authentication.COOKIE_NAME, known_browsers.COOKIE_NAME)
    assert set_cookies.keys() == {prefix + name for name in names}
    assert "Max-Age=600" in started.headers["set-cookie"]
    for cookie in (started.headers["set-cookie"], *set_cookies.values()):
        assert "Path=/;" in cookie
        assert "Domain" not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert ("; Secure" in cookie) is secure


def _cookie_value(cookie: str) -> str:
    return cookie.partition("=")[2].partition(";")[0].strip('"')

"""Who tries to come in by OpenID Connect as somebody else, or to bring somebody else in, and what is left open."""

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

from api.middleware import authentication
from api.site import openid
from tests.support import make
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.support.openid_visitor import (
    NOT_BEGUN_HERE,
    NOT_CONFIRMED,
    assert_refused,
    colleague,
    openid_sessions,
    row,
    stranger,
)
from ticketing import db
from ticketing.access import permissions

pytestmark = pytest.mark.usefixtures("admin")


@pytest.mark.parametrize("state", ["", "x" * 43, "%C3%A9", None])
def test_a_state_that_is_not_the_one_we_gave_is_refused(visitor, state):
    person, visitor.provider.person = colleague()
    address = visitor.consents(visitor.begins())
    code = parse_qs(urlsplit(address).query)["code"][0]

    answer = visitor.comes_back(f"/session/openid/back?code={code}" + ("" if state is None else f"&state={state}"))

    assert_refused(answer, person.email, NOT_BEGUN_HERE)
    assert visitor.provider.redeemed == []


def test_nobody_is_signed_in_by_a_link_that_somebody_else_made(visitor):
    """Login CSRF: the attacker begins, and makes a colleague's browser finish."""
    person, visitor.provider.person = colleague()
    link = visitor.consents(visitor.begins())
    visitor.browser.cookies.clear()

    assert_refused(visitor.comes_back(link), person.email, NOT_BEGUN_HERE)
    visitor.begins()  # the colleague began one of their own
    assert_refused(visitor.comes_back(link), person.email, NOT_BEGUN_HERE)
    assert visitor.provider.redeemed == []


def test_the_way_back_works_once(visitor):
    person, visitor.provider.person = colleague()
    link = visitor.consents(visitor.begins())
    kept = visitor.browser.cookies[openid.COOKIE]
    assert visitor.comes_back(link).status_code == 303
    assert openid.COOKIE not in visitor.browser.cookies
    visitor.browser.cookies.clear()

    assert NOT_BEGUN_HERE in visitor.comes_back(link).text
    visitor.browser.cookies.set(openid.COOKIE, kept, path=openid.START)
    assert NOT_CONFIRMED in visitor.comes_back(link).text
    assert len(openid_sessions(person.email)) == 1


@pytest.mark.parametrize(
    ("ago", "status"), [(openid.SECONDS_TO_SIGN_IN + 2, 403), (openid.SECONDS_TO_SIGN_IN - 30, 303)]
)
def test_what_began_more_than_ten_minutes_ago_is_over(visitor, monkeypatch, ago, status):
    _, visitor.provider.person = colleague()
    begun_at = int(time.time()) - ago
    with monkeypatch.context() as earlier:
        earlier.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _: begun_at)
        address = visitor.begins()

    answer = visitor.comes_back(visitor.consents(address))

    assert answer.status_code == status
    assert (NOT_BEGUN_HERE in answer.text) is (status == 403)


def test_what_was_begun_is_signed_by_us(visitor):
    person, visitor.provider.person = colleague()
    link = visitor.consents(visitor.begins())
    begun = openid._serializer().loads(visitor.browser.cookies[openid.COOKIE])
    visitor.browser.cookies.clear()
    forged = URLSafeTimedSerializer("guessed", salt=openid.COOKIE).dumps(begun)
    visitor.browser.cookies.set(openid.COOKIE, forged, path=openid.START)

    assert_refused(visitor.comes_back(link), person.email, NOT_BEGUN_HERE)


def test_another_verifier_does_not_redeem_the_code(visitor):
    person, visitor.provider.person = colleague()
    link = visitor.consents(visitor.begins())
    begun = openid._serializer().loads(visitor.browser.cookies[openid.COOKIE])
    visitor.browser.cookies.clear()
    swapped = openid._serializer().dumps(begun | {"verifier": "x" * 64})
    visitor.browser.cookies.set(openid.COOKIE, swapped, path=openid.START)

    assert_refused(visitor.comes_back(link), person.email, NOT_CONFIRMED)


def _by_hand(claims: dict[str, Any], alg: str, sign: Callable[[bytes], bytes], **header: str) -> str:
    """For what a library refuses to make."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    signed = ".".join(part(json.dumps(each).encode()) for each in ({"alg": alg} | header, claims))
    return f"{signed}.{part(sign(signed.encode()))}"


def _with_the_public_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    public = provider.key.as_pem(private=False)
    return lambda claims: _by_hand(
        claims, "HS256", lambda text: hmac.digest(public, text, "sha256"), kid=provider.key.kid
    )


TOKENS: dict[str, Callable[[Provider], Callable[[dict[str, Any]], str]]] = {
    "with another nonce": lambda p: lambda claims: p.signed(claims | {"nonce": "x" * 43}),
    "without a nonce": lambda p: lambda claims: p.signed({k: v for k, v in claims.items() if k != "nonce"}),
    "for another client": lambda p: lambda claims: p.signed(claims | {"aud": "another-client"}),
    "for another, used by us": lambda p: lambda claims: p.signed(claims | {"aud": "another-client", "azp": CLIENT_ID}),
    "for several, used by another": lambda p: (
        lambda claims: p.signed(claims | {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"})
    ),
    "without an audience": lambda p: lambda claims: p.signed({k: v for k, v in claims.items() if k != "aud"}),
    "of another issuer": lambda p: lambda claims: p.signed(claims | {"iss": "https://evil.example"}),
    "of almost our issuer": lambda p: lambda claims: p.signed(claims | {"iss": f"{p.url}/"}),
    "that expired": lambda p: lambda claims: p.signed(claims | {"exp": int(time.time()) - 61}),
    "that never expires": lambda p: lambda claims: p.signed({k: v for k, v in claims.items() if k != "exp"}),
    "from the future": lambda p: lambda claims: p.signed(claims | {"iat": int(time.time()) + 600}),
    "without a subject": lambda p: lambda claims: p.signed({k: v for k, v in claims.items() if k != "sub"}),
    "with an empty subject": lambda p: lambda claims: p.signed(claims | {"sub": ""}),
    "of another access token": lambda p: lambda claims: p.signed(claims | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    "that nobody signed": lambda _: lambda claims: _by_hand(claims, "none", lambda _text: b""),
    "signed with the client's secret": lambda _: (
        lambda claims: jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.ljust(32)), ["HS256"])
    ),
    "signed with a key of their own": lambda p: (
        lambda claims: jwt.encode({"alg": "RS256", "kid": p.key.kid}, claims, RSAKey.generate_key(2048))
    ),
    "signed with the public key as if it were a secret": _with_the_public_key,
    "that was altered after it was signed": lambda p: lambda claims: p.signed(claims)[:-8] + "AAAAAAAA",
    "that is none": lambda _: lambda _claims: "not a token",
}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("wrong", TOKENS)
def test_a_token_is_refused(visitor, wrong):
    person, claims = colleague()
    visitor.provider.sign = TOKENS[wrong](visitor.provider)

    answer = visitor.signs_in(**claims)

    assert_refused(answer, person.email, NOT_CONFIRMED)
    assert row(person.email).openid_subject is None
    visitor.provider.be_honest()
    assert visitor.signs_in(**claims).status_code == 303


def test_the_user_info_of_somebody_else_is_refused(visitor):
    person, claims = colleague()
    visitor.provider.user_info = {"sub": "somebody else", "email": person.email}

    assert_refused(visitor.signs_in(sub=claims["sub"]), person.email, NOT_CONFIRMED)


def test_who_does_not_consent_is_not_signed_in_and_the_providers_words_are_not_shown(visitor):
    visitor.provider.refuses = True

    answer = visitor.signs_in(**stranger())

    assert_refused(answer, "", NOT_CONFIRMED)
    assert "<b>no</b>" not in answer.text
    assert visitor.provider.redeemed == []


def test_cookies_that_were_planted_before_do_not_survive(visitor):
    """Session fixation: the attacker knows the cookie that the browser had, and gains nothing by it."""
    person, claims = colleague()
    attacker = make.staff(password=make.PASSWORD)
    visitor.browser.post("/session/sign-in", data={"email": attacker.email, "password": make.PASSWORD})
    planted = visitor.browser.cookies[authentication.COOKIE]
    visitor.browser.cookies.clear()
    visitor.provider.person = claims
    link = visitor.consents(visitor.begins())
    visitor.browser.cookies.set(authentication.COOKIE, planted, domain="testserver.local")

    answer = visitor.comes_back(link)

    given = answer.cookies[authentication.COOKIE]
    assert visitor.browser.cookies[authentication.COOKIE] == given
    assert authentication.secret_in(given) != authentication.secret_in(planted)
    assert (_who(planted), _who(given)) == (None, person.email)  # what the browser had until now has ended


def _who(cookie: str) -> str | None:
    with db.reading() as session:
        actor = permissions.find_signed_in(session, authentication.secret_in(cookie))
    return actor.email if actor else None


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/session/sign-out"]
)
def test_nobody_is_sent_elsewhere_afterwards(visitor, elsewhere):
    _, claims = colleague()

    answer = visitor.signs_in(elsewhere, **claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(("base_url", "secure"), [(None, False), ("https://tickets.example.org", True)])
def test_cookies_are_for_this_browser_and_this_purpose(visitor, monkeypatch, base_url, secure):
    if base_url:
        monkeypatch.setenv("TICKETDESK_BASE_URL", base_url)
    _, visitor.provider.person = colleague()

    started = visitor.browser.get("/session/openid")
    link = visitor.consents(started.headers["location"])
    begun = started.cookies.get(openid.COOKIE) or _value(started.headers["set-cookie"])
    visitor.browser.cookies.clear()
    visitor.browser.cookies.set(openid.COOKIE, begun, path=openid.START)
    answer = visitor.comes_back(link.removeprefix(base_url or ""))

    assert answer.status_code == 303, answer.text
    cookies = {each.partition("=")[0]: each for each in answer.headers.get_list("set-cookie")}
    assert cookies.keys() == {openid.COOKIE, authentication.COOKIE}
    assert "Path=/session/openid" in started.headers["set-cookie"]
    assert "Max-Age=600" in started.headers["set-cookie"]
    assert "Path=/;" in cookies[authentication.COOKIE]
    for cookie in (started.headers["set-cookie"], *cookies.values()):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert ("; Secure" in cookie) is secure


def _value(cookie: str) -> str:
    return cookie.partition("=")[2].partition(";")[0].strip('"')

"""Sign-in by OpenID Connect, over HTTP, with a provider that is running: who gets in, who does not, and who tries."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import select, update
from starlette.testclient import TestClient

from api import identity, openid
from tests import look, make, openid_provider
from tests.api.conftest import PAGE
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider
from ticketing import accounts, db, settings
from ticketing.models import EventAssignment, SignInSession, Staff

pytestmark = pytest.mark.usefixtures("admin")
NOT_BEGUN_HERE = "was not begun in this browser"
NOT_CONFIRMED = "did not confirm this sign-in"


@pytest.fixture(scope="module")
def running_provider():
    with openid_provider.running() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: Provider, monkeypatch):
    """As an operator sets it up, without a role claim."""
    running_provider.be_honest()
    set_up(
        monkeypatch,
        ISSUER=running_provider.url,
        CLIENT_ID=CLIENT_ID,
        CLIENT_SECRET=CLIENT_SECRET,
        DOMAINS="example.org, Harbor.Example",
        NAME="Harbor Lights account",
    )
    return running_provider


@pytest.fixture
def groups(provider, monkeypatch):
    """The same with roles from a claim."""
    set_up(monkeypatch, ROLE_CLAIM="groups", ROLES="gala-team=coordinator, gala-admins=admin, /gala=readers=viewer")
    return provider


def set_up(monkeypatch, **given: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"TICKETDESK_OPENID_{name}", value)


@dataclass
class Visitor:
    """A browser that goes to the provider and comes back."""

    browser: TestClient
    provider: Provider

    def begins(self, onward: str = "/packages?event=7") -> str:
        """Where our server sends it."""
        answer = self.browser.get("/session/openid", params={"next": onward})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def consents(self, address: str) -> str:
        """Where the provider sends it back to, without our host."""
        answer = httpx.post(address)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix("http://testserver")

    def comes_back(self, address: str):
        return self.browser.get(address, headers=PAGE | {"User-Agent": "Visitor"})

    def signs_in(self, onward: str = "/packages?event=7", **claims: Any):
        self.provider.person = claims
        return self.comes_back(self.consents(self.begins(onward)))


@pytest.fixture
def visitor(browser, provider) -> Visitor:
    return Visitor(browser, provider)


def colleague(**fields: Any) -> tuple[Any, dict[str, Any]]:
    """Somebody on the staff list, and what the provider says of them."""
    person = make.staff(**fields)
    return person, {"sub": make.unique("sub"), "email": person.email, "email_verified": True, "name": "Ana Ruiz"}


def stranger(**claims: Any) -> dict[str, Any]:
    return {"sub": make.unique("sub"), "email": make.email("new"), "email_verified": True, "name": "Nia New"} | claims


def row(email: str) -> Staff | None:
    with db.reading() as session:
        return session.scalar(select(Staff).where(Staff.email_key == email.casefold()))


def openid_sessions(email: str) -> list[SignInSession]:
    with db.reading() as session:
        return list(
            session.scalars(
                select(SignInSession)
                .join(Staff, Staff.id == SignInSession.staff_id)
                .where(Staff.email_key == email.casefold(), SignInSession.method == "openid")
            )
        )


def assert_refused(answer, email: str, sentence: str, status: int = 403) -> None:
    """A page that says why and leads back; no session, no cookie, nothing left of the try."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert sentence in answer.text.replace("&#39;", "'")
    assert 'href="/session/sign-in?next=%2F' in answer.text
    assert "Traceback" not in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert [each.partition("=")[0] for each in cookies] == [openid.COOKIE]
    assert "Max-Age=0" in cookies[0]
    assert openid_sessions(email) == []


# Who comes in.


def test_a_colleague_signs_in_and_is_where_they_wanted_to_be(visitor):
    person, claims = colleague(role="viewer")

    answer = visitor.signs_in(**claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    assert visitor.browser.get("/packages", headers=PAGE).status_code == 200
    (session,) = openid_sessions(person.email)
    assert (session.user_agent, session.staff_id) == ("Visitor", person.staff_id)
    bound = row(person.email)
    assert (bound.openid_issuer, bound.openid_subject) == (visitor.provider.url, claims["sub"])
    assert (bound.role, bound.name) == ("viewer", person.name)
    assert look.trail(bound.id, "staff.bound") == {"openid_subject": (None, claims["sub"])}


def test_the_verifier_stays_here_until_the_code_is_redeemed(visitor):
    _, claims = colleague()
    address = visitor.begins()

    sent = parse_qs(urlsplit(address).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert sent["redirect_uri"] == ["http://testserver/session/openid/back"]
    assert "code_verifier" not in sent
    visitor.provider.person = claims
    visitor.comes_back(visitor.consents(address))
    (redeemed,) = visitor.provider.redeemed
    assert redeemed["code_verifier"] not in address


def test_the_second_time_the_subject_counts_whatever_the_address(visitor):
    person, claims = colleague()
    visitor.signs_in(**claims)
    visitor.browser.cookies.clear()

    answer = visitor.signs_in(**claims | {"email": make.email("renamed")})

    assert answer.status_code == 303
    assert len(openid_sessions(person.email)) == 2
    assert row(person.email).email == person.email


def test_addresses_are_compared_without_case_and_domains_too(visitor):
    person, claims = colleague(email=f"{make.unique('ana')}@harbor.example")

    assert visitor.signs_in(**claims | {"email": person.email.upper()}).status_code == 303


def test_a_provider_that_does_not_speak_of_verification_is_taken_at_its_word(visitor):
    _, claims = colleague()
    del claims["email_verified"]

    assert visitor.signs_in(**claims).status_code == 303


def test_what_the_id_token_lacks_is_asked_of_the_user_info(visitor):
    person, claims = colleague()
    visitor.provider.user_info = {"email": person.email, "email_verified": True}

    assert visitor.signs_in(sub=claims["sub"]).status_code == 303


def test_a_provider_with_new_keys_is_understood(visitor):
    _, first = colleague()
    visitor.signs_in(**first)
    visitor.browser.cookies.clear()
    visitor.provider.take_new_keys_into_use()
    _, second = colleague()

    assert visitor.signs_in(**second).status_code == 303


def test_who_is_signed_in_is_not_sent_to_the_provider(browser, sign_in, provider):
    sign_in()

    answer = browser.get("/session/openid?next=/packages")

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages")


# Who does not.


def test_an_unverified_address_is_refused(visitor):
    for unverified in (False, "false"):
        person, claims = colleague()
        answer = visitor.signs_in(**claims | {"email_verified": unverified})
        assert_refused(answer, person.email, "is not verified")
        assert row(person.email).openid_subject is None


@pytest.mark.parametrize("domain", ["evil.example", "example.org.evil.example", "sub.example.org", "xexample.org"])
def test_an_address_of_another_domain_is_refused(visitor, domain):
    person, claims = colleague(email=f"{make.unique('ana')}@{domain}")

    assert_refused(visitor.signs_in(**claims), person.email, "is not an address of this organisation")
    assert row(person.email).openid_subject is None


@pytest.mark.parametrize("email", [None, "", "ana", ["ana@example.org"]])
def test_who_has_no_address_is_refused(visitor, email):
    claims = stranger(email=email)

    assert_refused(visitor.signs_in(**claims), "", "did not tell your e-mail address")


def test_someone_unknown_is_told_whom_to_ask(visitor):
    claims = stranger()

    assert_refused(visitor.signs_in(**claims), claims["email"], "Ask an admin to add you")
    assert row(claims["email"]) is None


def test_someone_deactivated_stays_out(visitor):
    person, claims = colleague()
    db.write(lambda s: s.execute(update(Staff).where(Staff.id == person.staff_id).values(is_active=False)))

    assert_refused(visitor.signs_in(**claims), person.email, "is deactivated")
    assert row(person.email).openid_subject is None


def test_whoever_is_given_the_address_later_does_not_inherit_the_account(visitor):
    person, claims = colleague()
    visitor.signs_in(**claims)
    db.write(lambda s: s.execute(update(SignInSession).values(method="password")))
    visitor.browser.cookies.clear()

    answer = visitor.signs_in(**claims | {"sub": make.unique("another")})

    assert_refused(answer, person.email, "somebody who signed in with another Harbor Lights account")
    assert row(person.email).openid_subject == claims["sub"]


def test_a_subject_of_another_provider_is_another_person(visitor):
    person, claims = colleague()
    elsewhere = {"openid_issuer": "https://other.example", "openid_subject": claims["sub"]}
    db.write(lambda s: s.execute(update(Staff).where(Staff.id == person.staff_id).values(**elsewhere)))

    assert_refused(visitor.signs_in(**claims), person.email, "somebody who signed in with another")


# Roles from a claim.


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        (["gala-team"], "coordinator"),
        ("gala-admins", "admin"),
        (["other", "/gala=readers"], "viewer"),
        (["/gala=readers", "gala-admins", "gala-team"], "admin"),
    ],
)
def test_someone_unknown_gets_an_account_with_the_role_of_their_group(visitor, groups, claim, role):
    claims = stranger(groups=claim, name="  Nia\tNew ")

    answer = visitor.signs_in(**claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    made = row(claims["email"])
    assert (made.role, made.name, made.password_hash) == (role, "Nia New", None)
    with db.reading() as session:
        assert session.scalars(select(EventAssignment).where(EventAssignment.staff_id == made.id)).all() == []
    assert look.trail(made.id, "staff.added") == {
        "email": (None, claims["email"]),
        "role": (None, role),
        "openid_subject": (None, claims["sub"]),
    }


@pytest.mark.parametrize("claim", [None, [], "gala", ["gala-admins "], [["gala-admins"]], {"gala-admins": True}])
def test_who_is_in_no_group_is_refused(visitor, groups, claim):
    claims = stranger(groups=claim)
    assert_refused(visitor.signs_in(**claims), claims["email"], "is in no group that may use Ticket Desk")
    assert row(claims["email"]) is None

    person, known = colleague(role="admin")
    assert_refused(visitor.signs_in(**known | {"groups": claim}), person.email, "is in no group")
    assert row(person.email).role == "admin"


def test_the_role_follows_the_group_and_the_trail_tells(visitor, groups):
    person, claims = colleague(role="coordinator")
    visitor.signs_in(**claims | {"groups": ["gala-team"]})
    assert look.trail(person.staff_id, "staff.changed") == {}
    version = row(person.email).version
    visitor.browser.cookies.clear()

    visitor.signs_in(**claims | {"groups": ["gala-admins"]})

    promoted = row(person.email)
    assert (promoted.role, promoted.version) == ("admin", version + 1)
    assert look.trail(person.staff_id, "staff.changed") == {"role": ("coordinator", "admin")}


def test_without_a_role_claim_groups_count_for_nothing(visitor):
    person, claims = colleague(role="viewer")

    visitor.signs_in(**claims | {"groups": ["gala-admins"]})

    assert row(person.email).role == "viewer"


def test_groups_may_come_with_the_user_info(visitor, groups):
    claims = stranger()
    visitor.provider.user_info = {"groups": ["gala-team"]}

    visitor.signs_in(**claims)

    assert row(claims["email"]).role == "coordinator"


# Who tries.


@pytest.mark.parametrize("state", ["", "x" * 43, None])
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
    planted = visitor.browser.cookies[identity.COOKIE]
    visitor.browser.cookies.clear()
    visitor.provider.person = claims
    link = visitor.consents(visitor.begins())
    visitor.browser.cookies.set(identity.COOKIE, planted, domain="testserver.local")

    answer = visitor.comes_back(link)

    given = answer.cookies[identity.COOKIE]
    assert visitor.browser.cookies[identity.COOKIE] == given
    assert identity.secret_in(given) != identity.secret_in(planted)
    assert (_who(planted), _who(given)) == (attacker.email, person.email)


def _who(cookie: str) -> str:
    with db.reading() as session:
        return accounts.find_signed_in(session, identity.secret_in(cookie)).email


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/session/sign-out"]
)
def test_nobody_is_sent_elsewhere_afterwards(visitor, elsewhere):
    _, claims = colleague()

    answer = visitor.signs_in(elsewhere, **claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


# Cookies.


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
    assert cookies.keys() == {openid.COOKIE, identity.COOKIE}
    assert "Path=/session/openid" in started.headers["set-cookie"]
    assert "Max-Age=600" in started.headers["set-cookie"]
    assert "Path=/;" in cookies[identity.COOKIE]
    for cookie in (started.headers["set-cookie"], *cookies.values()):
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert ("; Secure" in cookie) is secure


def _value(cookie: str) -> str:
    return cookie.partition("=")[2].partition(";")[0].strip('"')


# The provider, and whether there is one.


def test_a_provider_that_is_away_is_told_and_passwords_go_on(browser, provider, monkeypatch):
    set_up(monkeypatch, ISSUER="http://localhost:9")

    answer = browser.get("/session/openid?next=/packages", headers=PAGE)

    assert_refused(answer, "", "Your Harbor Lights account does not answer.", 503)
    assert answer.headers["retry-after"] == "5"
    assert 'next=%2Fpackages"' in answer.text
    person = make.staff(password=make.PASSWORD)
    typed = {"email": person.email, "password": make.PASSWORD}
    assert browser.post("/session/sign-in", data=typed).status_code == 303


def test_a_provider_that_calls_itself_otherwise_is_none(browser, provider, monkeypatch):
    set_up(monkeypatch, ISSUER=f"{provider.url}/")

    assert browser.get("/session/openid", headers=PAGE).status_code == 503


def test_the_button_is_there_when_there_is_a_provider(browser, provider):
    shown = browser.get("/session/sign-in?next=/packages%3Fevent=7%26q=a%2520b").text

    assert 'href="/session/openid?next=%2Fpackages%3Fevent%3D7%26q%3Da%2520b"' in shown
    assert "Sign in with Harbor Lights account" in shown
    assert 'name="password"' in shown


def test_without_a_provider_there_is_no_button_and_no_way(browser):
    assert "/session/openid" not in browser.get("/session/sign-in").text
    for path in ("/session/openid", "/session/openid/back?state=x&code=y"):
        assert browser.get(path, headers=PAGE).status_code == 404


def test_where_there_is_a_provider_a_new_server_belongs_to_nobody_who_finds_it(
    browser, empty_database, groups, visitor
):
    assert browser.get("/", headers=PAGE).headers["location"] == "/session/sign-in?next=%2F"
    assert browser.get("/session/first-run").headers["location"] == "/session/sign-in"
    assert browser.post("/session/first-run", data={"way": "sample"}).headers["location"] == "/session/sign-in"
    with db.reading() as session:
        assert session.scalars(select(Staff)).all() == []

    claims = stranger(groups=["gala-admins"])
    assert visitor.signs_in(**claims).status_code == 303
    assert row(claims["email"]).role == "admin"


def test_the_visitor_of_the_sample_gala_is_out_once_somebody_signs_in(browser, empty_database, monkeypatch, groups):
    monkeypatch.delenv("TICKETDESK_OPENID_ISSUER")
    browser.post("/session/first-run", data={"way": "sample"})
    sample = browser.cookies[identity.COOKIE]
    browser.cookies.clear()
    set_up(monkeypatch, ISSUER=groups.url)

    Visitor(browser, groups).signs_in(**stranger(groups=["gala-admins"]))

    browser.cookies.clear()
    browser.cookies.set(identity.COOKIE, sample)
    assert browser.get("/packages").status_code == 401


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ISSUER", "http://login.example.org", "begins with https://"),
        ("CLIENT_ID", "", "CLIENT_ID must be"),
        ("CLIENT_SECRET", " ", "CLIENT_SECRET must be"),
        ("DOMAINS", "", "DOMAINS must be"),
        ("ROLES", "gala-team=coordinator", "are set together"),
        ("ROLE_CLAIM", "groups", "are set together"),
        ("ROLES", "gala-team=owner", "gala-team=owner is not"),
        ("ROLES", "admin", "admin is not"),
    ],
)
def test_what_is_set_up_half_is_told_when_the_server_starts(provider, monkeypatch, name, value, sentence):
    assert settings.openid().domains == {"example.org", "harbor.example"}
    set_up(monkeypatch, **{name: value})

    with pytest.raises(ValueError, match=sentence):
        settings.openid()

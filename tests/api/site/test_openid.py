"""Sign-in with OpenID Connect against a running provider: accounts, roles and refusals."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update

from tests.api.conftest import ACCEPT_HTML
from tests.support import database_state, make
from tests.support.openid_visitor import (
    assert_refused,
    configure_openid,
    create_colleague,
    find_staff,
    list_openid_sessions,
    stranger_claims,
)
from ticketing import db
from ticketing.access import openid as openid_rules
from ticketing.actors import OPERATOR
from ticketing.models import EventAssignment, SignInSession, Staff

pytestmark = [pytest.mark.usefixtures("admin"), pytest.mark.system]  # starts an OpenID provider


def test_colleague_signs_in_and_continues_to_requested_page(visitor):
    person, claims = create_colleague(role="viewer")

    answer = visitor.sign_in(**claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    assert visitor.browser.get("/packages", headers=ACCEPT_HTML).status_code == 200
    (session,) = list_openid_sessions(person.email)
    assert (session.user_agent, session.staff_id) == ("Visitor", person.staff_id)
    linked = find_staff(person.email)
    assert (linked.openid_issuer, linked.openid_subject) == (visitor.provider.url, claims["sub"])
    assert (linked.role, linked.name) == ("viewer", person.name)
    assert database_state.get_audit_changes(linked.id, "staff.bound") == {"openid_subject": (None, claims["sub"])}


def test_verifier_is_sent_only_with_the_code(visitor):
    _, claims = create_colleague()
    url = visitor.start()

    query = parse_qs(urlsplit(url).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == ["http://testserver/session/openid/back"]
    assert "code_verifier" not in query
    visitor.provider.person = claims
    visitor.open_callback(visitor.consent(url))
    (token_request,) = visitor.provider.token_requests
    assert token_request["code_verifier"] not in url


def test_linked_subject_signs_in_with_another_email(visitor):
    person, claims = create_colleague()
    visitor.sign_in(**claims)
    visitor.browser.cookies.clear()

    answer = visitor.sign_in(**claims | {"email": make.email("renamed")})

    assert answer.status_code == 303
    assert len(list_openid_sessions(person.email)) == 2
    assert find_staff(person.email).email == person.email


def test_email_and_domain_ignore_case(visitor):
    person, claims = create_colleague(email=f"{make.unique('ana')}@harbor.example")

    assert visitor.sign_in(**claims | {"email": person.email.upper()}).status_code == 303


UNVERIFIED = "does not say that"


def without_verdict(claims):
    return {name: value for name, value in claims.items() if name != "email_verified"}


@pytest.mark.parametrize("spelling", ["\uff41na{}@\uff45xample.org", "a\u200bna{}@example.org\ufeff"])
def test_email_and_domain_are_compared_by_key(visitor, spelling):
    stem = make.unique("")
    _, claims = create_colleague(email=f"ana{stem}@example.org")

    assert visitor.sign_in(**claims | {"email": spelling.format(stem)}).status_code == 303


def test_email_with_sharp_s_is_another_person(visitor):
    stem = make.unique("")
    person, claims = create_colleague(email=f"gross{stem}@example.org")

    answer = visitor.sign_in(**claims | {"email": f"gro\u00df{stem}@example.org"})

    assert_refused(answer, person.email, "has no account here")


def test_missing_email_verified_is_refused(visitor):
    person, claims = create_colleague()

    assert_refused(visitor.sign_in(**without_verdict(claims)), person.email, UNVERIFIED)
    assert find_staff(person.email).openid_subject is None


def test_missing_email_verified_is_refused_for_a_new_account(visitor, monkeypatch):
    configure_openid(monkeypatch, ROLE_CLAIM="groups", ROLES="team=admin")
    claims = stranger_claims(groups=["team"])

    assert_refused(visitor.sign_in(**without_verdict(claims)), claims["email"], UNVERIFIED)
    assert find_staff(claims["email"]) is None


@pytest.mark.parametrize("verified", [True, "true", "True"])
def test_verified_email_signs_in(visitor, verified):
    _, claims = create_colleague()

    assert visitor.sign_in(**claims | {"email_verified": verified}).status_code == 303


def test_missing_email_verified_is_accepted_from_a_provider_that_never_sends_it(visitor, monkeypatch):
    configure_openid(monkeypatch, EMAIL_VERIFIED="never_sent")
    _, claims = create_colleague()

    assert visitor.sign_in(**without_verdict(claims)).status_code == 303


def test_email_verified_of_user_info_counts_for_the_same_email(visitor):
    person, claims = create_colleague()
    visitor.provider.user_info = {"email": person.email, "email_verified": True}

    assert visitor.sign_in(**without_verdict(claims)).status_code == 303


@pytest.mark.parametrize("says", ["id_token", "user_info"])
def test_email_verified_of_another_email_does_not_count(visitor, says):
    """A verdict is about the address in the same document, whichever of the two documents that is."""
    person, claims = create_colleague()
    sent = {"email": make.email("mine"), "email_verified": True}
    if says == "id_token":
        visitor.provider.user_info = {"email": person.email}
        answer = visitor.sign_in(sub=claims["sub"], email_verified=True)
    else:
        visitor.provider.user_info = sent
        answer = visitor.sign_in(**without_verdict(claims))

    assert_refused(answer, person.email, UNVERIFIED)
    assert find_staff(person.email).openid_subject is None


def test_claims_missing_in_id_token_come_from_user_info(visitor):
    person, claims = create_colleague()
    visitor.provider.user_info = {"email": person.email, "email_verified": True}

    assert visitor.sign_in(sub=claims["sub"]).status_code == 303


def test_rotated_keys_are_fetched(visitor):
    _, first = create_colleague()
    visitor.sign_in(**first)
    visitor.browser.cookies.clear()
    visitor.provider.rotate_keys()
    _, second = create_colleague()

    assert visitor.sign_in(**second).status_code == 303


def test_signed_in_user_is_not_redirected_to_provider(browser, sign_in, provider):
    sign_in()

    answer = browser.post("/session/openid", data={"next": "/packages"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages")


@pytest.mark.parametrize("setting", ["required", "never_sent"])
@pytest.mark.parametrize("unverified", [False, "false", 0, 1, "", "yes", [True]])
def test_unverified_email_is_refused(visitor, monkeypatch, unverified, setting):
    configure_openid(monkeypatch, EMAIL_VERIFIED=setting)
    person, claims = create_colleague()

    answer = visitor.sign_in(**claims | {"email_verified": unverified})

    assert_refused(answer, person.email, "is not verified")
    assert find_staff(person.email).openid_subject is None


@pytest.mark.parametrize("domain", ["evil.example", "example.org.evil.example", "sub.example.org", "xexample.org"])
def test_email_of_another_domain_is_refused(visitor, domain):
    person, claims = create_colleague(email=f"{make.unique('ana')}@{domain}")

    assert_refused(visitor.sign_in(**claims), person.email, "is not an address of this organization")
    assert find_staff(person.email).openid_subject is None


@pytest.mark.parametrize(
    "email", [None, "", "ana", ["ana@example.org"], "eve@evil.example\uff20example.org", "eve@evil.example@example.org"]
)
def test_missing_email_is_refused(visitor, email):
    claims = stranger_claims(email=email)

    assert_refused(visitor.sign_in(**claims), "", "did not send your e-mail address")


def test_unknown_person_without_role_claim_is_refused(visitor):
    claims = stranger_claims()

    assert_refused(visitor.sign_in(**claims), claims["email"], "Ask an admin to add you")
    assert find_staff(claims["email"]) is None


def test_deactivated_account_is_refused(visitor):
    person, claims = create_colleague()
    db.write(lambda s: s.execute(update(Staff).where(Staff.id == person.staff_id).values(is_active=False)))

    assert_refused(visitor.sign_in(**claims), person.email, "is deactivated")
    assert find_staff(person.email).openid_subject is None


def test_reused_email_does_not_open_linked_account(visitor):
    person, claims = create_colleague()
    visitor.sign_in(**claims)
    db.write(lambda s: s.execute(update(SignInSession).values(method="password")))
    visitor.browser.cookies.clear()

    answer = visitor.sign_in(**claims | {"sub": make.unique("another")})

    assert_refused(answer, person.email, "is linked to another Harbor Lights account")
    assert find_staff(person.email).openid_subject == claims["sub"]


def test_subject_of_another_issuer_is_refused(visitor):
    person, claims = create_colleague()
    elsewhere = {"openid_issuer": "https://other.example", "openid_subject": claims["sub"]}
    db.write(lambda s: s.execute(update(Staff).where(Staff.id == person.staff_id).values(**elsewhere)))

    assert_refused(visitor.sign_in(**claims), person.email, "is linked to another")


def test_unlinked_account_can_be_linked_again_once(visitor):
    person, claims = create_colleague()
    visitor.sign_in(**claims)
    visitor.browser.cookies.clear()
    moved = claims | {"sub": make.unique("moved")}
    assert visitor.sign_in(**moved).status_code == 403

    db.write(lambda session: openid_rules.unlink_account(session, OPERATOR, email=person.email.upper()))

    assert database_state.get_audit_changes(person.staff_id, "staff.released") == {
        "openid_subject": (claims["sub"], None)
    }
    assert visitor.sign_in(**moved).status_code == 303
    visitor.browser.cookies.clear()
    assert visitor.sign_in(**claims).status_code == 403


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        (["gala-team"], "coordinator"),
        ("gala-admins", "admin"),
        (["other", "/gala=readers"], "viewer"),
        (["/gala=readers", "gala-admins", "gala-team"], "admin"),
    ],
)
def test_unknown_person_gets_account_with_role_of_group(visitor, groups, claim, role):
    claims = stranger_claims(groups=claim, name="  Nia\tNew ")

    answer = visitor.sign_in(**claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    account = find_staff(claims["email"])
    assert (account.role, account.name, account.password_hash) == (role, "Nia New", None)
    with db.read_session() as session:
        assert session.scalars(select(EventAssignment).where(EventAssignment.staff_id == account.id)).all() == []
    assert database_state.get_audit_changes(account.id, "staff.added") == {
        "email": (None, claims["email"]),
        "role": (None, role),
        "openid_subject": (None, claims["sub"]),
    }


@pytest.mark.parametrize("claim", [None, [], "gala", ["gala-admins "], [["gala-admins"]], {"gala-admins": True}])
def test_person_without_group_is_refused(visitor, groups, claim):
    claims = stranger_claims(groups=claim)
    assert_refused(visitor.sign_in(**claims), claims["email"], "is in no group that may use Ticket Desk")
    assert find_staff(claims["email"]) is None

    person, known = create_colleague(role="admin")
    assert_refused(visitor.sign_in(**known | {"groups": claim}), person.email, "is in no group")
    assert find_staff(person.email).role == "admin"


def test_role_follows_group_and_is_audited(visitor, groups):
    person, claims = create_colleague(role="coordinator")
    visitor.sign_in(**claims | {"groups": ["gala-team"]})
    assert database_state.get_audit_changes(person.staff_id, "staff.changed") == {}
    version = find_staff(person.email).version
    visitor.browser.cookies.clear()

    visitor.sign_in(**claims | {"groups": ["gala-admins"]})

    promoted = find_staff(person.email)
    assert (promoted.role, promoted.version) == ("admin", version + 1)
    assert database_state.get_audit_changes(person.staff_id, "staff.changed") == {"role": ("coordinator", "admin")}


def test_groups_are_ignored_without_role_claim(visitor):
    person, claims = create_colleague(role="viewer")

    visitor.sign_in(**claims | {"groups": ["gala-admins"]})

    assert find_staff(person.email).role == "viewer"


def test_groups_may_come_from_user_info(visitor, groups):
    claims = stranger_claims()
    visitor.provider.user_info = {"groups": ["gala-team"]}

    visitor.sign_in(**claims)

    assert find_staff(claims["email"]).role == "coordinator"

"""Sign-in by OpenID Connect, over HTTP, with a provider that is running: who comes in, as what, and who does not."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update

from tests.api.conftest import ACCEPT_HTML
from tests.support import database_state, make
from tests.support.openid_visitor import (
    assert_refused,
    create_colleague,
    find_staff,
    list_openid_sessions,
    stranger_claims,
)
from ticketing import db
from ticketing.access import openid as openid_rules
from ticketing.actors import OPERATOR
from ticketing.models import EventAssignment, SignInSession, Staff

pytestmark = pytest.mark.usefixtures("admin")


def test_a_colleague_signs_in_and_is_where_they_wanted_to_be(visitor):
    person, claims = create_colleague(role="viewer")

    answer = visitor.sign_in(**claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    assert visitor.browser.get("/packages", headers=ACCEPT_HTML).status_code == 200
    (session,) = list_openid_sessions(person.email)
    assert (session.user_agent, session.staff_id) == ("Visitor", person.staff_id)
    bound = find_staff(person.email)
    assert (bound.openid_issuer, bound.openid_subject) == (visitor.provider.url, claims["sub"])
    assert (bound.role, bound.name) == ("viewer", person.name)
    assert database_state.get_audit_changes(bound.id, "staff.bound") == {"openid_subject": (None, claims["sub"])}


def test_the_verifier_stays_here_until_the_code_is_redeemed(visitor):
    _, claims = create_colleague()
    address = visitor.start()

    sent = parse_qs(urlsplit(address).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert sent["redirect_uri"] == ["http://testserver/session/openid/back"]
    assert "code_verifier" not in sent
    visitor.provider.person = claims
    visitor.open_callback(visitor.consent(address))
    (redeemed,) = visitor.provider.token_requests
    assert redeemed["code_verifier"] not in address


def test_the_second_time_the_subject_counts_whatever_the_address(visitor):
    person, claims = create_colleague()
    visitor.sign_in(**claims)
    visitor.browser.cookies.clear()

    answer = visitor.sign_in(**claims | {"email": make.email("renamed")})

    assert answer.status_code == 303
    assert len(list_openid_sessions(person.email)) == 2
    assert find_staff(person.email).email == person.email


def test_addresses_are_compared_without_case_and_domains_too(visitor):
    person, claims = create_colleague(email=f"{make.unique('ana')}@harbor.example")

    assert visitor.sign_in(**claims | {"email": person.email.upper()}).status_code == 303


def test_a_provider_that_does_not_speak_of_verification_is_taken_at_its_word(visitor):
    _, claims = create_colleague()
    del claims["email_verified"]

    assert visitor.sign_in(**claims).status_code == 303


def test_what_the_id_token_lacks_is_asked_of_the_user_info(visitor):
    person, claims = create_colleague()
    visitor.provider.user_info = {"email": person.email, "email_verified": True}

    assert visitor.sign_in(sub=claims["sub"]).status_code == 303


def test_a_provider_with_new_keys_is_understood(visitor):
    _, first = create_colleague()
    visitor.sign_in(**first)
    visitor.browser.cookies.clear()
    visitor.provider.rotate_keys()
    _, second = create_colleague()

    assert visitor.sign_in(**second).status_code == 303


def test_who_is_signed_in_is_not_sent_to_the_provider(browser, sign_in, provider):
    sign_in()

    answer = browser.get("/session/openid?next=/packages")

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages")


def test_an_unverified_address_is_refused(visitor):
    for unverified in (False, "false"):
        person, claims = create_colleague()
        answer = visitor.sign_in(**claims | {"email_verified": unverified})
        assert_refused(answer, person.email, "is not verified")
        assert find_staff(person.email).openid_subject is None


@pytest.mark.parametrize("domain", ["evil.example", "example.org.evil.example", "sub.example.org", "xexample.org"])
def test_an_address_of_another_domain_is_refused(visitor, domain):
    person, claims = create_colleague(email=f"{make.unique('ana')}@{domain}")

    assert_refused(visitor.sign_in(**claims), person.email, "is not an address of this organisation")
    assert find_staff(person.email).openid_subject is None


@pytest.mark.parametrize("email", [None, "", "ana", ["ana@example.org"]])
def test_who_has_no_address_is_refused(visitor, email):
    claims = stranger_claims(email=email)

    assert_refused(visitor.sign_in(**claims), "", "did not tell your e-mail address")


def test_someone_unknown_is_told_whom_to_ask(visitor):
    claims = stranger_claims()

    assert_refused(visitor.sign_in(**claims), claims["email"], "Ask an admin to add you")
    assert find_staff(claims["email"]) is None


def test_someone_deactivated_stays_out(visitor):
    person, claims = create_colleague()
    db.write(lambda s: s.execute(update(Staff).where(Staff.id == person.staff_id).values(is_active=False)))

    assert_refused(visitor.sign_in(**claims), person.email, "is deactivated")
    assert find_staff(person.email).openid_subject is None


def test_whoever_is_given_the_address_later_does_not_inherit_the_account(visitor):
    person, claims = create_colleague()
    visitor.sign_in(**claims)
    db.write(lambda s: s.execute(update(SignInSession).values(method="password")))
    visitor.browser.cookies.clear()

    answer = visitor.sign_in(**claims | {"sub": make.unique("another")})

    assert_refused(answer, person.email, "somebody who signed in with another Harbor Lights account")
    assert find_staff(person.email).openid_subject == claims["sub"]


def test_a_subject_of_another_provider_is_another_person(visitor):
    person, claims = create_colleague()
    elsewhere = {"openid_issuer": "https://other.example", "openid_subject": claims["sub"]}
    db.write(lambda s: s.execute(update(Staff).where(Staff.id == person.staff_id).values(**elsewhere)))

    assert_refused(visitor.sign_in(**claims), person.email, "somebody who signed in with another")


def test_the_operator_releases_an_account_for_another_provider_once(visitor):
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
def test_someone_unknown_gets_an_account_with_the_role_of_their_group(visitor, groups, claim, role):
    claims = stranger_claims(groups=claim, name="  Nia\tNew ")

    answer = visitor.sign_in(**claims)

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    made = find_staff(claims["email"])
    assert (made.role, made.name, made.password_hash) == (role, "Nia New", None)
    with db.read_session() as session:
        assert session.scalars(select(EventAssignment).where(EventAssignment.staff_id == made.id)).all() == []
    assert database_state.get_audit_changes(made.id, "staff.added") == {
        "email": (None, claims["email"]),
        "role": (None, role),
        "openid_subject": (None, claims["sub"]),
    }


@pytest.mark.parametrize("claim", [None, [], "gala", ["gala-admins "], [["gala-admins"]], {"gala-admins": True}])
def test_who_is_in_no_group_is_refused(visitor, groups, claim):
    claims = stranger_claims(groups=claim)
    assert_refused(visitor.sign_in(**claims), claims["email"], "is in no group that may use Ticket Desk")
    assert find_staff(claims["email"]) is None

    person, known = create_colleague(role="admin")
    assert_refused(visitor.sign_in(**known | {"groups": claim}), person.email, "is in no group")
    assert find_staff(person.email).role == "admin"


def test_the_role_follows_the_group_and_the_trail_tells(visitor, groups):
    person, claims = create_colleague(role="coordinator")
    visitor.sign_in(**claims | {"groups": ["gala-team"]})
    assert database_state.get_audit_changes(person.staff_id, "staff.changed") == {}
    version = find_staff(person.email).version
    visitor.browser.cookies.clear()

    visitor.sign_in(**claims | {"groups": ["gala-admins"]})

    promoted = find_staff(person.email)
    assert (promoted.role, promoted.version) == ("admin", version + 1)
    assert database_state.get_audit_changes(person.staff_id, "staff.changed") == {"role": ("coordinator", "admin")}


def test_without_a_role_claim_groups_count_for_nothing(visitor):
    person, claims = create_colleague(role="viewer")

    visitor.sign_in(**claims | {"groups": ["gala-admins"]})

    assert find_staff(person.email).role == "viewer"


def test_groups_may_come_with_the_user_info(visitor, groups):
    claims = stranger_claims()
    visitor.provider.user_info = {"groups": ["gala-team"]}

    visitor.sign_in(**claims)

    assert find_staff(claims["email"]).role == "coordinator"

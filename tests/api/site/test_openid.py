"""Sign-in by OpenID Connect, over HTTP, with a provider that is running: who comes in, as what, and who does not."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update

from tests.api.conftest import PAGE
from tests.support import database_state, make
from tests.support.openid_visitor import (
    assert_refused,
    colleague,
    openid_sessions,
    row,
    stranger,
)
from ticketing import db
from ticketing.access import openid as openid_rules
from ticketing.actors import OPERATOR
from ticketing.models import EventAssignment, SignInSession, Staff

pytestmark = pytest.mark.usefixtures("admin")


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
    assert database_state.trail(bound.id, "staff.bound") == {"openid_subject": (None, claims["sub"])}


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


def test_the_operator_releases_an_account_for_another_provider_once(visitor):
    person, claims = colleague()
    visitor.signs_in(**claims)
    visitor.browser.cookies.clear()
    moved = claims | {"sub": make.unique("moved")}
    assert visitor.signs_in(**moved).status_code == 403

    db.write(lambda session: openid_rules.release(session, OPERATOR, email=person.email.upper()))

    assert database_state.trail(person.staff_id, "staff.released") == {"openid_subject": (claims["sub"], None)}
    assert visitor.signs_in(**moved).status_code == 303
    visitor.browser.cookies.clear()
    assert visitor.signs_in(**claims).status_code == 403


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
    assert database_state.trail(made.id, "staff.added") == {
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
    assert database_state.trail(person.staff_id, "staff.changed") == {}
    version = row(person.email).version
    visitor.browser.cookies.clear()

    visitor.signs_in(**claims | {"groups": ["gala-admins"]})

    promoted = row(person.email)
    assert (promoted.role, promoted.version) == ("admin", version + 1)
    assert database_state.trail(person.staff_id, "staff.changed") == {"role": ("coordinator", "admin")}


def test_without_a_role_claim_groups_count_for_nothing(visitor):
    person, claims = colleague(role="viewer")

    visitor.signs_in(**claims | {"groups": ["gala-admins"]})

    assert row(person.email).role == "viewer"


def test_groups_may_come_with_the_user_info(visitor, groups):
    claims = stranger()
    visitor.provider.user_info = {"groups": ["gala-team"]}

    visitor.signs_in(**claims)

    assert row(claims["email"]).role == "coordinator"

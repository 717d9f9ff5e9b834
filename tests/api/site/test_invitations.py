"""The page behind an invitation's link, as a browser opens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from api.middleware import authentication
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.credentials import get_row
from ticketing import db
from ticketing.access import staff
from ticketing.access.staff import InvitationDraft
from ticketing.models import Invitation, Staff

PATH = "/session/invitation"
NEW_PASSWORD = "another battery staple"


@pytest.fixture
def invited(admin):
    """A person whose name wants to be HTML, and the secret of their link."""
    draft = InvitationDraft(email=make.email(), name="Ana <b>Ruiz</b>", role="viewer")
    return db.write(lambda session: staff.invite(session, admin, draft))


def test_a_link_leads_to_a_form_that_says_whose_password_it_is(browser, invited):
    person, code = invited

    answer = browser.get(PATH, params={"code": code}, headers=ACCEPT_HTML)

    assert answer.status_code == 200
    assert "Welcome, Ana &lt;b&gt;Ruiz&lt;/b&gt;" in answer.text
    assert person.email in answer.text
    assert "set-cookie" not in answer.headers


def test_the_chosen_password_signs_in_and_goes_on_to_the_first_page(browser, invited):
    person, code = invited

    answer = browser.post(PATH, data={"code": code, "password": NEW_PASSWORD})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/", headers=ACCEPT_HTML).status_code == 200
    browser.cookies.clear()
    signed_in = browser.post("/session/sign-in", data={"email": person.email, "password": NEW_PASSWORD})
    assert signed_in.status_code == 303


def test_a_password_that_is_too_short_is_said_beside_it_and_the_link_stays(browser, invited):
    _, code = invited

    answer = browser.post(PATH, data={"code": code, "password": "x" * 9})

    assert answer.status_code == 422
    assert "Use at least 10 characters." in answer.text
    assert f'value="{code}"' in answer.text
    assert "x" * 9 not in answer.text
    assert browser.post(PATH, data={"code": code, "password": "x" * 10}).status_code == 303


def use_link(browser, person, code):
    browser.post(PATH, data={"code": code, "password": NEW_PASSWORD})
    browser.cookies.clear()


def expire_link(_browser, person, _code):
    over = datetime.now(UTC) - timedelta(seconds=1)
    _execute(update(Invitation).where(Invitation.staff_id == person.id).values(expires_at=over))


def replace_link(_browser, person, _code):
    admin = make.staff("admin")
    db.write(lambda session: staff.create_invitation_link(session, admin, person.id))


def deactivate_account(_browser, person, _code):
    _execute(update(Staff).where(Staff.id == person.id).values(is_active=False))


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (use_link, "This link was used already."),
        (expire_link, "This link has expired."),
        (replace_link, "This link was replaced by a newer one"),
        (deactivate_account, "This account is deactivated"),
    ],
)
def test_a_link_that_opens_no_more_says_why_and_opens_no_session(browser, invited, happened, told):
    person, code = invited
    happened(browser, person, code)
    before = get_row(Staff, person.id).password_hash

    shown = browser.get(PATH, params={"code": code}, headers=ACCEPT_HTML)
    answer = browser.post(PATH, data={"code": code, "password": "one that must not be taken"})

    assert shown.status_code == answer.status_code == 409
    assert told in shown.text
    assert told in answer.text
    assert "set-cookie" not in answer.headers
    assert get_row(Staff, person.id).password_hash == before


@pytest.mark.parametrize("query", ["", "?code=", "?code=guessed", "?code=%00"])
def test_a_link_that_nobody_made_leads_nowhere(browser, query):
    answer = browser.get(PATH + query, headers=ACCEPT_HTML)

    assert answer.status_code == 409
    assert "This link does not work." in answer.text


def test_the_secret_in_the_address_leaves_by_no_referrer(browser, invited):
    _, code = invited

    for answer in (browser.get(PATH, params={"code": code}), browser.get(PATH, params={"code": "guessed"})):
        assert answer.headers["referrer-policy"] == "strict-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_form_that_another_site_sends_does_nothing(browser, invited, headers):
    person, code = invited

    answer = browser.post(PATH, data={"code": code, "password": NEW_PASSWORD}, headers=headers)

    assert answer.status_code == 403
    assert get_row(Staff, person.id).password_hash is None


def test_whoever_was_signed_in_in_this_browser_is_not_any_more(browser, sign_in, invited):
    sign_in()
    before = browser.cookies[authentication.COOKIE_NAME]

    browser.post(PATH, data={"code": invited[1], "password": NEW_PASSWORD})

    browser.cookies.clear()
    browser.cookies.set(authentication.COOKIE_NAME, before)
    assert browser.get("/packages").status_code == 401


def _execute(statement):
    db.write(lambda session: session.execute(statement))

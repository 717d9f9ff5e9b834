"""The page that an invitation link opens in a browser."""

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
    """Invite a person whose name contains HTML, and return them with the secret of the link."""
    draft = InvitationDraft(email=make.email(), name="Ana <b>Ruiz</b>", role="viewer")
    return db.write(lambda session: staff.invite(session, admin, draft))


def test_link_shows_form_with_name_and_email(browser, invited):
    person, code = invited

    answer = browser.get(PATH, params={"code": code}, headers=ACCEPT_HTML)

    assert answer.status_code == 200
    assert "Welcome, Ana &lt;b&gt;Ruiz&lt;/b&gt;" in answer.text
    assert person.email in answer.text
    assert "set-cookie" not in answer.headers


def test_chosen_password_signs_in_and_redirects_to_start(browser, invited):
    person, code = invited

    answer = browser.post(PATH, data={"code": code, "password": NEW_PASSWORD})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/", headers=ACCEPT_HTML).status_code == 200
    browser.cookies.clear()
    signed_in = browser.post("/session/sign-in", data={"email": person.email, "password": NEW_PASSWORD})
    assert signed_in.status_code == 303


def test_short_password_is_refused_and_link_stays_valid(browser, invited):
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
    expired_at = datetime.now(UTC) - timedelta(seconds=1)
    _execute(update(Invitation).where(Invitation.staff_id == person.id).values(expires_at=expired_at))


def replace_link(_browser, person, _code):
    admin = make.staff("admin")
    db.write(lambda session: staff.create_invitation_link(session, admin, person.id))


def deactivate_account(_browser, person, _code):
    _execute(update(Staff).where(Staff.id == person.id).values(is_active=False))


@pytest.mark.parametrize(
    ("invalidate", "sentence"),
    [
        (use_link, "This link was used already."),
        (expire_link, "This link has expired."),
        (replace_link, "This link was replaced by a newer one"),
        (deactivate_account, "This account is deactivated"),
    ],
)
def test_invalid_link_says_why_and_opens_no_session(browser, invited, invalidate, sentence):
    person, code = invited
    invalidate(browser, person, code)
    before = get_row(Staff, person.id).password_hash

    shown = browser.get(PATH, params={"code": code}, headers=ACCEPT_HTML)
    answer = browser.post(PATH, data={"code": code, "password": "must not be accepted"})

    assert shown.status_code == answer.status_code == 409
    assert sentence in shown.text
    assert sentence in answer.text
    assert "set-cookie" not in answer.headers
    assert get_row(Staff, person.id).password_hash == before


@pytest.mark.parametrize("query", ["", "?code=", "?code=guessed", "?code=%00"])
def test_unknown_link_is_refused(browser, query):
    answer = browser.get(PATH + query, headers=ACCEPT_HTML)

    assert answer.status_code == 409
    assert "This link does not work." in answer.text


def test_secret_is_not_sent_as_referrer(browser, invited):
    _, code = invited

    for answer in (browser.get(PATH, params={"code": code}), browser.get(PATH, params={"code": "guessed"})):
        assert answer.headers["referrer-policy"] == "strict-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_form_from_another_site_is_refused(browser, invited, headers):
    person, code = invited

    answer = browser.post(PATH, data={"code": code, "password": NEW_PASSWORD}, headers=headers)

    assert answer.status_code == 403
    assert get_row(Staff, person.id).password_hash is None


def test_previous_session_of_browser_is_ended(browser, sign_in, invited):
    sign_in()
    before = browser.cookies[authentication.COOKIE_NAME]

    browser.post(PATH, data={"code": invited[1], "password": NEW_PASSWORD})

    browser.cookies.clear()
    browser.cookies.set(authentication.COOKIE_NAME, before)
    assert browser.get("/packages").status_code == 401


def _execute(statement):
    db.write(lambda session: session.execute(statement))

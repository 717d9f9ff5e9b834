"""TICKETDESK_PASSWORD_SIGN_IN=no: people sign in by OpenID only."""

from __future__ import annotations

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.credentials import count_rows, get_row
from tests.support.openid_visitor import create_colleague
from ticketing import db
from ticketing.access import sign_in, staff
from ticketing.access.sign_in import PasswordDraft
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict
from ticketing.models import RateLimit, SignInSession, Staff
from ticketing.validation import validate

pytestmark = pytest.mark.usefixtures("admin")
SENTENCE = "Passwords are switched off here. Sign in with Harbor Lights account."


@pytest.fixture
def switch_passwords_off(provider, monkeypatch):
    return lambda: monkeypatch.setenv("TICKETDESK_PASSWORD_SIGN_IN", "no")


def test_form_is_gone_and_password_is_refused(browser, switch_passwords_off):
    person = make.staff(password=make.PASSWORD)
    form = {"email": person.email, "password": make.PASSWORD}
    assert browser.post("/session/sign-in", data=form).status_code == 303
    browser.cookies.clear()
    switch_passwords_off()
    before = count_rows(SignInSession), count_rows(RateLimit)

    shown = browser.get("/session/sign-in", headers=ACCEPT_HTML)
    answer = browser.post("/session/sign-in", data=form)

    assert "Sign in with Harbor Lights account" in shown.text
    assert 'type="password"' not in shown.text + answer.text
    assert (answer.status_code, SENTENCE in answer.text) == (409, True)
    assert "set-cookie" not in answer.headers
    assert (count_rows(SignInSession), count_rows(RateLimit)) == before


def test_openid_sign_in_still_works(visitor, switch_passwords_off):
    switch_passwords_off()
    _, claims = create_colleague()

    assert visitor.sign_in("/packages", **claims).headers["location"] == "/packages"


def test_invitation_link_sets_no_password(browser, switch_passwords_off):
    person = make.staff()
    _, code = db.write(lambda session: staff.create_invitation_link(session, OPERATOR, person.staff_id))
    switch_passwords_off()

    shown = browser.get("/session/invitation", params={"code": code}, headers=ACCEPT_HTML)
    answer = browser.post("/session/invitation", data={"code": code, "password": make.PASSWORD})

    for each in (shown, answer):
        assert (each.status_code, SENTENCE in each.text) == (409, True)
    assert "set-cookie" not in answer.headers
    assert get_row(Staff, person.staff_id).password_hash is None


def test_nobody_has_a_password_to_change_and_no_link_is_made(switch_passwords_off):
    person = make.staff(password=make.PASSWORD)
    draft = validate(PasswordDraft, {"current": make.PASSWORD, "password": "another battery staple"})
    switch_passwords_off()
    with db.read_session() as session:
        assert not sign_in.has_password(session, person)
    for work in (
        lambda session: sign_in.change_password(session, person, draft),
        lambda session: staff.create_invitation_link(session, OPERATOR, person.staff_id),
    ):
        with pytest.raises(Conflict, match="Passwords are switched off here"):
            db.write(work)

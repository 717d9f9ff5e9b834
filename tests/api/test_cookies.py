"""Signed cookies: their names by http and https, and clocks that differ."""

from __future__ import annotations

import time

import pytest
from itsdangerous import SignatureExpired

from api import cookies
from api.middleware import authentication
from tests.support import make

pytestmark = pytest.mark.usefixtures("admin")
DAY_SECONDS = 24 * 60 * 60


def sign_at(moment, sign, monkeypatch):
    """Sign with a clock that shows `moment`."""
    with monkeypatch.context() as other_clock:
        other_clock.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _: int(moment))
        return sign()


@pytest.mark.parametrize(
    ("ahead_seconds", "is_accepted"),
    [(55, True), (65, False), (-(14 * DAY_SECONDS - 10), True), (-(14 * DAY_SECONDS + 10), False)],
)
def test_signature_of_a_clock_up_to_60_seconds_ahead_is_accepted(monkeypatch, ahead_seconds, is_accepted):
    signer, serializer = cookies.get_signer("tests"), cookies.get_serializer("tests")
    moment = time.time() + ahead_seconds
    signed = sign_at(moment, lambda: signer.sign("secret"), monkeypatch)
    serialized = sign_at(moment, lambda: serializer.dumps({"id": 7}), monkeypatch)
    max_age = 14 * DAY_SECONDS
    if is_accepted:
        assert signer.unsign(signed, max_age=max_age) == b"secret"
        assert serializer.loads(serialized, max_age=max_age) == {"id": 7}
    else:
        for read in (
            lambda: signer.unsign(signed, max_age=max_age),
            lambda: serializer.loads(serialized, max_age=max_age),
        ):
            with pytest.raises(SignatureExpired):
                read()


def test_session_of_a_server_whose_clock_is_ahead_is_accepted(browser, sign_in, monkeypatch):
    sign_at(time.time() + 50, sign_in, monkeypatch)
    assert browser.get("/packages").status_code == 200


def test_by_https_only_the_cookie_of_this_host_signs_in(browser, monkeypatch):
    """A cookie without the prefix may come from another subdomain."""
    person = make.staff(password=make.PASSWORD)
    form = {"email": person.email, "password": make.PASSWORD}
    plain = browser.post("/session/sign-in", data=form).cookies[authentication.COOKIE_NAME]
    browser.cookies.clear()
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org")

    set_cookies = browser.post("/session/sign-in", data=form).headers.get_list("set-cookie")

    assert [each.partition("=")[0] for each in set_cookies] == [
        "__Host-ticketdesk_browser",
        "__Host-ticketdesk_session",
    ]
    for attributes in (each.partition(";")[2] for each in set_cookies):
        assert "; Secure" in attributes
        assert "Path=/;" in attributes
        assert "Domain" not in attributes
    for name, status in (("ticketdesk_session", 401), ("__Host-ticketdesk_session", 200)):
        browser.cookies.clear()
        browser.cookies.set(name, plain)
        assert browser.get("/packages").status_code == status, name

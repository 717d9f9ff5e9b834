"""The limit on password attempts, session cookies at sign-in, and when the last use is updated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous import URLSafeTimedSerializer

from api.middleware import authentication, known_browsers
from api.site import hashing_queue
from tests.races.racing import race
from tests.support import make
from tests.support.credentials import find_token_actor, get_row, update_row
from ticketing import db
from ticketing.access import sessions
from ticketing.models import ApiToken, SignInSession

pytestmark = pytest.mark.usefixtures("admin")


@pytest.fixture
def person():
    return make.staff(password=make.PASSWORD)


def attempt(browser, email, password="not the password"):
    return browser.post("/session/sign-in", data={"email": email, "password": password, "next": "/packages"})


def test_sixth_attempt_is_429_and_keeps_email(browser, person):
    assert [attempt(browser, person.email).status_code for _ in range(5)] == [422] * 5

    answer = attempt(browser, person.email, make.PASSWORD)

    assert answer.status_code == 429
    assert 14 * 60 < int(answer.headers["retry-after"]) <= 15 * 60
    assert "There were 5 wrong passwords for this account from your network. Try again in 15 minutes." in answer.text
    assert f'value="{person.email}"' in answer.text
    assert 'name="next" value="/packages"' in answer.text
    assert make.PASSWORD not in answer.text
    assert "set-cookie" not in answer.headers


def test_unknown_email_is_limited_the_same_way(browser, person):
    unknown = make.email("unknown")
    answers = [[attempt(browser, email) for _ in range(6)][-1] for email in (person.email, unknown)]

    assert [answer.status_code for answer in answers] == [429, 429]
    assert answers[0].text.replace(person.email, "?") == answers[1].text.replace(unknown, "?")


def test_right_password_resets_limit(browser, person):
    for _ in range(2):
        for _ in range(4):
            attempt(browser, person.email)
        assert attempt(browser, person.email, make.PASSWORD).status_code == 303
        browser.cookies.clear()


def test_form_without_password_is_not_counted(browser, person):
    for _ in range(6):
        assert attempt(browser, person.email, "").status_code == 422
    assert attempt(browser, person.email, make.PASSWORD).status_code == 303


def test_five_of_many_concurrent_attempts_are_checked(browser, person):
    codes = race(24, lambda number: attempt(browser, person.email, f"guess number {number}").status_code)

    assert sorted(codes) == [422] * 5 + [429] * 19


def forget_session(browser):
    """Delete the cookie of the session and keep the one by which the browser is known."""
    browser.cookies.delete(authentication.COOKIE_NAME)


def test_browser_that_signed_in_before_has_ten_attempts_of_its_own(browser, person):
    attempt(browser, person.email, make.PASSWORD)
    forget_session(browser)
    known = browser.cookies[known_browsers.COOKIE_NAME]
    browser.cookies.clear()
    assert [attempt(browser, person.email).status_code for _ in range(6)] == [422] * 5 + [429]

    browser.cookies.set(known_browsers.COOKIE_NAME, known)

    assert [attempt(browser, person.email).status_code for _ in range(11)] == [422] * 10 + [429]


def test_browser_is_known_to_every_account_that_signed_in(browser, person):
    people = [person, *(make.staff(password=make.PASSWORD) for _ in range(2))]
    for each in people:
        assert attempt(browser, each.email, make.PASSWORD).status_code == 303
        forget_session(browser)
    for each in people:
        assert [attempt(browser, each.email).status_code for _ in range(6)] == [422] * 6


def test_forged_cookie_of_a_known_browser_is_a_stranger(browser, person):
    forged = URLSafeTimedSerializer("guessed", salt=known_browsers.COOKIE_NAME).dumps(["x", [str(person.staff_id)]])
    browser.cookies.set(known_browsers.COOKIE_NAME, forged)
    assert [attempt(browser, person.email).status_code for _ in range(6)] == [422] * 5 + [429]


def test_full_queue_is_503_and_keeps_email(browser, person, monkeypatch):
    monkeypatch.setattr(hashing_queue, "MAX_WAITING", 0)  # as if all places were taken
    monkeypatch.setattr(hashing_queue, "MAX_CONCURRENT_HASHES", 0)

    answer = attempt(browser, person.email, make.PASSWORD)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Many people are signing in at the same time. Try again in a few seconds." in answer.text
    assert f'value="{person.email}"' in answer.text
    assert "set-cookie" not in answer.headers


def test_signing_in_again_ends_previous_session(browser, person):
    attempt(browser, person.email, make.PASSWORD)
    before = browser.cookies[authentication.COOKIE_NAME]

    attempt(browser, person.email, make.PASSWORD)

    assert browser.cookies[authentication.COOKIE_NAME] != before
    assert browser.get("/packages").status_code == 200
    browser.cookies.clear()
    browser.cookies.set(authentication.COOKIE_NAME, before)
    assert browser.get("/packages").status_code == 401


def test_planted_cookie_is_replaced_at_sign_in(browser, person):
    attacker = make.staff(password=make.PASSWORD)
    attempt(browser, attacker.email, make.PASSWORD)
    planted = browser.cookies[authentication.COOKIE_NAME]

    attempt(browser, person.email, make.PASSWORD)

    assert authentication.unsign_cookie(browser.cookies[authentication.COOKIE_NAME]) != authentication.unsign_cookie(
        planted
    )


def test_last_use_of_session_is_updated_every_5_minutes(browser, person):
    attempt(browser, person.email, make.PASSWORD)
    (opened,) = _list_other_sessions(person)
    for minutes, is_updated in ((4, False), (6, True)):
        before = datetime.now(UTC) - timedelta(minutes=minutes)
        update_row(SignInSession, opened.id, last_seen_at=before)
        browser.get("/packages")
        assert (get_row(SignInSession, opened.id).last_seen_at > before) == is_updated


def test_last_use_of_token_is_updated_every_minute(browser, program, person):
    call = program(person)
    token_id = find_token_actor(call.token).token_id
    assert get_row(ApiToken, token_id).last_used_at is None
    call("GET", "/admin/events")
    assert get_row(ApiToken, token_id).last_used_at is not None
    for seconds, is_updated in ((50, False), (61, True)):
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        update_row(ApiToken, token_id, last_used_at=before)
        call("GET", "/admin/events")
        assert (get_row(ApiToken, token_id).last_used_at > before) == is_updated


def _list_other_sessions(person):
    with db.read_session() as session:
        opened = sessions.list_open(session, person, person.staff_id)
    return [each for each in opened if each.id != person.session_id]

"""The account page: password and sessions."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import make
from tests.support.credentials import find_session_actor, find_token_actor, get_row, require, update_row
from ticketing.errors import InvalidInput
from ticketing.models import SignInSession
from ui.account import user_agent

CURRENT, NEW = "Current password", "New password"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.fixture
def person():
    return make.staff(password=make.PASSWORD, name="Ana *Ruiz*")


def test_shows_name_email_and_role(visit, person):
    screen = visit("account", person)
    assert screen.says("Ana *Ruiz*")
    assert screen.says(person.email)
    assert screen.says("Coordinator: everything in the events you are assigned to.")


class TestPassword:
    def test_change_signs_out_everywhere_else(self, visit, person):
        elsewhere = make.sign_in(person.email)
        screen = visit("account", person).click("Change password")
        screen.type(CURRENT, make.PASSWORD).type(NEW, "another battery staple").click_last("Change password")
        assert screen.toasts() == ["Password changed. You are signed out everywhere else."]
        assert screen.dialog() is None
        assert find_session_actor(elsewhere.secret) is None
        assert make.sign_in(person.email, "another battery staple")

    def test_change_revokes_tokens_when_asked_to(self, visit, person):
        kept, token = make.token(make.staff()), make.token(person)
        screen = visit("account", person).click("Change password")
        screen.type(CURRENT, make.PASSWORD).type(NEW, "another battery staple")
        screen.type("Revoke my API tokens too", True).click_last("Change password")
        assert screen.toasts() == ["Password changed. 1 token was revoked."]
        assert find_token_actor(token) is None
        assert find_token_actor(kept)

    def test_wrong_or_short_password_is_marked(self, visit, person):
        screen = visit("account", person).click("Change password")
        screen.type(CURRENT, "not the password").type(NEW, "short").click_last("Change password")
        assert screen.problem(NEW) == "Use at least 10 characters."
        screen.type(NEW, "another battery staple").click_last("Change password")
        assert screen.problem(CURRENT) == "This is not your current password."
        with pytest.raises(InvalidInput):
            make.sign_in(person.email, "another battery staple")

    def test_is_limited_to_five_attempts(self, visit, person):
        screen = visit("account", person).click("Change password")
        screen.type(CURRENT, "not the password").type(NEW, "another battery staple")
        for _ in range(5):
            screen.click_last("Change password")
        screen.type(CURRENT, make.PASSWORD).click_last("Change password")
        assert screen.says("The current password was wrong 5 times. Try again in 15 minutes.")
        assert make.sign_in(person.email)

    def test_is_not_offered_to_person_without_password(self, visit):
        screen = visit("account", make.staff())
        assert screen.says("You sign in without a password, so there is none to change.")
        assert "Change password" not in screen.labels()


class TestSessions:
    def test_are_described_and_current_one_has_no_button(self, visit, person):
        make.sign_in(person.email, user_agent=PHONE)
        screen = visit("account", person)
        assert screen.says("**Safari on iPhone**")
        assert screen.says("Signed in today, ")
        assert screen.says(" by password · last seen today, ")
        assert screen.says("This one")
        assert screen.labels().count("End") == 1

    def test_one_can_be_ended(self, visit, person):
        phone = make.sign_in(person.email, user_agent=PHONE)
        screen = visit("account", person).click("End")
        assert screen.toasts() == ["Safari on iPhone will be signed out at its next click."]
        assert find_session_actor(phone.secret) is None
        require(person, "read")

    def test_all_others_can_be_ended(self, visit, person):
        others = [make.sign_in(person.email) for _ in range(2)]
        visit("account", person).click("End all others")
        assert [find_session_actor(each.secret) for each in others] == [None, None]
        require(person, "read")


def test_open_page_updates_last_use_of_session(visit, person, event):
    make.assign(person, event)
    screen = visit("packages", person, event)
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    update_row(SignInSession, person.session_id, last_seen_at=long_ago)
    screen.rerun()
    assert get_row(SignInSession, person.session_id).last_seen_at > long_ago + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("header", "description"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
            "Chrome on Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on Mac"),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S918B) SamsungBrowser/25.0 Chrome/121.0 Safari",
            "Samsung Internet on Android",
        ),
        (PHONE, "Safari on iPhone"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_user_agent_is_described(header, description):
    assert user_agent.describe(header) == description

"""The API tokens page: create, show once, revoke."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import make
from tests.support.credentials import find_token_actor, get_row
from ticketing.models import ApiToken

NAME, EXPIRES = "What it is for", "Expires"


@pytest.fixture
def person(empty_database):
    return make.staff()


def find_secret(screen):
    return next((code.value for code in screen.app.code if code.value.startswith("td_")), None)


def test_empty_page_explains_tokens(visit, person):
    assert visit("tokens", person).says("No tokens yet")


def test_new_token_is_shown_once_with_example(visit, person):
    screen = visit("tokens", person).click("New token").type(NAME, "Donor site").click("Create token")
    secret = find_secret(screen)
    assert find_token_actor(secret).staff_id == person.staff_id
    assert f'curl -H "Authorization: Bearer {secret}" ' in screen.app.code[1].value
    assert screen.app.code[1].value.endswith("/api/v1/admin/events")
    screen.click("I have copied it")
    assert screen.dialog() is None
    assert screen.app.code == []
    assert secret not in repr(screen.app.session_state)
    assert screen.says("Donor site created today, ")
    assert screen.says("Last used never")


@pytest.mark.parametrize(("label", "days"), [("Never", None), ("In 30 days", 30), ("In a year", 365)])
def test_token_expires_as_chosen(visit, person, label, days):
    screen = visit("tokens", person).click("New token").type(NAME, "Site").type(EXPIRES, label).click("Create token")
    expires_at = get_row(ApiToken, find_token_actor(find_secret(screen)).token_id).expires_at
    if days is None:
        assert expires_at is None
    else:
        assert abs(expires_at - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)


def test_missing_name_is_marked(visit, person):
    screen = visit("tokens", person).click("New token").click("Create token")
    assert screen.problem(NAME) == "Enter a name."
    assert find_secret(screen) is None


def test_revocation_asks_first(visit, person):
    secret = make.token(person, "*Site*")
    screen = visit("tokens", person).click("Revoke")
    assert screen.says("Programs that use *Site* lose access from their next request.")
    assert find_token_actor(secret)
    screen.click("Revoke for good")
    assert screen.toasts() == ["*Site* revoked."]
    assert find_token_actor(secret) is None
    assert "Revoke" not in screen.labels()
    assert screen.says("*Site* Revoked created today, ")


def test_users_see_own_tokens_and_admins_all_with_owner(visit, person):
    make.token(person, "Person's site")
    make.token(make.staff(name="Ben Okafor"), "Ben's site")
    assert not visit("tokens", person).says("Ben's site")
    seen_by_admin = visit("tokens", make.staff(role="admin"))
    assert seen_by_admin.says("Ben's site")
    assert seen_by_admin.says("Ben Okafor · created today, ")

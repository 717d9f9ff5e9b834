"""Permissions by current rows, and updates of the last use."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func

from tests.support import make
from tests.support.credentials import find_session_actor, find_token_actor, get_row, require, update_row
from ticketing import db
from ticketing.access import permissions
from ticketing.catalog import packages
from ticketing.errors import NotAllowed, NotFound, NotSignedIn
from ticketing.models import ApiToken, SignInSession, Staff


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("admin", {"read", "change", "administer"}),
        ("coordinator", {"read", "change"}),
        ("viewer", {"read"}),
    ],
)
def test_role_allows_its_actions(event, role, allowed):
    actor = make.staff(role=role, event=event)
    for action in ("read", "change", "administer"):
        assert permissions.is_allowed(actor, action) == (action in allowed)
        if action in allowed:
            require(actor, action, event)
        else:
            with pytest.raises(NotAllowed):
                require(actor, action, event)


@pytest.mark.parametrize("role", ["coordinator", "viewer"])
@pytest.mark.parametrize("action", ["read", "change", "administer"])
def test_unassigned_event_is_not_found(event, role, action):
    with pytest.raises(NotFound):
        require(make.staff(role=role, event=make.event()), action, event)


def test_missing_event_looks_like_unassigned_one(event):
    stranger, messages = make.staff(), set()
    for event_id in (event.id, uuid.uuid4()):
        with db.read_session() as session, pytest.raises(NotFound) as refusal:
            permissions.require(session, stranger, "read", event_id)
        messages.add(str(refusal.value))
    assert len(messages) == 1


def test_admin_needs_no_assignment_but_existing_event(admin, event):
    require(admin, "change", event)
    with db.read_session() as session, pytest.raises(NotFound):
        permissions.require(session, admin, "read", uuid.uuid4())


def test_current_role_counts_not_that_of_actor(event):
    actor = make.staff(role="coordinator", event=event)
    update_row(Staff, actor.staff_id, role="viewer")
    with pytest.raises(NotAllowed):
        require(actor, "change", event)
    with pytest.raises(NotAllowed):
        require(replace(actor, role="admin"), "change", event)


def test_ended_session_is_refused_on_open_page(event):
    actor = make.staff(event=event)
    update_row(SignInSession, actor.session_id, ended_at=func.now())
    with pytest.raises(NotSignedIn):
        db.write(lambda session: packages.create(session, actor, event.id, make.package_draft()))


def test_actor_without_session_or_token_is_refused(event):
    with pytest.raises(NotSignedIn):
        require(replace(make.staff(event=event), session_id=None), "read", event)


def test_session_of_another_person_is_refused(event):
    admin, other = make.staff(role="admin"), make.staff(event=event)
    with pytest.raises(NotSignedIn):
        require(replace(admin, session_id=other.session_id), "administer")


@pytest.mark.parametrize("secret", ["", "td_", "td_unknown", "\x00"])
def test_unknown_secret_has_no_actor(secret):
    assert find_session_actor(secret) is None
    assert find_token_actor(secret) is None


def test_users_may_access_own_account_and_admins_all(admin):
    person, other = make.staff(role="viewer"), make.staff()

    def require_for(actor, staff_id):
        with db.read_session() as session:
            permissions.require_own_or_admin(session, actor, staff_id)

    require_for(person, person.staff_id)
    require_for(admin, person.staff_id)
    for staff_id in (other.staff_id, None):
        with pytest.raises(NotAllowed):
            require_for(person, staff_id)
    with pytest.raises(NotSignedIn):
        require_for(replace(person, session_id=None), person.staff_id)


class TestTouchLastUsed:
    """Rows are moved into the past instead of waiting."""

    def test_session_is_due_after_5_minutes(self):
        person = make.staff()
        for seconds, is_due in ((4 * 60 + 50, False), (5 * 60 + 1, True)):
            update_row(SignInSession, person.session_id, last_seen_at=func.now() - timedelta(seconds=seconds))
            with db.read_session() as session:
                assert permissions.get_session_actor(session, person.session_id).needs_last_used_update == is_due

    def test_token_is_due_at_first_use_and_after_a_minute(self):
        secret = make.token(make.staff())
        token = find_token_actor(secret)
        assert token.needs_last_used_update
        for seconds, is_due in ((50, False), (61, True)):
            update_row(ApiToken, token.token_id, last_used_at=func.now() - timedelta(seconds=seconds))
            assert find_token_actor(secret).needs_last_used_update == is_due

    def test_nothing_is_written_before_due(self):
        person = make.staff()
        seen = get_row(SignInSession, person.session_id).last_seen_at
        db.write(lambda session: permissions.touch_last_used(session, person))
        assert get_row(SignInSession, person.session_id).last_seen_at == seen

    def test_due_update_is_written_once(self):
        signed_in = make.sign_in(make.staff(password=make.PASSWORD).email)
        update_row(SignInSession, signed_in.session_id, last_seen_at=func.now() - timedelta(hours=1))
        person = find_session_actor(signed_in.secret)
        db.write(lambda session: permissions.touch_last_used(session, person))
        seen = get_row(SignInSession, signed_in.session_id).last_seen_at
        db.write(lambda session: permissions.touch_last_used(session, person))
        assert get_row(SignInSession, signed_in.session_id).last_seen_at == seen
        assert not find_session_actor(signed_in.secret).needs_last_used_update

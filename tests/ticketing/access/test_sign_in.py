"""Sign-in and sign-out, changing one's password, and open sessions."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import make
from tests.support.credentials import count_rows, find_session_actor, find_token_actor, get_row, require, update_row
from tests.support.database_state import get_audit_changes
from ticketing import db
from ticketing.access import permissions, sessions, sign_in
from ticketing.access.sign_in import PasswordChange, PasswordDraft
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn, RateLimited
from ticketing.models import SignInSession, Staff
from ticketing.validation import validate

NEW_PASSWORD = "another battery staple"


@pytest.fixture
def person():
    return make.staff(password=make.PASSWORD)


def test_email_ignores_case():
    actor = make.staff(password=make.PASSWORD)
    signed_in = make.sign_in(f"  {actor.email.upper()} ")
    assert find_session_actor(signed_in.secret).staff_id == actor.staff_id


def test_unknown_email_and_wrong_password_get_same_refusal():
    actor = make.staff(password=make.PASSWORD)
    without_password = make.staff()
    answers = set()
    for email, password in (
        (actor.email, make.PASSWORD + "x"),
        (make.email("nobody"), make.PASSWORD),
        (without_password.email, make.PASSWORD),
        (actor.email, ""),
    ):
        with pytest.raises(InvalidInput) as refusal:
            make.sign_in(email, password)
        answers.add(str(refusal.value.fields))
    assert len(answers) == 1


def test_refused_sign_in_opens_no_session():
    actor = make.staff(password=make.PASSWORD)
    before = count_rows(SignInSession)
    with pytest.raises(InvalidInput):
        make.sign_in(actor.email, "wrong password")
    assert count_rows(SignInSession) == before


def test_deactivated_person_cannot_sign_in_and_loses_access(event):
    actor = make.staff(password=make.PASSWORD, event=event)
    secret = make.sign_in(actor.email).secret
    update_row(Staff, actor.staff_id, is_active=False)
    assert find_session_actor(secret) is None
    with pytest.raises(NotSignedIn):
        require(actor, "read", event)
    with pytest.raises(InvalidInput):
        make.sign_in(actor.email)


def test_sign_out_ends_one_session():
    actor = make.staff(password=make.PASSWORD)
    phone, laptop = make.sign_in(actor.email), make.sign_in(actor.email)
    for _ in range(2):
        db.write(lambda session: sign_in.sign_out(session, phone.secret))
    assert find_session_actor(phone.secret) is None
    assert find_session_actor(laptop.secret).staff_id == actor.staff_id
    with db.read_session() as session, pytest.raises(NotSignedIn):
        permissions.get_session_actor(session, phone.session_id)


def test_session_lasts_14_days():
    actor = make.staff()
    with db.read_session() as session:
        row = session.get(SignInSession, actor.session_id)
    assert abs(row.expires_at - row.created_at - timedelta(days=14)) < timedelta(minutes=1)
    update_row(SignInSession, actor.session_id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        require(actor, "read")


def test_session_secret_is_stored_as_hash_only():
    actor = make.staff(password=make.PASSWORD)
    signed_in = make.sign_in(actor.email)
    with db.read_session() as session:
        row = session.get(SignInSession, signed_in.session_id)
    assert signed_in.secret.encode() not in row.secret_hash
    assert len(row.secret_hash) == 32


def test_signing_in_again_ends_previous_session_of_browser(person):
    before, elsewhere = make.sign_in(person.email), make.sign_in(person.email)
    after = make.sign_in(person.email, previous_secret=before.secret)
    assert after.secret not in (before.secret, elsewhere.secret)
    assert find_session_actor(before.secret) is None
    assert find_session_actor(elsewhere.secret).staff_id == find_session_actor(after.secret).staff_id == person.staff_id


def test_session_stores_method_and_user_agent(person):
    signed_in = make.sign_in(person.email, user_agent="B" * 300)
    opened = get_row(SignInSession, signed_in.session_id)
    assert (opened.method, opened.user_agent) == ("password", "B" * 200)


class TestOwnPassword:
    def change(self, actor, current=make.PASSWORD, password=NEW_PASSWORD, **more):
        draft = validate(PasswordDraft, {"current": current, "password": password} | more)
        db.write(lambda session: sign_in.count_password_check(session, actor))
        return db.write(lambda session: sign_in.change_password(session, actor, draft))

    def test_new_password_works_and_old_one_does_not(self, person):
        self.change(person)
        assert make.sign_in(person.email, NEW_PASSWORD)
        with pytest.raises(InvalidInput):
            make.sign_in(person.email)

    def test_change_ends_other_sessions(self, person):
        elsewhere, other = make.sign_in(person.email), make.staff()
        assert self.change(person) == PasswordChange(sessions_ended=1, tokens_revoked=0)
        assert find_session_actor(elsewhere.secret) is None
        require(person, "read")
        require(other, "read")

    def test_change_keeps_tokens_unless_asked_to_revoke_them(self, person):
        tokens, other = [make.token(person) for _ in range(2)], make.token(make.staff())
        self.change(person)
        assert all(find_token_actor(each) for each in tokens)
        change = self.change(person, NEW_PASSWORD, make.PASSWORD, revoke_tokens=True)
        assert change == PasswordChange(sessions_ended=0, tokens_revoked=2)
        assert [find_token_actor(each) for each in tokens] == [None, None]
        assert find_token_actor(other)

    def test_wrong_current_password_changes_nothing(self, person):
        elsewhere = make.sign_in(person.email)
        with pytest.raises(InvalidInput) as refusal:
            self.change(person, current="not the password")
        assert refusal.value.fields == {"current": "This is not your current password."}
        assert find_session_actor(elsewhere.secret)
        assert make.sign_in(person.email)

    @pytest.mark.parametrize(("length", "is_accepted"), [(9, False), (10, True)])
    def test_new_password_has_at_least_10_characters(self, length, is_accepted):
        given = {"current": "", "password": "x" * length}
        if is_accepted:
            assert validate(PasswordDraft, given)
        else:
            with pytest.raises(InvalidInput):
                validate(PasswordDraft, given)

    def test_person_without_password_cannot_change_it(self):
        actor = make.staff()
        with pytest.raises(Conflict, match="You sign in without a password"):
            self.change(actor)
        assert get_row(Staff, actor.staff_id).password_hash is None

    def test_current_password_is_limited_to_five_attempts(self, person):
        for _ in range(5):
            with pytest.raises(InvalidInput):
                self.change(person, current="not the password")
        with pytest.raises(RateLimited):
            self.change(person)
        assert make.sign_in(person.email)

    def test_right_current_password_resets_count(self, person):
        for _ in range(4):
            with pytest.raises(InvalidInput):
                self.change(person, current="not the password")
        self.change(person)
        with pytest.raises(InvalidInput):
            self.change(person)

    def test_change_is_audited_without_secret(self, person):
        self.change(person)
        assert get_audit_changes(person.staff_id, "staff.password_changed") == {None: (None, None)}

    def test_signed_out_user_cannot_change_password(self, person):
        update_row(SignInSession, person.session_id, ended_at=datetime.now(UTC))
        with pytest.raises(NotSignedIn):
            self.change(person)
        assert make.sign_in(person.email)


class TestIdleSessions:
    """Sessions of admins end 12 hours after the last use unless a setting says otherwise, others after 14 days."""

    def make_idle(self, role, hours):
        actor = make.staff(role, password=make.PASSWORD)
        secret = make.sign_in(actor.email).secret
        last_seen_at = datetime.now(UTC) - timedelta(hours=hours)
        for each in (find_session_actor(secret).session_id, actor.session_id):
            update_row(SignInSession, each, last_seen_at=last_seen_at)
        return actor, secret

    @pytest.mark.parametrize(
        ("role", "settings", "hours", "is_open"),
        [
            ("admin", {}, 11.9, True),
            ("admin", {}, 12.1, False),
            ("admin", {"TICKETDESK_ADMIN_IDLE_HOURS": "2"}, 2.1, False),
            ("admin", {"TICKETDESK_ADMIN_IDLE_HOURS": "24"}, 23.9, True),
            ("admin", {"TICKETDESK_IDLE_HOURS": "2"}, 2.1, True),
            ("coordinator", {}, 335.9, True),
            ("viewer", {"TICKETDESK_IDLE_HOURS": "2"}, 1.9, True),
            ("viewer", {"TICKETDESK_IDLE_HOURS": "2"}, 2.1, False),
        ],
    )
    def test_session_is_over_after_the_hours_without_use(self, monkeypatch, role, settings, hours, is_open):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        actor, secret = self.make_idle(role, hours)
        with db.read_session() as session:
            listed = sessions.list_open(session, OPERATOR, actor.staff_id)
        assert bool(find_session_actor(secret)) == is_open
        assert len(listed) == (2 if is_open else 0)
        if is_open:
            require(actor, "read")
        else:
            with pytest.raises(NotSignedIn):
                require(actor, "read")

    def test_token_of_an_idle_admin_works(self):
        actor, _ = self.make_idle("admin", 1)
        token = make.token(actor)
        update_row(SignInSession, actor.session_id, last_seen_at=datetime.now(UTC) - timedelta(hours=13))
        assert find_token_actor(token)
        with pytest.raises(NotSignedIn):
            require(actor, "read")


class TestSessions:
    def list_open(self, actor, staff_id):
        with db.read_session() as session:
            return [each.id for each in sessions.list_open(session, actor, staff_id)]

    def end(self, actor, session_id):
        db.write(lambda session: sessions.end(session, actor, session_id))

    def test_own_open_sessions_are_listed_last_used_first(self, person):
        phone, laptop, gone = (make.sign_in(person.email) for _ in range(3))
        make.sign_in(make.staff(password=make.PASSWORD).email)
        self.end(person, gone.session_id)
        update_row(SignInSession, laptop.session_id, last_seen_at=datetime.now(UTC) + timedelta(minutes=1))
        assert self.list_open(person, person.staff_id) == [laptop.session_id, phone.session_id, person.session_id]

    def test_expired_session_is_not_listed(self, person):
        over = make.sign_in(person.email)
        update_row(SignInSession, over.session_id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert self.list_open(person, person.staff_id) == [person.session_id]

    def test_ended_session_loses_access(self, person):
        phone, laptop = make.sign_in(person.email), make.sign_in(person.email)
        self.end(person, phone.session_id)
        assert find_session_actor(phone.secret) is None
        assert find_session_actor(laptop.secret)

    def test_end_all_keeps_current_session(self, person):
        others = [make.sign_in(person.email) for _ in range(2)]
        assert db.write(lambda session: sessions.end_all(session, person, person.staff_id)) == 2
        assert [find_session_actor(each.secret) for each in others] == [None, None]
        require(person, "read")

    def test_admins_list_and_end_sessions_of_others(self, admin, person):
        phone = make.sign_in(person.email)
        assert self.list_open(admin, person.staff_id) == [phone.session_id, person.session_id]
        self.end(admin, phone.session_id)
        assert find_session_actor(phone.secret) is None
        assert db.write(lambda session: sessions.end_all(session, admin, person.staff_id)) == 1
        with pytest.raises(NotSignedIn):
            require(person, "read")
        require(admin, "read")

    def test_others_cannot_list_or_end_sessions(self, person):
        coordinator = make.staff()
        for attempt in (
            lambda: self.list_open(coordinator, person.staff_id),
            lambda: self.end(coordinator, person.session_id),
            lambda: db.write(lambda session: sessions.end_all(session, coordinator, person.staff_id)),
        ):
            with pytest.raises(NotAllowed):
                attempt()
        require(person, "read")

    def test_unknown_session_is_not_found_for_admins_only(self, admin, person):
        with pytest.raises(NotFound, match=r"This session does not exist\.$"):
            self.end(admin, person.staff_id)
        with pytest.raises(NotAllowed):
            self.end(person, admin.staff_id)

    def test_ending_is_audited_once(self, admin, person):
        phone = make.sign_in(person.email)
        for _ in range(2):
            self.end(admin, phone.session_id)
        assert get_audit_changes(person.staff_id, "staff.sessions_ended") == {"sessions": (1, 0)}

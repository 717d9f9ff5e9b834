"""Staff accounts: create, list, invite, edit, deactivate, activate."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import make
from tests.support.credentials import count_rows, find_session_actor, find_token_actor, get_row, require, update_row
from tests.support.database_state import get_audit_changes
from ticketing import db
from ticketing.access import sign_in, staff
from ticketing.access.staff import InvitationDraft, StaffDraft
from ticketing.actors import OPERATOR
from ticketing.errors import (
    Conflict,
    DuplicateAccount,
    InvalidInput,
    LastAdmin,
    NotAllowed,
    NotFound,
    NotSignedIn,
    StaleVersion,
)
from ticketing.models import AuditEntry, EventAssignment, Staff
from ticketing.validation import validate


def draft(**values):
    return validate(
        StaffDraft,
        {"email": make.email(), "name": "Ana Ruiz", "role": "coordinator", "password": make.PASSWORD} | values,
    )


def test_only_admins_create_accounts(admin):
    added = db.write(lambda session: staff.create(session, admin, draft()))
    assert added.role == "coordinator"
    coordinator = make.staff()
    before = count_rows(Staff)
    with pytest.raises(NotAllowed):
        db.write(lambda session: staff.create(session, coordinator, draft()))
    assert count_rows(Staff) == before


def test_email_is_unique_ignoring_case(admin):
    email = make.email()
    db.write(lambda session: staff.create(session, admin, draft(email=email)))
    with pytest.raises(Conflict, match="has an account already"):
        db.write(lambda session: staff.create(session, admin, draft(email=email.upper())))


def test_unknown_event_is_not_found(admin, event):
    with pytest.raises(NotFound):
        db.write(lambda s: staff.create(s, admin, draft(), event_ids=(event.id, admin.staff_id)))
    person = db.write(lambda s: staff.create(s, admin, draft(), event_ids=(event.id,)))
    signed_in = make.sign_in(person.email)
    require(find_session_actor(signed_in.secret), "change", event)


def test_passwords_are_not_in_audit_log(admin):
    person = db.write(lambda session: staff.create(session, admin, draft()))
    assert get_audit_changes(person.id, "staff.added").keys() == {"email", "role"}


def invite(actor, *events, **values):
    given = {"email": make.email(), "name": "Ana Ruiz", "role": "coordinator"} | values
    event_ids = [event.id for event in events]
    return db.write(
        lambda s: staff.invite(s, actor, validate(InvitationDraft, given), event_ids=event_ids),
    )


def update(actor, person_id, seen_version=None, assign=(), unassign=(), **values):
    more = {"assign": [event.id for event in assign], "unassign": [event.id for event in unassign]}
    return db.write(lambda s: staff.update(s, actor, person_id, values, seen_version=seen_version, **more))


def deactivate(actor, person):
    return db.write(lambda session: staff.deactivate(session, actor, person.staff_id))


def activate(actor, person):
    return db.write(lambda session: staff.activate(session, actor, person.staff_id))


def list_names(actor, **how):
    with db.read_session() as session:
        people, total = staff.list_page(session, actor, **how)
    return [person.row.name for person in people], total


def get_state(actor, person_id):
    with db.read_session() as session:
        return staff.get(session, actor, person_id).state


class TestList:
    @pytest.fixture
    def admin(self, empty_database):
        return make.staff(role="admin", name="Zoë Müller", email="zm@example.org")

    def test_is_ordered_by_name_with_deactivated_last(self, admin):
        for name in ("ben", "Ana", "Émile"):
            make.staff(name=name)
        deactivate(admin, make.staff(name="Aaron"))
        assert list_names(admin) == (["Ana", "ben", "Émile", "Zoë Müller", "Aaron"], 5)

    @pytest.mark.parametrize("search", ["zoe", "MULL", "zm@ex", "example muller", "  zoë  "])
    def test_search_ignores_case_and_accents(self, admin, search):
        make.staff(name="Ben", email="ben@elsewhere.test")
        assert list_names(admin, search=search) == (["Zoë Müller"], 1)

    @pytest.mark.parametrize("search", ["nobody", "zoe ben", "%", "_"])
    def test_search_without_match_is_empty(self, admin, search):
        assert list_names(admin, search=search) == ([], 0)

    def test_has_20_per_page(self, admin):
        for number in range(20):
            make.staff(name=f"Person {number:02}")
        assert (len(list_names(admin)[0]), list_names(admin)[1]) == (20, 21)
        assert list_names(admin, page=2) == (["Zoë Müller"], 21)

    def test_is_for_admins_only(self, admin):
        person = make.staff()
        with pytest.raises(NotAllowed):
            list_names(person)
        with db.read_session() as session, pytest.raises(NotAllowed):
            staff.get(session, person, person.staff_id)

    def test_has_events_and_last_use(self, admin):
        gala, golf = make.event(name="Gala"), make.event(name="Golf", starts_at="2093-05-01T10:00")
        person = make.staff(event=gala)
        make.assign(person, golf)
        with db.read_session() as session:
            found = staff.get(session, admin, person.staff_id)
        assert list(found.events.values()) == ["Golf", "Gala"]
        assert abs(found.last_seen_at - datetime.now(UTC)) < timedelta(minutes=1)


class TestInvite:
    def test_creates_account_without_password(self, admin, event):
        person, secret = invite(admin, event, role="viewer")
        assert (person.role, person.password_hash, get_state(admin, person.id)) == ("viewer", None, "invited")
        assert len(secret) >= 43
        assert get_audit_changes(person.id, "staff.invited") == {
            "email": (None, person.email),
            "role": (None, "viewer"),
        }
        assert get_audit_changes(person.id, "staff.assigned") == {None: (None, None)}
        assert count_rows(EventAssignment, staff_id=person.id, event_id=event.id) == 1

    def test_is_for_admins_only(self):
        coordinator, before = make.staff(), count_rows(Staff)
        with pytest.raises(NotAllowed):
            invite(coordinator)
        assert count_rows(Staff) == before

    def test_existing_email_is_refused_at_its_field(self, admin):
        email = make.email()
        invite(admin, email=email)
        before = count_rows(Staff)
        with pytest.raises(DuplicateAccount) as refusal:
            invite(admin, email=email.upper())
        assert refusal.value.field == "email"
        assert count_rows(Staff) == before

    def test_unknown_event_creates_no_account(self, admin):
        before = count_rows(Staff)
        with pytest.raises(NotFound):
            db.write(
                lambda s: staff.invite(
                    s,
                    admin,
                    InvitationDraft(email=make.email(), name="Ana", role="viewer"),
                    event_ids=[admin.staff_id],
                )
            )
        assert count_rows(Staff) == before

    def test_assignment_is_in_audit_log_of_event(self, admin, event):
        person, _ = invite(admin, event)
        update(admin, person.id, unassign=[event])
        with db.read_session() as session:
            rows = session.query(AuditEntry).filter_by(event_id=event.id, subject_id=person.id).order_by("id").all()
        assert [(each.action, each.subject_name) for each in rows] == [
            ("staff.assigned", "Ana Ruiz"),
            ("staff.unassigned", "Ana Ruiz"),
        ]


class TestUpdate:
    def test_name_and_role_apply_at_once(self, admin, event):
        person = make.staff(event=event)
        require(person, "change", event)
        changed = update(admin, person.staff_id, 1, name="Ana Maria", role="viewer")
        assert (changed.name, changed.role, changed.version) == ("Ana Maria", "viewer", 2)
        with pytest.raises(NotAllowed):
            require(person, "change", event)
        assert get_audit_changes(person.staff_id, "staff.changed") == {
            "name": ("Sam Coordinator", "Ana Maria"),
            "role": ("coordinator", "viewer"),
        }

    def test_events_are_assigned_and_unassigned(self, admin):
        gala, golf = make.event(), make.event()
        person = make.staff(event=gala)
        update(admin, person.staff_id, assign=[golf], unassign=[gala])
        require(person, "change", golf)
        with pytest.raises(NotFound):
            require(person, "read", gala)

    def test_two_admins_assigning_different_events_both_succeed(self, admin):
        gala, golf, person = make.event(), make.event(), make.staff()
        update(admin, person.staff_id, 1, assign=[gala])
        update(make.staff(role="admin"), person.staff_id, 1, assign=[golf])
        assert count_rows(EventAssignment, staff_id=person.staff_id) == 2

    def test_assigning_twice_is_audited_once(self, admin, event):
        person = make.staff(event=event)
        update(admin, person.staff_id, assign=[event])
        update(admin, person.staff_id, unassign=[event])
        update(admin, person.staff_id, unassign=[event])
        assert get_audit_changes(person.staff_id, "staff.assigned") == {}
        assert count_rows(AuditEntry, subject_id=person.staff_id, action="staff.unassigned") == 1

    def test_stale_version_is_refused_with_changes(self, admin):
        person, bea = make.staff(), make.staff(role="admin", name="Bea Colleague")
        update(bea, person.staff_id, 1, role="viewer")
        with pytest.raises(StaleVersion, match="Bea Colleague changed Sam Coordinator after you opened it: role"):
            update(admin, person.staff_id, 1, role="admin")
        assert get_row(Staff, person.staff_id).role == "viewer"

    @pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 101}, {"role": "owner"}])
    def test_invalid_values_are_refused(self, admin, wrong):
        person = make.staff()
        with pytest.raises(InvalidInput):
            update(admin, person.staff_id, **wrong)
        assert get_row(Staff, person.staff_id).version == 1

    def test_email_cannot_be_changed(self, admin):
        person = make.staff()
        update(admin, person.staff_id, email="other@example.org", name="Ana")
        assert get_row(Staff, person.staff_id).email == person.email

    def test_is_for_admins_only(self, event):
        person = make.staff(event=event)
        with pytest.raises(NotAllowed):
            update(person, person.staff_id, role="admin")
        with pytest.raises(NotAllowed):
            update(person, person.staff_id, assign=[make.event()])
        assert get_row(Staff, person.staff_id).role == "coordinator"
        assert count_rows(EventAssignment, staff_id=person.staff_id) == 1

    def test_unknown_account_is_not_found(self, admin, event):
        with pytest.raises(NotFound, match=r"This account does not exist\.$"):
            update(admin, event.id, name="Ana")


class TestDeactivate:
    def test_revokes_sessions_tokens_and_links_for_good(self, admin, event):
        person = make.staff(event=event, password=make.PASSWORD)
        cookie, token = make.sign_in(person.email).secret, make.token(person)
        by_token = find_token_actor(token)
        db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))

        deactivate(admin, person)
        for actor in (person, by_token):
            with pytest.raises(NotSignedIn):
                require(actor, "read", event)
        with pytest.raises(InvalidInput):
            make.sign_in(person.email)

        activate(admin, person)
        assert (find_session_actor(cookie), find_token_actor(token)) == (None, None)
        for actor in (person, by_token):
            with pytest.raises(NotSignedIn):
                require(actor, "read", event)
        assert get_state(admin, person.staff_id) == "active"
        require(find_session_actor(make.sign_in(person.email).secret), "change", event)

    def test_neither_happens_when_the_account_changed_since(self, admin):
        person = make.staff(name="Ben Okafor")
        update(admin, person.staff_id, name="Ben Lund")
        with pytest.raises(StaleVersion, match="Ben Lund"):
            db.write(lambda s: staff.deactivate(s, admin, person.staff_id, seen_version=1))
        assert get_state(admin, person.staff_id) != "deactivated"
        db.write(lambda s: staff.deactivate(s, admin, person.staff_id, seen_version=2))
        with pytest.raises(StaleVersion):
            db.write(lambda s: staff.activate(s, admin, person.staff_id, seen_version=2))
        assert get_state(admin, person.staff_id) == "deactivated"
        db.write(lambda s: staff.activate(s, admin, person.staff_id, seen_version=3))

    def test_session_opened_by_concurrent_sign_in_stays_revoked(self, admin):
        person = make.staff()
        deactivate(admin, person)
        late = db.write(
            lambda session: sign_in.open_session(session, session.get(Staff, person.staff_id), user_agent="tests")
        )
        activate(admin, person)
        assert find_session_actor(late.secret) is None

    def test_does_not_affect_others(self, admin):
        other = make.staff()
        token = make.token(other)
        deactivate(admin, make.staff())
        require(other, "read")
        assert find_token_actor(token)

    def test_twice_is_audited_once(self, admin):
        person = make.staff()
        for _ in range(2):
            deactivate(admin, person)
        for _ in range(2):
            activate(admin, person)
        for action in ("staff.deactivated", "staff.activated"):
            assert count_rows(AuditEntry, subject_id=person.staff_id, action=action) == 1

    def test_own_account_is_refused(self, admin):
        make.staff(role="admin", password=make.PASSWORD)
        with pytest.raises(Conflict, match="You cannot deactivate yourself"):
            deactivate(admin, admin)
        require(admin, "administer")

    def test_is_for_admins_only(self):
        person, coordinator = make.staff(), make.staff()
        for attempt in (deactivate, activate):
            with pytest.raises(NotAllowed):
                attempt(coordinator, person)
        require(person, "read")

    def test_demoted_admin_is_refused(self, admin):
        person, other = make.staff(), make.staff(role="admin")
        update(admin, other.staff_id, role="coordinator")
        with pytest.raises(NotAllowed):
            deactivate(other, person)
        require(person, "read")


class TestLastAdmin:
    @pytest.fixture
    def admin(self, empty_database):
        return make.staff(role="admin", name="Ana Ruiz", password=make.PASSWORD)

    def assert_stays_admin(self, admin, actor=OPERATOR):
        for attempt in (
            lambda: deactivate(actor, admin),
            lambda: update(actor, admin.staff_id, role="coordinator"),
        ):
            with pytest.raises(LastAdmin, match="Ana Ruiz is the only admin who can sign in"):
                attempt()
        require(admin, "administer")

    def test_is_neither_deactivated_nor_demoted(self, admin):
        make.staff(password=make.PASSWORD)
        self.assert_stays_admin(admin)
        with pytest.raises(LastAdmin):
            update(admin, admin.staff_id, role="viewer")

    def test_may_be_both_with_another_admin(self, admin):
        other = make.staff(role="admin", password=make.PASSWORD)
        update(admin, admin.staff_id, role="viewer")
        with pytest.raises(LastAdmin):
            deactivate(OPERATOR, other)

    def test_deactivated_admins_do_not_count(self, admin):
        deactivate(admin, make.staff(role="admin", password=make.PASSWORD))
        self.assert_stays_admin(admin)

    def test_invited_admins_do_not_count(self, admin):
        invite(admin, role="admin")
        self.assert_stays_admin(admin)

    def test_admins_with_openid_count(self, admin):
        other = make.staff(role="admin")
        update_row(Staff, other.staff_id, openid_issuer="https://id.example.org", openid_subject="7")
        deactivate(other, admin)

    def test_name_can_be_changed(self, admin):
        assert update(admin, admin.staff_id, name="Ana Maria", role="admin").name == "Ana Maria"


class TestLinks:
    def test_keep_current_password_until_used(self, admin):
        person = make.staff(password=make.PASSWORD)
        db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))
        assert make.sign_in(person.email)
        assert get_audit_changes(person.staff_id, "staff.link_made") == {None: (None, None)}

    def test_are_refused_for_deactivated_account(self, admin):
        person = make.staff(name="Ben Okafor")
        deactivate(admin, person)
        with pytest.raises(Conflict, match="Ben Okafor is deactivated"):
            db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))

    def test_are_for_admins_only(self):
        person = make.staff()
        with pytest.raises(NotAllowed):
            db.write(lambda session: staff.create_invitation_link(session, person, person.staff_id))

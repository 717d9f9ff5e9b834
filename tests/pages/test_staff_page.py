"""The staff page: invite, edit, deactivate and activate people."""

import re

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.credentials import count_rows, get_row, require
from tests.support.openid_visitor import configure_openid
from ticketing import db
from ticketing.access import staff
from ticketing.errors import NotSignedIn
from ticketing.models import EventAssignment, SignInSession, Staff

NAME, EMAIL, ROLE, EVENTS, FIND = (
    "Name",
    "E-mail address",
    "Role",
    "Events (optional)",
    "Find by name or e-mail address",
)


@pytest.fixture
def admin(empty_database):
    return make.staff(role="admin", name="Zoe Admin", email="zoe@example.org", password=make.PASSWORD)


def find_staff(email):
    with db.read_session() as session:
        return session.scalars(select(Staff).where(Staff.email == email)).one_or_none()


def pick(screen, person, entry):
    screen.app.menu_button(key=f"menu_{person.staff_id}").click(entry)
    return screen.rerun()


def find_links(screen):
    return [match for code in screen.app.code if (match := re.search(r"/session/invitation\?code=(\S+)", code.value))]


def count_menus(screen):
    return sum(label.startswith("Actions for ") for label in screen.labels())


class TestList:
    def test_shows_role_events_and_last_use(self, visit, admin):
        make.staff(role="viewer", name="*Ana*", email="ana@example.org", event=make.event(name="Gala"))
        screen = visit("staff", admin)
        assert screen.says("*Ana*")
        assert screen.says("ana@example.org · Gala Role Viewer Last seen today, ")
        assert screen.says("All events")

    def test_names_three_of_many_events(self, visit, admin):
        person = make.staff(event=make.event(name="Event 0"))
        for number in range(1, 5):
            make.assign(person, make.event(name=f"Event {number}"))
        assert visit("staff", admin).says(", Event 2 and 2 more")

    def test_says_when_person_has_no_event(self, visit, admin):
        make.staff()
        assert visit("staff", admin).says("No events yet")

    def test_shows_20_per_page_and_search_finds_others(self, visit, admin):
        for number in range(20):
            make.staff(name=f"Person {number:02}")
        screen = visit("staff", admin)
        assert count_menus(screen) == 20
        assert not screen.says("Zoe Admin")
        screen.enter(FIND, "zoé")
        assert screen.says("Zoe Admin")
        assert count_menus(screen) == 1
        screen.enter(FIND, "nobody")
        assert screen.says("No results for “nobody”.")


class TestInvite:
    def test_creates_account_and_shows_link_once(self, visit, admin):
        event = make.event(name="Gala")
        screen = visit("staff", admin, event).click("Invite")
        screen.type(NAME, "Ben Okafor").type(EMAIL, "ben@example.org").type(ROLE, "viewer").type(EVENTS, [event.id])
        screen.click_last("Invite")
        assert screen.dialog() == "Link"
        assert screen.says("Share this link with **Ben Okafor** (ben@example.org)")
        assert len(find_links(screen)) == 1
        ben = find_staff("ben@example.org")
        assert (ben.role, ben.password_hash) == ("viewer", None)
        assert count_rows(EventAssignment, staff_id=ben.id, event_id=event.id) == 1

        screen.click("I have copied it")
        assert screen.dialog() is None
        assert find_links(screen) == []
        assert "code=" not in repr(screen.app.session_state)
        assert screen.says("Last seen never link until ")

    def test_makes_no_link_where_people_sign_in_by_openid_only(self, visit, admin, monkeypatch):
        configure_openid(
            monkeypatch,
            ISSUER="https://login.example.org",
            CLIENT_ID="desk",
            CLIENT_SECRET="secret",
            DOMAINS="example.org",
            NAME="Harbor *Lights* account",
        )
        monkeypatch.setenv("TICKETDESK_PASSWORD_SIGN_IN", "no")
        screen = visit("staff", admin).click("Invite").type(NAME, "Ben Okafor").type(EMAIL, "ben@example.org")
        assert screen.says("We don't send e-mail. They sign in with Harbor *Lights* account.")
        screen.click_last("Invite")
        assert screen.toasts() == ["Ben Okafor can sign in with Harbor *Lights* account now."]
        assert screen.dialog() is None
        ben = find_staff("ben@example.org")
        choices = screen.menu(ben.id)
        assert "New link" not in choices
        assert "Sessions" in choices

    def test_shows_problem_beside_field_and_keeps_values(self, visit, admin):
        screen = visit("staff", admin).click("Invite").type(NAME, "Ben").type(EMAIL, "ben").click_last("Invite")
        assert screen.problem(EMAIL) == "Enter an e-mail address such as ana@example.org."
        assert screen.value(NAME) == "Ben"
        screen.type(EMAIL, "ZOE@example.org").click_last("Invite")
        assert screen.problem(EMAIL) == "ZOE@example.org has an account already."
        assert count_rows(Staff) == 1


class TestEdit:
    def test_name_role_and_events_are_saved(self, visit, admin):
        gala, golf = make.event(name="Gala"), make.event(name="Golf")
        person = make.staff(event=gala)
        screen = pick(visit("staff", admin), person, "Edit")
        assert (screen.value(NAME), screen.value(EVENTS)) == ("Sam Coordinator", [gala.id])
        screen.type(NAME, "Sam Viewer").type(ROLE, "viewer").type(EVENTS, [golf.id]).click("Save person")
        assert screen.offer() == "Sam Viewer saved."
        changed = get_row(Staff, person.staff_id)
        assert (changed.name, changed.role) == ("Sam Viewer", "viewer")
        assert count_rows(EventAssignment, staff_id=person.staff_id, event_id=golf.id) == 1
        assert count_rows(EventAssignment, staff_id=person.staff_id) == 1

        screen.click("Undo")
        restored = get_row(Staff, person.staff_id)
        assert (restored.name, restored.role) == ("Sam Coordinator", "coordinator")
        assert count_rows(EventAssignment, staff_id=person.staff_id, event_id=gala.id) == 1
        assert count_rows(EventAssignment, staff_id=person.staff_id) == 1

    def test_merges_change_of_colleague(self, visit, admin):
        person, bea = make.staff(), make.staff(role="admin", name="Bea Colleague")
        screen = pick(visit("staff", admin), person, "Edit").type(NAME, "Ana Ruiz")
        change = {"role": "viewer"}
        db.write(lambda session: staff.update(session, bea, person.staff_id, change, seen_version=1))
        screen.click("Save person")
        assert screen.says("**Role**: Bea Colleague changed coordinator to viewer, today")
        screen.click("Save person")
        assert (get_row(Staff, person.staff_id).name, get_row(Staff, person.staff_id).role) == ("Ana Ruiz", "viewer")

    def test_last_admin_keeps_role(self, visit, admin):
        screen = pick(visit("staff", admin), admin, "Edit").type(ROLE, "viewer").click("Save person")
        assert screen.says("Zoe Admin is the only admin who can sign in. Make another person an admin first.")
        assert get_row(Staff, admin.staff_id).role == "admin"

    def test_former_admin_cannot_save(self, visit, admin):
        person, other = make.staff(), make.staff(role="admin", password=make.PASSWORD)
        screen = pick(visit("staff", admin), person, "Edit").type(ROLE, "admin")
        db.write(lambda s: staff.update(s, other, admin.staff_id, {"role": "coordinator"}, seen_version=None))
        screen.click("Save person")
        assert "Staff" not in screen.pages()
        assert screen.app.title[0].value == "All events"
        assert get_row(Staff, person.staff_id).role == "coordinator"


DEACTIVATED = "Ben Okafor deactivated. Undo lets them sign in again; tokens and links stay revoked."


class TestDeactivate:
    def test_asks_first_and_person_can_be_activated_again(self, visit, admin):
        person = make.staff(name="Ben Okafor")
        screen = pick(visit("staff", admin), person, "Deactivate")
        assert screen.says("Ben Okafor loses access from the next click")
        require(person, "read")
        screen.click("Deactivate")
        assert screen.offer() == DEACTIVATED
        with pytest.raises(NotSignedIn):
            require(person, "read")
        pick(screen, person, "Activate")
        assert screen.offer() == "Ben Okafor can sign in again."
        assert get_row(Staff, person.staff_id).is_active

    def test_both_are_undone(self, visit, admin):
        person = make.staff(name="Ben Okafor")
        screen = pick(visit("staff", admin), person, "Deactivate").click("Deactivate").click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert get_row(Staff, person.staff_id).is_active
        with pytest.raises(NotSignedIn):  # sessions stay ended
            require(person, "read")
        pick(screen, person, "Deactivate").click("Deactivate")
        pick(screen, person, "Activate").click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert not get_row(Staff, person.staff_id).is_active

    def test_undo_is_refused_when_the_account_changed_since(self, visit, admin):
        person, bea = make.staff(name="Ben Okafor"), make.staff(role="admin", name="Bea Colleague")
        screen = pick(visit("staff", admin), person, "Deactivate").click("Deactivate")
        db.write(lambda session: staff.update(session, bea, person.staff_id, {"role": "viewer"}, seen_version=2))
        screen.click("Undo")
        assert screen.toasts() == ["Not undone. Bea Colleague changed it since."]
        assert not get_row(Staff, person.staff_id).is_active

    def test_what_a_colleague_did_first_is_not_undone(self, visit, admin):
        person, bea = make.staff(name="Ben Okafor"), make.staff(role="admin", name="Bea Colleague")
        screen = pick(visit("staff", admin), person, "Deactivate")
        db.write(lambda session: staff.deactivate(session, bea, person.staff_id))
        screen.click("Deactivate")
        assert (screen.toasts(), screen.offer()) == (["Ben Okafor was deactivated already."], None)
        db.write(lambda session: staff.activate(session, bea, person.staff_id))
        pick(screen, person, "Activate")
        assert (screen.toasts(), screen.offer()) == (["Ben Okafor can sign in already."], None)

    def test_is_not_offered_for_own_account(self, visit, admin):
        screen = visit("staff", admin)
        assert "Deactivate" not in screen.menu(admin.staff_id)

    def test_can_be_canceled(self, visit, admin):
        person = make.staff()
        screen = pick(visit("staff", admin), person, "Deactivate").click("Cancel")
        assert screen.dialog() is None
        require(person, "read")


def test_new_link_is_created_after_question(visit, admin):
    person = make.staff(name="Ben Okafor")
    screen = pick(visit("staff", admin), person, "New link")
    assert screen.says("Ben Okafor can choose a new password with a new link.")
    assert find_links(screen) == []
    screen.click("Create link")
    assert len(find_links(screen)) == 1


def test_admin_ends_sessions_of_others(visit, admin):
    person = make.staff()
    screen = pick(visit("staff", admin), person, "Sessions").click("End")
    assert screen.says("No active sessions.")
    assert get_row(SignInSession, person.session_id).ended_at is not None

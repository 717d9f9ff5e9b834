"""The events page: visible events, create, edit and copy."""

from datetime import datetime

import pytest
from sqlalchemy import select

from tests.support import make
from ticketing import db
from ticketing.catalog import events
from ticketing.models import Event, EventAssignment, Package, PromoCode
from ui import session as page_session

NAME, STARTS, ZONE, VENUE, GOAL = (
    "Name",
    "Starts",
    "Time zone of the venue",
    "Venue",
    "Revenue goal in US dollars (optional)",
)


def find_event(**where):
    with db.read_session() as session:
        return session.scalars(select(Event).filter_by(**where)).one_or_none()


def test_lists_only_assigned_events(visit):
    mine, others = make.event(name="My Gala"), make.event(name="Their Gala")
    screen = visit("events", make.staff(event=mine))
    assert screen.says("My Gala")
    assert not screen.says(others.name)


def test_card_shows_venue_start_and_goal(visit, admin):
    event = make.event(name="My Gala", venue="Pier *9* Hall", starts_at="2031-12-05T18:00", revenue_goal="750000")
    screen = visit("events", make.staff(event=event))
    (line,) = [text for text in screen.texts() if "Pier" in text]
    assert line.startswith("Pier *9* Hall · Fri 5 Dec 2031, 6:00 PM New York · ")
    assert line.endswith(" days to go · goal $750,000")


@pytest.mark.parametrize(
    ("role", "sentence", "office"),
    [
        ("admin", "Create the first one, then add its packages.", ["Staff", "API tokens"]),
        ("coordinator", "You are not assigned to an event yet. Ask an admin.", ["API tokens"]),
    ],
)
def test_empty_page_explains_what_to_do(visit, empty_database, role, sentence, office):
    screen = visit("events", make.staff(role=role, name="Ana"))
    assert screen.says(sentence)
    assert screen.pages() == [*office, "All events", f"Ana · {role}"]


def test_creating_an_event_requires_admin(visit, admin, event):
    assert "New event" in visit("events", admin).labels()
    assert "New event" not in visit("events", make.staff(event=event)).labels()


def test_new_event_starts_in_its_time_zone_and_opens_packages(visit, admin):
    name = make.unique("Golf Day")
    screen = visit("events", admin).click("New event")
    screen.type(NAME, name).type(STARTS, datetime(2031, 6, 1, 9, 30)).type(ZONE, "Europe/Berlin").type(
        VENUE, "Course 1"
    )
    screen.click("Create event")
    event = find_event(name=name)
    assert event.starts_at.isoformat() == "2031-06-01T07:30:00+00:00"
    assert event.revenue_goal is None
    assert screen.app.title[0].value == "Packages"
    assert screen.says(name)
    assert screen.app.query_params["event"] == str(event.id)


def test_problems_are_beside_their_fields_and_input_stays(visit, admin):
    name = make.unique("Golf Day")
    screen = visit("events", admin).click("New event").type(NAME, name).type(GOAL, "lots").click("Create event")
    assert screen.problem(STARTS) == "Enter a date and time."
    assert screen.problem(VENUE) == "Enter a venue."
    assert screen.problem(GOAL) == "Enter an amount, like 1234.50."
    assert (screen.value(NAME), screen.value(GOAL)) == (name, "lots")
    assert find_event(name=name) is None


def test_coordinator_edits_an_assigned_event(visit):
    event = make.event(name="My Gala")
    screen = visit("events", make.staff(event=event)).click("Edit")
    assert screen.value(STARTS).isoformat() == "2026-12-05T18:00:00"
    screen.type(GOAL, "1000").click("Save event")
    assert screen.toasts() == ["My Gala saved."]
    assert str(find_event(id=event.id).revenue_goal) == "1000.00"
    assert find_event(id=event.id).starts_at == event.starts_at


def test_changing_the_time_zone_keeps_the_local_time(visit):
    event = make.event()
    visit("events", make.staff(event=event)).click("Edit").type(ZONE, "America/Los_Angeles").click("Save event")
    assert find_event(id=event.id).starts_at.isoformat() == "2026-12-06T02:00:00+00:00"


def test_colleague_edits_are_merged_or_chosen(visit):
    event = make.event(name="My Gala")
    screen = visit("events", make.staff(event=event)).click("Edit").type(VENUE, "My Hall")
    colleague = make.staff(role="admin", name="Bea Colleague")
    theirs = {"venue": "Their Hall", "starts_at": "2026-12-05T19:00"}
    db.write(lambda session: events.update(session, colleague, event.id, theirs, seen_version=event.version))
    screen.click("Save event")
    assert screen.says("**Venue**: Bea Colleague changed Pier 4 Hall to Their Hall, today")
    assert screen.says("You typed My Hall.")
    assert screen.says("**Starts**: Bea Colleague changed 5 Dec, 6:00 PM to 5 Dec, 7:00 PM, today")
    assert screen.value(STARTS).isoformat() == "2026-12-05T19:00:00"
    screen.click("Keep mine").click("Save event")
    assert find_event(id=event.id).venue == "My Hall"
    assert find_event(id=event.id).starts_at.isoformat() == "2026-12-06T00:00:00+00:00"


def test_selected_event_stays_across_pages(visit, admin, event):
    screen = visit("packages", admin, event)
    del screen.app.query_params["event"]
    screen.go("sales")
    assert screen.app.query_params["event"] == str(event.id)


def test_selecting_another_event_changes_the_url(visit):
    one, other = make.event(name="One"), make.event(name="Other")
    person = make.staff(role="admin")
    screen = visit("packages", person, one)
    screen.app.sidebar.selectbox(key="event_chooser").set_value(other.id)
    screen.rerun()
    assert screen.app.query_params["event"] == str(other.id)
    assert screen.says("Other · ")


def test_old_event_opens_for_editing(visit):
    event = make.event(starts_at="2001-03-04T18:00")
    screen = visit("events", make.staff(event=event), event)
    screen.app.button(key=f"edit_{event.id}").click()
    assert screen.rerun().dialog() == "Edit event"


def test_event_outside_the_selector_opens_by_url(visit, monkeypatch):
    monkeypatch.setattr(page_session, "MAX_EVENTS_LISTED", 1)
    older, newer = make.event(name="Older"), make.event(name="Newer")
    coordinator = make.staff(event=older)
    make.assign(coordinator, newer)
    assert visit("packages", coordinator, older).says("No packages yet")


def test_page_has_20_events(visit):
    first = make.event(name="Event 0")
    coordinator = make.staff(event=first)
    for number in range(1, 21):
        make.assign(coordinator, make.event(name=f"Event {number}"))
    screen = visit("events", coordinator)
    assert screen.labels().count("Edit") == 20
    screen.app.pagination[0].set_value(2)
    assert screen.rerun().labels().count("Edit") == 1


class TestCopy:
    @pytest.fixture
    def gala(self):
        """Return an event with an option, a promo code that expires the day before, a sale and one staff member.

        It starts late enough to be on the first page, whichever events other tests have created.
        """
        event = make.event(name=make.unique("Gala 2093"), starts_at="2093-12-05T18:00", revenue_goal="750000")
        table = make.package(event, name="Table")
        make.option(table, is_required=False)
        make.promo_code(event, code="EARLY10", expires_at="2093-12-04T18:00")
        make.purchase(event, table)
        make.staff(event=event, name="Bea Colleague")
        return event

    @pytest.fixture
    def copying(self, visit, gala):
        return visit("events", make.staff(role="admin"), gala).pick(gala, "Copy")

    def test_requires_admin(self, visit, gala):
        screen = visit("events", make.staff(event=gala))
        assert "Actions" not in screen.labels()
        assert "Edit" in screen.labels()

    def test_proposes_the_same_weekday_a_year_later(self, copying, gala):
        assert copying.dialog() == "Copy event"
        assert copying.value(NAME) == gala.name.replace("2093", "2094")
        assert copying.value(STARTS) == datetime(2094, 12, 4, 18)
        assert (copying.value(VENUE), copying.value(GOAL)) == ("Pier 4 Hall", "750000.00")
        assert [box.value for box in copying.app.checkbox] == [True] * 5
        assert copying.says("A promo code expires as many days later as the new event starts later")

    def test_reports_what_was_copied_and_opens_the_new_event(self, copying, gala):
        copying.click("Copy event")
        new = find_event(name=gala.name.replace("2093", "2094"))
        assert copying.dialog() == "Copied"
        assert copying.says(f"**{new.name}** created and open: Sat 4 Dec 2094, 6:00 PM New York.")
        assert copying.says("Copied: 1 package, 1 option, 1 promo code, 1 staff member.")
        assert copying.says("- Purchases, donors and guests: they belong to the event they were sold for.")
        assert copying.app.query_params["event"] == str(new.id)
        copying.click("Go to its packages")
        assert copying.app.title[0].value == "Packages"
        assert copying.says(new.name)
        assert copying.says("Table")

    def test_expiry_moves_with_the_start(self, copying, gala):
        copying.type(STARTS, datetime(2094, 12, 15, 18)).click("Copy event")
        with db.read_session() as session:
            codes = select(PromoCode).join(Event).where(Event.name == gala.name.replace("2093", "2094"))
            assert session.scalars(codes).one().expires_at.isoformat() == "2094-12-14T23:00:00+00:00"

    def test_leaves_out_what_is_not_checked(self, copying, gala):
        for label in ("Packages", "Promo codes", "Staff assigned to the event"):
            copying.type(label, False)
        copying.click("Copy event")
        assert copying.says("Copied: nothing but the event itself.")
        assert copying.says("- Promo codes: not selected.")
        new = find_event(name=gala.name.replace("2093", "2094"))
        with db.read_session() as session:
            for kind in (Package, PromoCode, EventAssignment):
                assert session.scalars(select(kind).where(kind.event_id == new.id)).all() == []

    def test_stay_here_shows_the_events(self, copying, gala):
        copying.click("Copy event").click("Stay here")
        assert copying.dialog() is None
        assert copying.app.title[0].value == "Events"

    def test_refused_copy_creates_nothing_and_keeps_the_input(self, copying, gala):
        name = make.unique("Next")
        copying.type(NAME, name).type(GOAL, "lots").type("Their pictures", False).click("Copy event")
        assert copying.dialog() == "Copy event"
        assert copying.problem(GOAL) == "Enter an amount, like 1234.50."
        assert copying.value(NAME) == name
        assert copying.value("Their pictures") is False
        assert find_event(name=name) is None

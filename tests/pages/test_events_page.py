"""The events page: visible events, create, edit and copy."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.screen import list_row_html, list_row_texts
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive, events
from ticketing.models import Event, EventAssignment, Package, PromoCode
from ticketing.reporting.event_overview import Attention
from ui import session as page_session
from ui.events import cards

NAME, STARTS, ZONE, VENUE, GOAL = (
    "Name",
    "Starts",
    "Time zone of the venue",
    "Venue",
    "Revenue goal (optional)",
)


def find_event(**where):
    with db.read_session() as session:
        return session.scalars(select(Event).filter_by(**where)).one_or_none()


def count_menus(screen):
    return sum(label.startswith("Actions for ") for label in screen.labels())


def test_lists_only_assigned_events(visit):
    mine, others = make.event(name="My Gala"), make.event(name="Their Gala")
    screen = visit("events", make.staff(event=mine))
    assert screen.says("My Gala")
    assert not screen.says(others.name)


def create_event(days_to_go=30, **fields):
    starts_at = datetime.now(UTC) + timedelta(days=days_to_go)
    return make.event(starts_at=starts_at.isoformat(), time_zone="UTC", **fields)


def visit_page_of(visit, actor, event):
    """Open the page of the upcoming events that has this one, whichever events other tests have created."""
    screen = visit("events", actor, event)
    for pages in screen.app.pagination:
        number = pages.num_pages
        while f"menu_{event.id}" not in [menu.key for menu in screen.app.menu_button] and number:
            screen.app.pagination[0].set_value(number)
            screen.rerun()
            number -= 1
    return screen


class TestCards:
    def test_event_without_sales(self, visit):
        event = make.event(name="My Gala", venue="Pier *9* Hall", starts_at="2093-12-05T18:00", revenue_goal="750000")
        (card,) = list_row_texts(visit("events", make.staff(event=event)))
        assert re.fullmatch(
            r"Dec 5 My Gala [\d,]+ days to go · Sat, Dec 5, 2093, 6:00 PM Pier \*9\* Hall "
            r"\$0 0% of \$750,000 \$0 a day, needs \$[\d,]+ Nothing sold yet",
            card,
        )

    def test_event_with_sales(self, visit):
        event = create_event(10, revenue_goal="1000")
        package = make.package(event, price="70", seats_per_package=2)
        make.purchase(event, package)
        make.purchase(event, package, payment_status="pending")
        make.purchase(event, package, moment=datetime.now(UTC) - timedelta(days=1))
        screen = visit("events", make.staff(event=event))
        (card,) = list_row_texts(screen)
        assert card.endswith(
            "$140 14% of $1,000 $70 a day, needs $86 6 seats · 6 unnamed · $70 pending in 1 order 100% of seats unnamed"
        )
        assert "Revenue of the last 7 days: $0, $0, $0, $0, $0, $70, $70" in list_row_html(screen)[0]

    def test_goal_that_is_reached_and_none(self, visit):
        reached, without = create_event(20, name="Reached", revenue_goal="50"), create_event(21, name="Without")
        for event in (reached, without):
            make.purchase(event, make.package(event, price="100"))
        person = make.staff(event=reached)
        make.assign(person, without)
        cards = list_row_texts(visit("events", person))
        assert cards[0].endswith("$100 200% of $50 $100 a day, goal reached 1 seat · 1 unnamed")
        assert cards[1].endswith("$100 No goal $100 a day 1 seat · 1 unnamed")

    def test_past_event_has_no_pace(self, visit):
        event = create_event(-3, revenue_goal="500")
        make.purchase(event, make.package(event, price="100"))
        (card,) = list_row_texts(visit("events", make.staff(event=event)).enter("Show", "past"))
        assert " 3 days ago · " in card
        assert card.endswith("$100 20% of $500 1 seat · 1 unnamed")

    def test_pressing_a_card_opens_the_sales_of_the_event(self, visit):
        event = make.event(name="My Gala", starts_at="2093-12-05T18:00")
        screen = visit("events", make.staff(event=event)).click("Open My Gala")
        assert screen.app.title[0].value == "Sales"
        assert screen.app.query_params["event"] == str(event.id)


class TestAttention:
    def test_each_reason_has_a_sentence(self, visit):
        event = create_event(10, revenue_goal="1000")
        package = make.package(event, seats_per_package=4)
        make.purchase(event, package, payment_status="pending", moment=datetime.now(UTC) - timedelta(days=40))
        code = make.promo_code(event, code="EARLY25", expires_at=(datetime.now(UTC) + timedelta(days=2)).isoformat())
        (card,) = list_row_texts(visit("events", make.staff(event=event)))
        assert re.search(
            r" No sale for 40 days 1 order pending over 30 days 100% of seats unnamed "
            rf"{code.code} ends \w{{3}}, \w{{3}} \d+, \d+:\d\d [AP]M$",
            card,
        )

    @pytest.mark.parametrize(
        ("hours", "codes", "sentence"),
        [(1, 1, "FIRST ends today, 1:00 PM"), (24, 2, "FIRST ends tomorrow, 12:00 PM, 1 more soon")],
    )
    def test_code_that_ends(self, hours, codes, sentence):
        noon = datetime.now(UTC).replace(hour=12, minute=0)
        reason = Attention("code_ends", codes, "FIRST", noon + timedelta(hours=hours))
        assert cards.format_attention(reason, "UTC") == sentence

    def test_page_counts_them_and_lists_only_them(self, visit):
        quiet, calm = create_event(10, name="Quiet"), create_event(20, name="Calm")
        make.purchase(quiet, make.package(quiet), moment=datetime.now(UTC) - timedelta(days=20))
        person = make.staff(event=quiet)
        make.assign(person, calm)
        screen = visit("events", person)
        assert screen.says("2 upcoming · 1 needs attention")
        assert len(list_row_texts(screen)) == 2
        (card,) = list_row_texts(screen.enter("Needs attention", True))
        assert "Quiet" in card


class TestArchive:
    @pytest.fixture
    def gala(self):
        return make.event(name=make.unique("Gala"), starts_at="2098-12-05T18:00")

    def test_admin_archives_restores_and_undoes(self, visit, gala):
        admin = make.staff("admin")
        screen = visit_page_of(visit, admin, gala).pick(gala, "Archive")
        assert screen.offer() == f"{gala.name} archived."
        assert find_event(id=gala.id).is_archived
        screen.click("Undo")
        assert not find_event(id=gala.id).is_archived

        screen = visit_page_of(visit, admin, gala).pick(gala, "Archive").enter("Show", "archived").pick(gala, "Restore")
        assert screen.offer() == f"{gala.name} restored."
        assert not find_event(id=gala.id).is_archived

    def test_archived_events_are_in_a_list_of_their_own(self, visit, gala):
        viewer = make.staff("viewer", gala)
        db.write(lambda s: archive.archive(s, OPERATOR, gala.id))
        screen = visit("events", viewer)
        assert screen.says("No upcoming events.")
        (card,) = list_row_texts(screen.enter("Show", "archived"))
        assert gala.name in card

    def test_last_restored_event_leaves_the_list_of_archived_ones(self, visit, gala):
        viewer = make.staff("viewer", gala)
        db.write(lambda s: archive.archive(s, OPERATOR, gala.id))
        screen = visit("events", viewer).enter("Show", "archived")
        db.write(lambda s: archive.restore(s, OPERATOR, gala.id))
        (card,) = list_row_texts(screen.rerun())
        assert gala.name in card
        assert "Show" not in screen.labels()

    def test_pages_of_an_archived_event_say_so(self, visit, gala):
        viewer = make.staff("viewer", gala)
        assert not visit("sales", viewer, gala).says("Archived")
        db.write(lambda s: archive.archive(s, OPERATOR, gala.id))
        for page in ("sales", "packages", "purchasers"):
            assert visit(page, viewer, gala).says("Archived")

    def test_coordinator_cannot_archive(self, visit, gala):
        screen = visit("events", make.staff(event=gala))
        assert screen.menu(gala.id) == ["Edit"]


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
    assert screen.pages() == ["Search", *office, "All events", f"Ana · {role}"]


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
    event = make.event(name="My Gala", starts_at="2093-12-05T18:00")
    screen = visit("events", make.staff(event=event)).pick(event, "Edit")
    assert screen.value(STARTS).isoformat() == "2093-12-05T18:00:00"
    screen.type(GOAL, "$1,000").click("Save event")
    assert screen.offer() == "My Gala saved."
    assert str(find_event(id=event.id).revenue_goal) == "1000.00"
    assert find_event(id=event.id).starts_at == event.starts_at

    screen.click("Undo")
    restored = find_event(id=event.id)
    assert (restored.revenue_goal, restored.starts_at, restored.version) == (None, event.starts_at, 3)


def test_changing_the_time_zone_keeps_the_local_time(visit):
    event = make.event(starts_at="2093-12-05T18:00")
    visit("events", make.staff(event=event)).pick(event, "Edit").type(ZONE, "America/Los_Angeles").click("Save event")
    assert find_event(id=event.id).starts_at.isoformat() == "2093-12-06T02:00:00+00:00"


def test_colleague_edits_are_merged_or_chosen(visit):
    event = make.event(name="My Gala", starts_at="2093-12-05T18:00")
    screen = visit("events", make.staff(event=event)).pick(event, "Edit").type(VENUE, "My Hall")
    colleague = make.staff(role="admin", name="Bea Colleague")
    theirs = {"venue": "Their Hall", "starts_at": "2093-12-05T19:00"}
    db.write(lambda session: events.update(session, colleague, event.id, theirs, seen_version=event.version))
    screen.click("Save event")
    assert screen.says("**Venue**: Bea Colleague changed Pier 4 Hall to Their Hall, today")
    assert screen.says("You typed My Hall.")
    assert screen.says("**Starts**: Bea Colleague changed Dec 5, 2093, 6:00 PM to Dec 5, 2093, 7:00 PM, today")
    assert screen.value(STARTS).isoformat() == "2093-12-05T19:00:00"
    screen.click("Keep mine").click("Save event")
    assert find_event(id=event.id).venue == "My Hall"
    assert find_event(id=event.id).starts_at.isoformat() == "2093-12-06T00:00:00+00:00"


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
    screen = visit("events", make.staff(event=event), event).enter("Show", "past")
    assert screen.pick(event, "Edit").dialog() == "Edit event"


def test_event_outside_the_selector_opens_by_url(visit, monkeypatch):
    monkeypatch.setattr(page_session, "MAX_EVENTS_LISTED", 1)
    older, newer = make.event(name="Older"), make.event(name="Newer")
    coordinator = make.staff(event=older)
    make.assign(coordinator, newer)
    assert visit("packages", coordinator, older).says("No packages yet")


def test_page_has_24_events(visit):
    first = create_event(name="Event 0")
    coordinator = make.staff(event=first)
    for number in range(1, 25):
        make.assign(coordinator, create_event(name=f"Event {number}"))
    screen = visit("events", coordinator)
    assert count_menus(screen) == 24
    screen.app.pagination[0].set_value(2)
    assert count_menus(screen.rerun()) == 1


class TestCopy:
    @pytest.fixture
    def gala(self):
        """Return an event with an option, a promo code that expires the day before, a sale and one staff member."""
        event = make.event(name=make.unique("Gala 2093"), starts_at="2093-12-05T18:00", revenue_goal="750000")
        table = make.package(event, name="Table")
        make.option(table, is_required=False)
        make.promo_code(event, code="EARLY10", expires_at="2093-12-04T18:00")
        make.purchase(event, table)
        make.staff(event=event, name="Bea Colleague")
        return event

    @pytest.fixture
    def copying(self, visit, gala):
        return visit_page_of(visit, make.staff(role="admin"), gala).pick(gala, "Copy")

    def test_requires_admin(self, visit, gala):
        screen = visit("events", make.staff(event=gala))
        assert screen.menu(gala.id) == ["Edit"]

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
        assert copying.says(f"**{new.name}** created and open: Sat, Dec 4, 2094, 6:00 PM New York.")
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
        assert copying.app.title[0].value == "All events"

    def test_refused_copy_creates_nothing_and_keeps_the_input(self, copying, gala):
        name = make.unique("Next")
        copying.type(NAME, name).type(GOAL, "lots").type("Their pictures", False).click("Copy event")
        assert copying.dialog() == "Copy event"
        assert copying.problem(GOAL) == "Enter an amount, like 1234.50."
        assert copying.value(NAME) == name
        assert copying.value("Their pictures") is False
        assert find_event(name=name) is None

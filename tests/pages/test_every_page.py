"""What holds on each page, whatever it is about: it opens, and for strangers and viewers it does not."""

import pytest
from sqlalchemy import func, select, update

from tests.support import make
from tests.support.screen import Screen
from ticketing import db
from ticketing.models import EventAssignment, Package, Purchase, SignInSession, Staff
from ui import menu

FILES = sorted(file.stem for file in menu.PAGES_DIR.glob("[a-z]*.py"))
NOT_FOR_VIEWERS = {entry.name: entry.title for entry in menu.ENTRIES if entry.action != "read"}
ABOUT_EVENT = sorted(entry.name for entry in menu.ENTRIES if entry.is_about_event)
FOR_ADMINS = {entry.name for entry in menu.ENTRIES if entry.action == "administer"}


@pytest.fixture(scope="module")
def filled(database):
    event = make.event(name="Filled Gala", revenue_goal="50000")
    table = make.package(event, name="Table of Ten", seats_per_package=10, quantity_limit=2, is_sponsorship=True)
    make.option(make.package(event, name="Individual Ticket"))
    make.promo_code(event, code="EARLY10")
    make.purchase(event, table, quantity=2, promo_code="EARLY10", guests=[{"name": "Ben Okafor"}])
    return event


def test_every_file_is_in_the_menu():
    assert sorted(entry.name for entry in menu.ENTRIES) == FILES


@pytest.mark.parametrize("page", FILES)
def test_it_opens_on_an_event_full_of_sales(visit, admin, filled, page):
    screen = visit(page, admin, filled)
    assert [each.value for each in screen.app.title]
    assert screen.app.error == []
    # One's own account is reached by one's own name.
    assert screen.pages() == [entry.title for entry in menu.ENTRIES[:-1]] + ["Sam Admin · admin"]


@pytest.mark.parametrize("page", FILES)
def test_it_opens_on_an_event_with_nothing_in_it(visit, admin, event, page):
    screen = visit(page, admin, event)
    assert [each.value for each in screen.app.title]
    assert screen.app.error == []


@pytest.mark.parametrize("page", ABOUT_EVENT)
def test_without_an_event_it_leads_to_the_events(visit, page):
    """Of several, since a person with one event is on that."""
    coordinator = make.staff(event=make.event())
    db.write(lambda session: _assign(session, coordinator, make.event()))
    screen = visit("events", coordinator).go("events")
    assert screen.pages() == ["Tokens", "All events", "Sam Coordinator · coordinator"]
    assert screen.go(page).app.title[0].value == "Events"


@pytest.mark.parametrize("page", sorted(set(FILES) - set(ABOUT_EVENT)))
def test_about_no_event_it_opens_without_one(visit, page):
    admin = make.staff(role="admin")
    make.event(), make.event()
    screen = visit(page, admin)
    assert screen.app.error == []
    assert not {entry.title for entry in menu.ENTRIES if entry.is_about_event} & set(screen.pages())


@pytest.mark.parametrize("page", sorted(set(FILES) - FOR_ADMINS))
def test_an_event_of_others_does_not_exist(visit, filled, page):
    coordinator = make.staff(event=make.event(name="My own"))
    screen = visit(page, coordinator, filled)
    assert not screen.says("Filled Gala")
    if page in ABOUT_EVENT:
        (told,) = screen.app.error
        assert told.value.startswith("This event does not exist, or ")


@pytest.mark.parametrize("script", ["ui/main.py", *(f"pages/{page}.py" for page in FILES)])
def test_run_past_the_frame_it_shows_strangers_that_they_are_signed_out_and_nothing_else(filled, script):
    screen = Screen(script, None, filled)
    told, link = screen.texts()
    assert told == "You are signed out. Sign in again to go on."
    assert link == '<a href="/session/sign-in?next=%2F" target="_self" style="color:inherit">Sign in</a>'
    assert (screen.labels(), screen.pages(), list(screen.app.dataframe)) == ([], [], [])


@pytest.mark.parametrize("forged", ["", "not an id", "01a20703-4c59-70f0-9a94-956433354f1b"])
def test_a_session_that_nobody_opened_is_signed_out(filled, forged):
    screen = Screen("ui/main.py", None, filled)
    screen.app.user = {"session_id": forged}
    assert screen.rerun().says("You are signed out")
    assert screen.labels() == []


@pytest.fixture(scope="module")
def viewer(filled):
    return make.staff(role="viewer", event=filled)


class TestViewer:
    @pytest.mark.parametrize(("page", "title"), NOT_FOR_VIEWERS.items())
    def test_does_not_get_the_pages_for_others(self, visit, viewer, filled, page, title):
        screen = visit("sales", viewer, filled)
        assert title not in screen.pages()
        with pytest.raises(ValueError, match="Could not find a navigation page"):
            screen.go(page)

    @pytest.mark.parametrize("page", NOT_FOR_VIEWERS)
    def test_is_refused_by_the_page_itself(self, viewer, filled, page):
        screen = Screen(f"pages/{page}.py", viewer, filled)
        assert screen.texts() == ["You are signed in as viewer. Ask an admin if you need this page."]
        assert screen.labels() == []

    @pytest.mark.parametrize(("page", "filters"), [("packages", ["Show"]), ("events", [])])
    def test_looks_without_a_button_that_makes_or_changes(self, visit, viewer, filled, page, filters):
        assert visit(page, viewer, filled).labels() == filters


class TestSignedOutMeanwhile:
    @pytest.fixture
    def person(self, event):
        return make.staff(event=event)

    @pytest.fixture(params=["deactivated", "signed out elsewhere"])
    def put_out(self, request, person):
        changes = {
            "deactivated": update(Staff).where(Staff.id == person.staff_id).values(is_active=False),
            "signed out elsewhere": update(SignInSession)
            .where(SignInSession.id == person.session_id)
            .values(ended_at=func.now()),
        }
        return lambda: db.write(lambda session: session.execute(changes[request.param]))

    def test_is_out_at_the_next_click_and_no_package_is_made(self, visit, person, event, put_out):
        screen = visit("packages", person, event).click("New package")
        screen.type("Name", "Table").type("Price of the whole package, in US dollars", "10").type("Description", "-")
        put_out()
        screen.click("Make package")
        assert screen.texts()[0] == "You are signed out. Sign in again to go on."
        assert screen.labels() == []
        assert _count(Package, event) == 0

    def test_is_out_at_the_next_click_and_no_sale_is_recorded(self, visit, person, event, put_out):
        make.package(event, price="100")
        screen = visit("box_office", person, event)
        screen.enter("Donor's name", "Ana Ruiz").enter("Donor's e-mail address", "ana@example.org")
        put_out()
        screen.click("Record sale, $100.00")
        assert screen.says("You are signed out")
        assert screen.labels() == []
        assert _count(Purchase, event) == 0


def test_someone_who_became_a_viewer_meanwhile_changes_nothing_more(visit, event):
    person = make.staff(event=event)
    screen = visit("packages", person, event).click("New package")
    screen.type("Name", "Table").type("Price of the whole package, in US dollars", "10").type("Description", "-")
    db.write(lambda session: session.execute(update(Staff).where(Staff.id == person.staff_id).values(role="viewer")))
    screen.click("Make package")
    assert screen.says("You are signed in as viewer. Viewers can look at everything and change nothing.")
    assert _count(Package, event) == 0


def _assign(session, person, event):
    session.add(EventAssignment(staff_id=person.staff_id, event_id=event.id))


def _count(model, event):
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(model).where(model.event_id == event.id))

"""Rules of every page: it opens for those who may, and shows nothing to others."""

import pytest
from sqlalchemy import func, select, update

from tests.support import make
from tests.support.screen import Screen
from tests.support.till import send_lines
from ticketing import db
from ticketing.models import EventAssignment, Package, Purchase, SignInSession, Staff
from ui import menu

pytestmark = pytest.mark.system  # every page

FILES = sorted(file.stem for file in menu.PAGES_DIR.glob("[a-z]*.py"))
PAGES_WITHOUT_VIEWERS = {entry.name: entry.title for entry in menu.ENTRIES if entry.action != "read"}
EVENT_PAGES = sorted(entry.name for entry in menu.ENTRIES if entry.is_about_event)
ADMIN_PAGES = {entry.name for entry in menu.ENTRIES if entry.action == "administer"}


@pytest.fixture(scope="module")
def filled(database):
    event = make.event(name="Filled Gala", revenue_goal="50000")
    table = make.package(event, name="Table of Ten", seats_per_package=10, quantity_limit=2, is_sponsorship=True)
    make.option(make.package(event, name="Individual Ticket"))
    make.promo_code(event, code="EARLY10")
    make.purchase(event, table, quantity=2, promo_code="EARLY10", guests=[{"name": "Ben Okafor"}])
    return event


def test_every_page_is_in_the_menu():
    assert sorted(entry.name for entry in menu.ENTRIES) == FILES


@pytest.mark.parametrize("page", FILES)
def test_page_opens_with_sales(visit, admin, filled, page):
    screen = visit(page, admin, filled)
    assert [each.value for each in screen.app.title]
    assert screen.app.error == []
    # The link to the own account has the user's name.
    assert screen.pages() == [entry.title for entry in menu.ENTRIES[:-1]] + ["Sam Admin · admin"]


@pytest.mark.parametrize("page", FILES)
def test_page_opens_with_empty_event(visit, admin, event, page):
    screen = visit(page, admin, event)
    assert [each.value for each in screen.app.title]
    assert screen.app.error == []


@pytest.mark.parametrize("page", EVENT_PAGES)
def test_event_page_without_event_switches_to_events(visit, page):
    """With several events; with one, that one is chosen."""
    coordinator = make.staff(event=make.event())
    db.write(lambda session: _assign(session, coordinator, make.event()))
    screen = visit("events", coordinator).go("events")
    assert screen.pages() == ["Search", "API tokens", "All events", "Sam Coordinator · coordinator"]
    assert screen.go(page).app.title[0].value == "All events"


@pytest.mark.parametrize("page", sorted(set(FILES) - set(EVENT_PAGES)))
def test_other_page_opens_without_event(visit, page):
    admin = make.staff(role="admin")
    make.event(), make.event()
    screen = visit(page, admin)
    assert screen.app.error == []
    assert not {entry.title for entry in menu.ENTRIES if entry.is_about_event} & set(screen.pages())


@pytest.mark.parametrize("page", sorted(set(FILES) - ADMIN_PAGES))
def test_event_of_others_does_not_exist(visit, filled, page):
    coordinator = make.staff(event=make.event(name="My own"))
    screen = visit(page, coordinator, filled)
    assert not screen.says("Filled Gala")
    if page in EVENT_PAGES:
        (error,) = screen.app.error
        assert error.value.startswith("This event does not exist, or ")


@pytest.mark.parametrize("script", ["ui/main.py", *(f"pages/{page}.py" for page in FILES)])
def test_script_of_a_signed_out_visitor_shows_one_sentence(filled, script):
    screen = Screen(script, None, filled)
    (sentence,) = screen.texts()
    assert "You are signed out. Sign in again to continue." in sentence
    assert (screen.labels(), screen.pages(), list(screen.app.dataframe)) == ([], [], [])


@pytest.mark.parametrize("forged", ["", "not an id", "01a20703-4c59-70f0-9a94-956433354f1b"])
def test_unknown_session_is_signed_out(filled, forged):
    screen = Screen("ui/main.py", None, filled)
    screen.app.user = {"session_id": forged}
    assert screen.rerun().says("You are signed out")
    assert screen.labels() == []


@pytest.fixture(scope="module")
def viewer(filled):
    return make.staff(role="viewer", event=filled)


class TestViewer:
    @pytest.mark.parametrize(("page", "title"), PAGES_WITHOUT_VIEWERS.items())
    def test_menu_lacks_pages_for_other_roles(self, visit, viewer, filled, page, title):
        screen = visit("sales", viewer, filled)
        assert title not in screen.pages()
        with pytest.raises(ValueError, match="Could not find a navigation page"):
            screen.go(page)

    @pytest.mark.parametrize("page", PAGES_WITHOUT_VIEWERS)
    def test_page_itself_refuses(self, viewer, filled, page):
        screen = Screen(f"pages/{page}.py", viewer, filled)
        assert screen.texts() == ["You are signed in as viewer. Ask an admin if you need this page."]
        assert screen.labels() == []

    @pytest.mark.parametrize(("page", "filters"), [("packages", ["Show"]), ("events", ["Open Filled Gala"])])
    def test_page_has_no_button_that_changes_anything(self, visit, viewer, filled, page, filters):
        assert visit(page, viewer, filled).labels() == filters


class TestRevokedSession:
    @pytest.fixture
    def person(self, event):
        return make.staff(event=event)

    @pytest.fixture(params=["deactivated", "signed out elsewhere"])
    def revoke(self, request, person):
        changes = {
            "deactivated": update(Staff).where(Staff.id == person.staff_id).values(is_active=False),
            "signed out elsewhere": update(SignInSession)
            .where(SignInSession.id == person.session_id)
            .values(ended_at=func.now()),
        }
        return lambda: db.write(lambda session: session.execute(changes[request.param]))

    def test_next_click_is_signed_out_and_creates_no_package(self, visit, person, event, revoke):
        screen = visit("packages", person, event).click("New package")
        screen.type("Name", "Table").type("Price", "10").type("Description", "-")
        revoke()
        screen.click("Create package")
        assert "You are signed out. Sign in again to continue." in screen.texts()[0]
        assert screen.labels() == []
        assert _count(Package, event) == 0

    def test_next_click_is_signed_out_and_records_no_sale(self, visit, person, event, revoke):
        package = make.package(event, price="100")
        screen = send_lines(visit("box_office", person, event), (package, 1))
        screen.enter("Donor's name", "Ana Ruiz").enter("E-mail address", "ana@example.org")
        revoke()
        screen.click("Record sale, $100.00")
        assert screen.says("You are signed out")
        assert screen.labels() == []
        assert _count(Purchase, event) == 0


def test_user_who_became_viewer_cannot_save(visit, event):
    person = make.staff(event=event)
    screen = visit("packages", person, event).click("New package")
    screen.type("Name", "Table").type("Price", "10").type("Description", "-")
    db.write(lambda session: session.execute(update(Staff).where(Staff.id == person.staff_id).values(role="viewer")))
    screen.click("Create package")
    assert screen.says("You are signed in as viewer. Viewers can see everything and change nothing.")
    assert _count(Package, event) == 0


def _assign(session, person, event):
    session.add(EventAssignment(staff_id=person.staff_id, event_id=event.id))


def _count(model, event):
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(model).where(model.event_id == event.id))

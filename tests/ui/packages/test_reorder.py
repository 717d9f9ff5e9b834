"""The Arrange view: each change is saved at once and announced, Undo restores it, and no colleague's order is lost.

What the list in the browser does is in tests/browser/test_arranging.py; here it is what the list sends.
"""

import json

import pytest
from sqlalchemy import update

from tests.support import make
from tests.support.database import use_database
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import package_order, packages
from ticketing.models import Staff

HOW = "Drag a package or type its position. Changes save at once."


@pytest.fixture
def three(event):
    return [make.package(event, name=name, price=price) for name, price in (("A", "20"), ("B", "30"), ("C", "10"))]


@pytest.fixture
def coordinator(event):
    return make.staff(event=event, name="Ana Ruiz")


@pytest.fixture
def screen(visit, event, coordinator, three):
    return visit("packages", coordinator, event).enter("View", "arrange")


def list_stored_order(event):
    with db.read_session() as session:
        return "".join(packages.list_names(session, OPERATOR, event.id).values())


def list_shown_order(screen):
    """Return the data that the list in the browser has."""
    (found,) = screen.app.get("bidi_component")
    return json.loads(found.proto.mixed.json or found.proto.json)


def standing(screen):
    return "".join(package["name"] for package in list_shown_order(screen)["packages"])


def send_order(screen, names, *, knows=None, steps=1):
    """Send this order as the list does; `knows` is the data that the list had before."""
    (found,) = screen.app.get("bidi_component")
    known = knows or list_shown_order(screen)
    ids = {package["name"]: package["id"] for package in known["packages"]}
    change = {
        "number": list_shown_order(screen)["answered"] + 1,
        "knows": known["answered"],
        "seen": [package["id"] for package in known["packages"]],
        "order": [ids[name] for name in names],
        "moved": ids[names[0]],
    }
    states = screen.app._tree.get_widget_states()
    states.widgets.add(
        id=f"$$STREAMLIT_INTERNAL_KEY_{found.proto.id}__events",
        json_trigger_value=json.dumps([{"event": "order", "value": change}] * steps),
    )
    screen.app._run(states)
    assert [fault.message for fault in screen.app.exception] == []
    return screen


def arrange_elsewhere(event, names):
    """Save an order as a colleague."""
    colleague = make.staff(role="admin", name="Bea Colleague")
    with db.read_session() as session:
        ids = {name: package_id for package_id, name in packages.list_names(session, OPERATOR, event.id).items()}
    db.write(lambda session: package_order.reorder(session, colleague, event.id, [ids[name] for name in names]))


def sort_by_price(screen, how):
    screen.app.menu_button(key="arranging_sort").click(how)
    return screen.rerun()


class TestList:
    def test_shows_every_package_with_price_and_seats(self, visit, coordinator, event):
        make.package(event, name="Table", price="2500", seats_per_package=10)
        make.package(event, name="Old", price="1", is_enabled=False)
        screen = visit("packages", coordinator, event).enter("View", "arrange")
        assert [(each["name"], each["detail"]) for each in list_shown_order(screen)["packages"]] == [
            ("Table", "$2,500.00 · 10 seats"),
            ("Old", "$1.00 · 1 seat · off sale"),
        ]

    def test_shows_50_packages_in_one_list(self, visit, coordinator, event):
        for number in range(50):
            make.package(event, name=f"Package {number}")
        assert len(list_shown_order(visit("packages", coordinator, event).enter("View", "arrange"))["packages"]) == 50

    def test_saves_an_order_at_once(self, screen, event):
        assert screen.says(HOW)
        assert screen.offer() is None
        send_order(screen, "CAB")
        assert list_stored_order(event) == "CAB"
        assert standing(screen) == "CAB"
        assert screen.offer() == "C is at position 1 of 3."

    def test_message_shortens_a_long_name(self, visit, coordinator, event):
        long, other = "Table " * 16, "Other"
        make.package(event, name=other)
        make.package(event, name=long)
        screen = visit("packages", coordinator, event).enter("View", "arrange")
        send_order(screen, [long.strip(), other])
        assert screen.says("Table Table Table Table Table Table Tab… is at position 1 of 2.")

    def test_quick_second_move_builds_on_the_first(self, screen, event):
        before = list_shown_order(screen)
        send_order(screen, "CAB", knows=before)
        send_order(screen, "CBA", knows=before)
        assert list_stored_order(event) == "CBA"
        assert not screen.app.warning
        assert screen.click("Undo").offer() is None
        assert list_stored_order(event) == "CAB"

    def test_several_steps_in_one_message_are_saved_once(self, screen, event):
        send_order(screen, "CAB", steps=3)
        assert screen.says("C is at position 1 of 3.")
        screen.click("Undo")
        assert list_stored_order(event) == "ABC"

    def test_quick_second_move_does_not_overwrite_a_colleague(self, screen, event):
        before = list_shown_order(screen)
        arrange_elsewhere(event, "BCA")
        send_order(screen, "CAB", knows=before)
        send_order(screen, "CBA", knows=before)
        assert list_stored_order(event) == "BCA"
        assert screen.says("Bea Colleague changed the order in the meantime.")
        screen.click("Use my order")
        assert list_stored_order(event) == "CBA"


class TestUndo:
    def test_restores_the_order_before_once(self, screen, event):
        send_order(screen, "CAB")
        screen.click("Undo")
        assert list_stored_order(event) == standing(screen) == "ABC"
        assert screen.toasts() == ["Change undone."]
        assert screen.offer() is None

    def test_restores_the_last_change_only(self, screen, event):
        send_order(screen, "CAB")
        send_order(screen, "CBA")
        screen.click("Undo")
        assert list_stored_order(event) == "CAB"

    def test_does_not_overwrite_a_colleague(self, screen, event):
        send_order(screen, "CAB")
        arrange_elsewhere(event, "BCA")
        screen.click("Undo")
        assert list_stored_order(event) == "BCA"
        assert screen.toasts()[0].startswith("Not undone. Bea Colleague changed the order")

    def test_belongs_to_its_event(self, screen, coordinator):
        send_order(screen, "CAB")
        other = make.event()
        make.package(other)
        make.assign(coordinator, other)
        screen.app.query_params["event"] = str(other.id)
        assert screen.rerun().offer() is None


class TestSorting:
    @pytest.mark.parametrize(("how", "order"), [("Price: high to low", "BAC"), ("Price: low to high", "CAB")])
    def test_sorts_by_price(self, screen, event, how, order):
        sort_by_price(screen, how)
        assert list_stored_order(event) == standing(screen) == order
        assert screen.says(f"Sorted by p{how[1:]}.")
        screen.click("Undo")
        assert list_stored_order(event) == "ABC"

    def test_sorted_order_changes_nothing(self, screen, event):
        sort_by_price(sort_by_price(screen, "Price: high to low"), "Price: high to low")
        assert screen.says("The packages are in that order already.")
        assert screen.offer() is None


class TestConflict:
    @pytest.fixture
    def late(self, screen, event):
        """Return a screen that sent an order after a colleague had saved another one."""
        arrange_elsewhere(event, "BCA")
        return send_order(screen, "CAB")

    def test_conflict_names_the_other_person(self, late, event):
        assert late.says("Bea Colleague changed the order in the meantime. The list shows the current order")
        assert list_stored_order(event) == standing(late) == "BCA"
        assert late.offer() is None

    def test_keep_theirs(self, late, event):
        late.click("Keep theirs")
        assert late.says("Their order stays.")
        assert "Use my order" not in late.labels()
        assert list_stored_order(event) == "BCA"

    def test_use_mine_can_be_undone(self, late, event):
        late.click("Use my order")
        assert list_stored_order(event) == standing(late) == "CAB"
        assert "Keep theirs" not in late.labels()
        late.click("Undo")
        assert list_stored_order(event) == "BCA"

    def test_use_mine_includes_new_and_excludes_deleted_packages(self, screen, event, three):
        make.package(event, name="D")
        db.write(lambda session: packages.delete(session, OPERATOR, event.id, three[0].id))
        send_order(screen, "CAB")
        assert screen.says("Packages were added or deleted in the meantime.")
        assert list_stored_order(event) == "BCD"
        screen.click("Use my order")
        assert list_stored_order(event) == "CBD"

    def test_another_conflict_is_shown_again(self, late, event):
        arrange_elsewhere(event, "ACB")
        late.click("Use my order")
        assert list_stored_order(event) == standing(late) == "ACB"
        assert late.says("Bea Colleague changed the order in the meantime.")
        late.click("Use my order")
        assert list_stored_order(event) == "CAB"


def test_order_refused_by_the_database_is_reverted(screen, event, database):
    use_database("postgresql://nobody@localhost:1/nothing")
    try:
        send_order(screen, "CAB")
    finally:
        use_database(database)
    screen.rerun()
    assert screen.says("The database does not answer. Nothing was saved; try again in a moment.")
    assert list_stored_order(event) == standing(screen) == "ABC"
    assert list_shown_order(screen)["answered"] == 1
    send_order(screen, "CAB")
    assert list_stored_order(event) == "CAB"
    assert not screen.says("does not answer")


def test_lost_permission_saves_nothing(screen, event, coordinator):
    demote = update(Staff).where(Staff.id == coordinator.staff_id).values(role="viewer")
    db.write(lambda session: session.execute(demote))
    send_order(screen, "CAB")
    assert list_stored_order(event) == "ABC"

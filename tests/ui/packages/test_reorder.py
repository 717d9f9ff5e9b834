"""The Arrange view: each change saved at once and said, taken back by Undo, and nobody's order lost.

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

HOW = "Drag a package, or type its position. Saved at once."


@pytest.fixture
def three(event):
    return [make.package(event, name=name, price=price) for name, price in (("A", "20"), ("B", "30"), ("C", "10"))]


@pytest.fixture
def coordinator(event):
    return make.staff(event=event, name="Ana Ruiz")


@pytest.fixture
def screen(visit, event, coordinator, three):
    return visit("packages", coordinator, event).enter("View", "arrange")


def stored(event):
    with db.read_session() as session:
        return "".join(packages.list_names(session, OPERATOR, event.id).values())


def shown(screen):
    """The data of the list in the browser."""
    (found,) = screen.app.get("bidi_component")
    return json.loads(found.proto.mixed.json or found.proto.json)


def standing(screen):
    return "".join(package["name"] for package in shown(screen)["packages"])


def send(screen, names, *, knows=None, steps=1):
    """Does what the list does when its packages were put in this order; `knows` is the list as it was before."""
    (found,) = screen.app.get("bidi_component")
    known = knows or shown(screen)
    ids = {package["name"]: package["id"] for package in known["packages"]}
    change = {
        "number": shown(screen)["answered"] + 1,
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
    """A colleague's order."""
    colleague = make.staff(role="admin", name="Bea Colleague")
    with db.read_session() as session:
        ids = {name: package_id for package_id, name in packages.list_names(session, OPERATOR, event.id).items()}
    db.write(lambda session: package_order.reorder(session, colleague, event.id, [ids[name] for name in names]))


def undo(screen):
    return screen.field("Undo")


def sort(screen, how):
    screen.app.menu_button(key="arranging_sort").click(how)
    return screen.rerun()


class TestList:
    def test_has_every_package_with_what_tells_it_apart(self, visit, coordinator, event):
        make.package(event, name="Table", price="2500", seats_per_package=10)
        make.package(event, name="Old", price="1", is_enabled=False)
        screen = visit("packages", coordinator, event).enter("View", "arrange")
        assert [(each["name"], each["detail"]) for each in shown(screen)["packages"]] == [
            ("Table", "$2,500.00 · 10 seats"),
            ("Old", "$1.00 · 1 seat · disabled"),
        ]

    def test_is_one_list_of_fifty(self, visit, coordinator, event):
        for number in range(50):
            make.package(event, name=f"Package {number}")
        assert len(shown(visit("packages", coordinator, event).enter("View", "arrange"))["packages"]) == 50

    def test_saves_an_order_at_once_and_says_so(self, screen, event):
        assert screen.says(HOW)
        assert undo(screen).disabled
        send(screen, "CAB")
        assert stored(event) == "CAB"
        assert standing(screen) == "CAB"
        assert screen.says("C is at position 1 of 3.")

    def test_says_a_long_name_in_short(self, visit, coordinator, event):
        long, other = "Table " * 16, "Other"
        make.package(event, name=other)
        make.package(event, name=long)
        screen = visit("packages", coordinator, event).enter("View", "arrange")
        send(screen, [long.strip(), other])
        assert screen.says("Table Table Table Table Table Table Tab… is at position 1 of 2.")

    def test_judges_a_quick_second_move_by_the_first(self, screen, event):
        before = shown(screen)
        send(screen, "CAB", knows=before)
        send(screen, "CBA", knows=before)
        assert stored(event) == "CBA"
        assert not screen.app.warning
        assert undo(screen.click("Undo")).disabled
        assert stored(event) == "CAB"

    def test_takes_several_steps_in_one_message_as_one(self, screen, event):
        send(screen, "CAB", steps=3)
        assert screen.says("C is at position 1 of 3.")
        screen.click("Undo")
        assert stored(event) == "ABC"

    def test_does_not_let_a_quick_second_move_overrule_a_colleague(self, screen, event):
        before = shown(screen)
        arrange_elsewhere(event, "BCA")
        send(screen, "CAB", knows=before)
        send(screen, "CBA", knows=before)
        assert stored(event) == "BCA"
        assert screen.says("Bea Colleague arranged the packages meanwhile.")
        screen.click("Use my order")
        assert stored(event) == "CBA"


class TestUndo:
    def test_brings_the_order_before_back_once(self, screen, event):
        send(screen, "CAB")
        screen.click("Undo")
        assert stored(event) == standing(screen) == "ABC"
        assert screen.says("The order is as it was before.")
        assert undo(screen).disabled

    def test_is_of_the_last_change_alone(self, screen, event):
        send(screen, "CAB")
        send(screen, "CBA")
        screen.click("Undo")
        assert stored(event) == "CAB"

    def test_does_not_overrule_a_colleague(self, screen, event):
        send(screen, "CAB")
        arrange_elsewhere(event, "BCA")
        screen.click("Undo")
        assert stored(event) == "BCA"
        assert screen.says("Bea Colleague arranged the packages meanwhile.")

    def test_is_not_offered_in_another_event(self, screen, coordinator):
        send(screen, "CAB")
        other = make.event()
        make.package(other)
        make.assign(coordinator, other)
        screen.app.query_params["event"] = str(other.id)
        assert undo(screen.rerun()).disabled


class TestSorting:
    @pytest.mark.parametrize(("how", "order"), [("Dearest first", "BAC"), ("Cheapest first", "CAB")])
    def test_by_price(self, screen, event, how, order):
        sort(screen, how)
        assert stored(event) == standing(screen) == order
        assert screen.says(f"Sorted by price, {how.lower()}.")
        screen.click("Undo")
        assert stored(event) == "ABC"

    def test_what_is_sorted_already_says_so(self, screen, event):
        sort(sort(screen, "Dearest first"), "Dearest first")
        assert screen.says("The packages are in that order already.")
        assert undo(screen).disabled


class TestTwoPeople:
    @pytest.fixture
    def late(self, screen, event):
        """Sent an order after a colleague had saved another one."""
        arrange_elsewhere(event, "BCA")
        return send(screen, "CAB")

    def test_who_is_late_sees_who_arranged_and_how(self, late, event):
        assert late.says("Bea Colleague arranged the packages meanwhile. Below is how they stand now")
        assert stored(event) == standing(late) == "BCA"
        assert undo(late).disabled

    def test_theirs_may_stay(self, late, event):
        late.click("Keep theirs")
        assert late.says("Their order stays.")
        assert "Use my order" not in late.labels()
        assert stored(event) == "BCA"

    def test_mine_may_be_used_and_taken_back(self, late, event):
        late.click("Use my order")
        assert stored(event) == standing(late) == "CAB"
        assert "Keep theirs" not in late.labels()
        late.click("Undo")
        assert stored(event) == "BCA"

    def test_mine_keeps_what_came_meanwhile_and_leaves_out_what_went(self, screen, event, three):
        make.package(event, name="D")
        db.write(lambda session: packages.delete(session, OPERATOR, event.id, three[0].id))
        send(screen, "CAB")
        assert screen.says("Packages were added or deleted meanwhile.")
        assert stored(event) == "BCD"
        screen.click("Use my order")
        assert stored(event) == "CBD"

    def test_a_third_order_meanwhile_is_told_as_well(self, late, event):
        arrange_elsewhere(event, "ACB")
        late.click("Use my order")
        assert stored(event) == standing(late) == "ACB"
        assert late.says("Bea Colleague arranged the packages meanwhile.")
        late.click("Use my order")
        assert stored(event) == "CAB"


def test_an_order_that_the_database_did_not_take_goes_back_and_says_why(screen, event, database):
    use_database("postgresql://nobody@localhost:1/nothing")
    try:
        send(screen, "CAB")
    finally:
        use_database(database)
    screen.rerun()
    assert screen.says("The database does not answer. Nothing was saved; try again in a moment.")
    assert stored(event) == standing(screen) == "ABC"
    assert shown(screen)["answered"] == 1
    send(screen, "CAB")
    assert stored(event) == "CAB"
    assert not screen.says("does not answer")


def test_who_may_arrange_no_more_does_not(screen, event, coordinator):
    demote = update(Staff).where(Staff.id == coordinator.staff_id).values(role="viewer")
    db.write(lambda session: session.execute(demote))
    send(screen, "CAB")
    assert stored(event) == "ABC"

"""The handles of the list of packages: what the browser sends after a drop (tests/browser/test_package_rows.py)."""

from __future__ import annotations

import json

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import package_order, packages


@pytest.fixture
def four(event):
    return {name: make.package(event, name=name, is_enabled=name in "BD") for name in "ABCD"}


@pytest.fixture
def ana(event):
    return make.staff(event=event, name="Ana Ruiz")


def list_stored_order(event):
    with db.read_session() as session:
        return "".join(packages.list_names(session, OPERATOR, event.id).values())


def drop(screen, four, names, seen=None):
    """Send the order that the browser has after a drop of the first of `names`."""
    (found,) = screen.app.get("bidi_component")
    data = json.loads(found.proto.mixed.json or found.proto.json)
    ids = [package["id"] for package in data["packages"]]
    change = {
        "number": data["answered"] + 1,
        "knows": data["answered"],
        "seen": [str(four[name].id) for name in seen] if seen else ids,
        "order": [str(four[name].id) for name in names],
        "moved": str(four[names[0]].id),
    }
    states = screen.app._tree.get_widget_states()
    states.widgets.add(
        id=f"$$STREAMLIT_INTERNAL_KEY_{found.proto.id}__events",
        json_trigger_value=json.dumps([{"event": "order", "value": change}]),
    )
    screen.app._run(states)
    assert [fault.message for fault in screen.app.exception] == []
    return screen


def test_drop_is_saved_and_undone(visit, event, ana, four):
    screen = drop(visit("packages", ana, event), four, "DABC")
    assert (list_stored_order(event), screen.offer()) == ("DABC", "D moved up.")
    screen.click("Undo")
    assert list_stored_order(event) == "ABCD"


def test_packages_of_a_filter_keep_their_places(visit, event, ana, four):
    screen = drop(visit("packages", ana, event).enter("Show", "disabled"), four, "CA")
    assert list_stored_order(event) == "CBAD"
    screen.click("Undo")
    assert list_stored_order(event) == "ABCD"


def test_conflict_keeps_theirs_or_uses_mine(visit, event, ana, four):
    screen = visit("packages", ana, event)
    bea = make.staff(event=event, name="Bea Colleague")
    theirs = [four[name].id for name in "BACD"]
    db.write(lambda s: package_order.reorder(s, bea, event.id, theirs))
    drop(screen, four, "DABC", seen="ABCD")
    assert screen.says("Bea Colleague changed the order in the meantime.")
    assert list_stored_order(event) == "BACD"
    screen.click("Use my order")
    assert list_stored_order(event) == "DABC"
    assert not screen.says("in the meantime")


def test_arrange_view_does_not_show_the_conflict_of_the_list(visit, event, ana, four):
    screen = visit("packages", ana, event)
    db.write(lambda s: packages.delete(s, OPERATOR, event.id, four["C"].id))
    drop(screen, four, "DABC", seen="ABCD")
    assert screen.says("Packages were added or deleted in the meantime.")
    assert not screen.enter("View", "arrange").says("in the meantime")


@pytest.mark.parametrize(
    ("role", "count", "has_handles"), [("coordinator", 2, True), ("coordinator", 1, False), ("viewer", 2, False)]
)
def test_who_has_handles(visit, event, role, count, has_handles):
    for _ in range(count):
        make.package(event)
    screen = visit("packages", make.staff(role, event), event)
    assert bool(screen.app.get("bidi_component")) is has_handles
    assert len([each for each in screen.app.html if 'class="handle"' in each.value]) == (count if has_handles else 0)

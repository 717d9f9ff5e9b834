"""The dialog that chooses the columns of a file: presets, order, and the address of the file."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.reporting import file_columns

CHOSEN, MOVED, OPEN = "In the file, in this order", "Move a column", "Choose columns"
FINANCE = next(preset for preset in file_columns.PRESETS if preset.name == "Finance")


@pytest.fixture
def viewer(event):
    return make.staff("viewer", event)


@pytest.fixture
def package(event):
    package = make.package(event, name="Table", seats_per_package=2)
    make.purchase(event, package, guests=[{"name": "Zoë"}])
    return package


def get_address(screen):
    """Return the path of the file and its query."""
    (link,) = [each for each in screen.app.get("link_button") if each.proto.label == "Download this CSV"]
    url = urlsplit(link.proto.url)
    return url.path, {name: value for name, (value,) in parse_qs(url.query).items()}


def test_all_columns_are_chosen_at_first_and_the_filters_kept(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event)
    screen.app.query_params["status"] = "completed"
    screen.rerun().click(OPEN)
    assert screen.dialog() == OPEN
    assert get_address(screen) == (f"/export/{event.id}/purchases.csv", {"status": "completed"})
    screen.enter(CHOSEN, ["total", "package"])
    assert get_address(screen)[1] == {"status": "completed", "columns": "total,package"}


def test_columns_are_moved_by_buttons(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event).click(OPEN).enter(CHOSEN, ["total", "package", "fee"])
    screen.enter(MOVED, "fee").click("Earlier")
    assert screen.value(CHOSEN) == ["total", "fee", "package"]
    assert not screen.field("Earlier").disabled
    screen.click("Earlier")
    assert screen.value(CHOSEN) == ["fee", "total", "package"]
    assert screen.field("Earlier").disabled
    screen.click("Later").click("Later")
    assert get_address(screen)[1]["columns"] == "total,package,fee"
    assert screen.field("Later").disabled


def test_preset_sets_rows_and_columns_and_everything_takes_them_back(visit, viewer, event, package):
    screen = visit("guests", viewer, event).enter("View", "Guest list").click(OPEN).click("Finance")
    path, query = get_address(screen)
    assert path == f"/export/{event.id}/purchases.csv"
    assert query["columns"] == ",".join(FINANCE.columns)
    screen.click("Everything")
    assert "columns" not in get_address(screen)[1]


def test_other_rows_have_their_own_columns(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event).click(OPEN).enter(CHOSEN, ["total"])
    screen.enter("Rows", "guests")
    assert {"guest_name", "ticket_code"} <= set(screen.value(CHOSEN))
    assert get_address(screen) == (f"/export/{event.id}/guests.csv", {})


def test_file_with_people_says_so(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event).click(OPEN)
    warning = "This file has data of people."
    assert screen.says(warning)
    assert not screen.enter(CHOSEN, ["total"]).says(warning)


def test_no_column_and_a_deleted_question(visit, viewer, event, package):
    option = make.option(package, label="Menu")
    screen = visit("purchasers", viewer, event).click(OPEN).enter(CHOSEN, [f"question-{option.id}"])
    db.write(lambda s: options.delete(s, OPERATOR, package.id, option.id))
    screen.rerun()
    assert screen.value(CHOSEN) == []
    assert screen.says("Add at least one column.")

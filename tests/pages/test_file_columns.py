"""The dialog that chooses the columns of a file: presets, order, and the address of the file."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.reporting import file_columns, workbooks

CHOSEN, OPEN = "In the file", "Choose columns"
FINANCE = next(preset for preset in file_columns.PRESETS if preset.name == "Finance")


@pytest.fixture
def viewer(event):
    return make.staff("viewer", event)


@pytest.fixture
def package(event):
    package = make.package(event, name="Table", seats_per_package=2)
    make.purchase(event, package, guests=[{"name": "Zoë"}])
    return package


def get_address(screen, label="Download this CSV"):
    """Return the path of the file and its query."""
    (link,) = [each for each in screen.app.get("link_button") if each.proto.label == label]
    url = urlsplit(link.proto.url)
    return url.path, {name: value for name, (value,) in parse_qs(url.query).items()}


def test_all_columns_are_chosen_at_first_and_the_filters_kept(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event)
    screen.app.query_params["status"] = "completed"
    screen.rerun().click(OPEN)
    assert screen.dialog() == OPEN
    assert get_address(screen) == (f"/export/{event.id}/purchases.csv", {"status": "completed"})
    screen.enter(CHOSEN, ["total", "package"])  # in the order of before, the whole file's
    assert get_address(screen)[1] == {"status": "completed", "columns": "package,total"}


def test_columns_switched_on_come_last_and_the_order_stays(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event).click(OPEN).click("Finance")
    names = list(FINANCE.columns)
    screen.enter(CHOSEN, ["seats", *names])
    assert get_address(screen)[1]["columns"] == ",".join([*names, "seats"])
    screen.enter(CHOSEN, ["seats", *names[1:]])
    assert get_address(screen)[1]["columns"] == ",".join([*names[1:], "seats"])


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


def test_workbook_has_the_same_query(visit, viewer, event, package, monkeypatch):
    screen = visit("guests", viewer, event).enter("View", "Guest list").click(OPEN).enter(CHOSEN, ["total"])
    _, query = get_address(screen)
    assert get_address(screen, "Download for Excel") == (f"/export/{event.id}/guests.xlsx", query)
    assert not screen.says("An Excel file has at most")
    monkeypatch.setattr(workbooks, "MAX_ROWS", 1)
    screen.enter(CHOSEN, ["fee"])
    assert screen.says("These are 2 rows. An Excel file has at most")


def test_choice_is_saved_used_by_a_colleague_and_deleted(visit, viewer, event, package):
    option = make.option(package, label="Menu")
    coordinator = make.staff("coordinator", event)
    screen = visit("purchasers", coordinator, event).click(OPEN).enter(CHOSEN, ["total", f"question-{option.id}"])
    screen.enter("Save this choice as", "Kitchen").enter("For everybody who sees this event", True).click("Save")
    assert screen.value("Saved choices") is not None

    colleague = visit("purchasers", viewer, event).click(OPEN)
    (preset_id,) = colleague.field("Saved choices").options
    assert preset_id == "Kitchen · for everybody"
    colleague.enter("Rows", "guests").enter("Saved choices", screen.value("Saved choices"))
    assert colleague.value(CHOSEN) == ["total", f"question-{option.id}"]
    assert colleague.value("Rows") == "purchases"
    assert "Delete this choice" not in colleague.labels()

    db.write(lambda s: options.delete(s, OPERATOR, package.id, option.id))
    again = visit("purchasers", viewer, event).click(OPEN).enter("Saved choices", screen.value("Saved choices"))
    assert again.value(CHOSEN) == ["total"]
    assert again.says("Not in this event: Menu.")

    screen.click("Delete this choice")
    assert "Saved choices" not in screen.labels()


def test_choice_without_a_name_is_refused_beside_the_field(visit, viewer, event, package):
    screen = visit("purchasers", viewer, event).click(OPEN).click("Save")
    assert screen.says("Enter a name.")
    assert "For everybody who sees this event" not in screen.labels()

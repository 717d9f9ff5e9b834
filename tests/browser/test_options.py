"""Options in a real browser: a question of several packages, from the list to its Undo."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options

MENU = {"label": "Menu", "option_type": "single_select", "choices": ["Fish", "Rice"]}


@pytest.fixture
def event(live_server: str):
    return make.event()


@pytest.fixture
def three(event):
    return [make.package(event, name=name) for name in ("Gold", "Silver", "Bronze")]


@pytest.fixture
def ana(event):
    return make.staff(event=event, name="Ana Ruiz", password=make.PASSWORD)


def list_labels(package):
    with db.read_session() as session:
        return [option.label for option in options.list_active(session, OPERATOR, package.id)]


def test_new_question_is_added_to_the_chosen_packages(page: Page, enter, event, ana, three) -> None:
    make.option(three[0], label="Diet?")
    enter(page, ana, f"/options?event={event.id}").get_by_role("button", name="New option").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Question", exact=True).fill("Song?")
    packages = dialog.get_by_role("combobox", name="Packages")
    for _ in ("Bronze", "Silver"):
        packages.press("Backspace")
    packages.fill("Bronze")
    page.get_by_role("option", name="Bronze").click()
    page.keyboard.press("Escape")  # closes the list, and not the form
    dialog.get_by_role("button", name="Add option").click()
    expect(dialog).to_have_count(0)
    row = page.get_by_role("article").filter(has_text="Song?")
    expect(row).to_contain_text("Gold Bronze")
    assert [list_labels(package) for package in three] == [["Diet?", "Song?"], [], ["Song?"]]


def test_edit_of_all_packages_is_refused_with_a_name_then_saved_and_undone(
    page: Page, enter, event, ana, three
) -> None:
    rows = [make.option(package, **MENU) for package in three]
    bea = make.staff(event=event, name="Bea Colleague")
    enter(page, ana, f"/options?event={event.id}")
    page.get_by_role("heading", name="Menu").click(force=True)  # the button of the row lies over it
    dialog = page.get_by_role("dialog")
    question = dialog.get_by_label("Question", exact=True)
    expect(dialog.get_by_text("Also for the 2 packages that ask the same")).to_be_visible()
    question.fill("Dinner")
    db.write(lambda s: options.update(s, bea, three[1].id, rows[1].id, {"choices": ["Fish", "Tofu"]}, seen_version=1))

    question.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Silver: Bea Colleague changed Menu after you opened it")
    expect(question).to_have_value("Dinner")
    expect(dialog.get_by_text("Also for the package that asks the same")).to_be_visible()
    assert [list_labels(package) for package in three] == [["Menu"]] * 3

    dialog.get_by_role("button", name="Save option").click()
    expect(dialog).to_have_count(0)
    assert [list_labels(package) for package in three] == [["Dinner"], ["Menu"], ["Dinner"]]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Change undone.")).to_be_visible()
    assert [list_labels(package) for package in three] == [["Menu"]] * 3


def test_answers_by_package_fit_a_phone(phone: Page, enter, event, three) -> None:
    viewer = make.staff("viewer", event, password=make.PASSWORD)
    rows = [
        make.option(package, **MENU | {"choices": [f"Choice {n} " + "x" * 40 for n in range(10)]}) for package in three
    ]
    make.purchase(event, three[0], answers=[{"option_id": rows[0].id, "value": rows[0].choices[0]}])
    enter(phone, viewer, f"/options?event={event.id}")
    phone.get_by_role("heading", name="Menu").tap(force=True)
    dialog = phone.get_by_role("dialog")
    expect(dialog.get_by_text("1 purchase has answered")).to_be_visible()
    expect(dialog.get_by_role("row", name="Gold 1 1 0")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 390

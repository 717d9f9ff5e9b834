"""The tasks of the staff with the keyboard alone, from the first run to the CSV. What has the focus always shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import image_samples, make
from tests.support.database_state import get_sold_count
from tests.support.dragging import handle
from tests.support.sales_file import sale, sales_csv
from tests.support.till_page import find_receipt, find_record_button
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages

MAX_TABS = 60
# Notes the look of what has the focus, and compares it with its look once the focus has moved on.
NOTE_FOCUS = """() => {
    for (const each of document.getAnimations()) if (each.effect.getTiming().iterations !== Infinity) each.finish();
    const LOOK = ["outlineStyle", "outlineColor", "outlineWidth", "boxShadow", "borderColor", "backgroundColor"];
    const look = element => {
        const around = [element, ...[1, 2, 3].map(() => element = element?.parentElement)].filter(Boolean);
        const parts = around.flatMap(each => [null, "::before", "::after"].map(part => getComputedStyle(each, part)));
        const beside = [...(around[0].parentElement?.children ?? [])].map(each => getComputedStyle(each));
        return JSON.stringify([...parts, ...beside].map(style => LOOK.map(name => style[name])));
    };
    const name = element => element.ariaLabel || element.innerText?.trim() || element.outerHTML.slice(0, 200);
    const now = document.activeElement, before = window.focused;
    const isUnmarked = before?.element.isConnected && before.element !== now && look(before.element) === before.look;
    const box = now.getBoundingClientRect();
    const isSeen = now === document.body || (box.bottom > 0 && box.top < innerHeight && box.right > 0);
    window.focused = now === document.body ? undefined : { element: now, look: look(now), name: name(now) };
    const problems = [isUnmarked && `no mark of the focus: ${before.name}`, !isSeen && `out of sight: ${name(now)}`];
    return problems.filter(Boolean);
}"""
IS_FOCUSED = "element => element === document.activeElement || element.contains(document.activeElement)"


class Keyboard:
    """Somebody without a mouse. Collects what they could not see in `problems`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self._note_focus()

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def go_to(self, target: Locator, key: str = "Tab") -> None:
        """Press Tab until `target` has the focus."""
        expect(target).to_be_attached()
        for _ in range(MAX_TABS):
            if target.evaluate(IS_FOCUSED):
                return
            self.press(key)
        raise AssertionError(f"{target} is not reached with {key}")

    def fill(self, label: str, text: str) -> None:
        """Go to a field, by its label, and type over what it has."""
        self.go_to(self._find().get_by_label(label, exact=True))
        self.page.keyboard.press("ControlOrMeta+A")
        self.type(text)

    def push(self, name: str, role: str = "button") -> None:
        """Go to a button, link or switch, and press it."""
        self.go_to(self._find().get_by_role(role, name=name, exact=True).first)
        self.press("Space" if role == "switch" else "Enter")

    def choose(self, name: str) -> None:
        """Go to a choice of a group with Tab, and within it with the arrows."""
        choice = self.page.get_by_role("radio", name=name, exact=True)
        group = self.page.get_by_role("radiogroup").filter(has=choice)
        self.go_to(group)
        for _ in range(group.get_by_role("radio").count()):
            if choice.evaluate(IS_FOCUSED):
                break
            self.press("ArrowRight")
        self.press("Space")
        expect(choice).to_be_checked()

    def pick(self, menu: str, entry: str) -> None:
        """Open a menu, and choose an entry with the arrows."""
        self.push(menu)
        self.page.wait_for_function("() => document.activeElement.closest('[role=menu]')")
        entries = self.page.get_by_role("menuitem")
        names = [name.strip() for name in entries.locator("p").all_inner_texts()]
        for place in [*range(1, len(names)), 0]:  # the first has the focus only once it was left
            self.page.keyboard.press("ArrowDown")
            expect(entries.nth(place)).to_be_focused()
            if names[place] == entry:
                break
        self.page.keyboard.press("Enter")

    def choose_file(self, file: Any) -> None:
        """Go to the only uploader, and choose a file."""
        self.go_to(self._find().get_by_test_id("stFileUploaderDropzone").locator("button"))
        self.page.on("filechooser", lambda _: None)  # Playwright would begin to watch for it only once Enter is pressed
        with self.page.expect_file_chooser() as chooser:
            self.press("Enter")
        chooser.value.set_files(file)

    def open(self, page: str) -> None:
        """Choose a page in the menu."""
        self.go_to(self.page.get_by_test_id("stSidebar").get_by_role("link", name=page, exact=True))
        self.press("Enter")
        expect(self.page.get_by_role("heading", name=page, level=1)).to_be_visible()
        wait_until_drawn(self.page)

    def _find(self) -> Locator:
        return self.page.locator("[role=dialog]:not([data-testid=stToast]), body:not(:has([role=dialog]))").last

    def _note_focus(self) -> None:
        self.problems += self.page.evaluate(NOTE_FOCUS)


@pytest.fixture
def keyboard(page: Page):
    keyboard = Keyboard(page)
    yield keyboard
    assert keyboard.problems == []


def see(page: Page, name: str) -> None:
    """Wait until the list shows what was created, and its form is gone."""
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    wait_until_drawn(page)


def test_event_is_set_up_from_the_first_run(page: Page, keyboard: Keyboard, fresh_server: str) -> None:
    page.goto(fresh_server)
    expect(page.get_by_label("Your name")).to_be_focused()
    keyboard.type("Ana Ruiz")
    keyboard.fill("E-mail address", "ana@example.org")
    keyboard.fill("Password", "too short")
    page.keyboard.press("Enter")  # opens another page
    expect(page.get_by_text("Use at least 10 characters.")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Your name")).to_have_value("Ana Ruiz")
    keyboard.type(make.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All events", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Ana Ruiz · admin")).to_be_visible()

    keyboard.push("New event")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    keyboard.type("Spring Gala")
    keyboard.go_to(page.get_by_label("month, Starts"))
    keyboard.type("032020311830")
    keyboard.fill("Venue", "Pier 9 Hall")
    keyboard.press("Enter")
    expect(page.get_by_text("Thu, Mar 20, 2031, 6:30 PM").last).to_be_visible()
    wait_until_drawn(page)

    keyboard.push("New package")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    keyboard.type("Table of Ten")
    keyboard.fill("Description", "Ten seats.")
    keyboard.fill("Price", "$1,500")
    keyboard.fill("Seats in one package", "10")
    keyboard.fill("Limit (optional)", "5")
    keyboard.push("This is a sponsorship", "switch")
    keyboard.push("Create package")
    see(page, "Table of Ten")

    keyboard.open("Options")
    keyboard.push("New option")
    expect(page.get_by_label("Question", exact=True)).to_be_focused()
    keyboard.type("Dinner?")
    keyboard.choose("Choose one")
    keyboard.fill("Choices, one per line", "Fish\nMeat")
    keyboard.push("Add option")
    see(page, "Dinner?")

    keyboard.open("Promo codes")
    keyboard.push("New promo code")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    keyboard.type("early25")
    keyboard.choose("Fixed amount")
    keyboard.fill("Amount off", "25")
    keyboard.press("Enter")
    see(page, "EARLY25")


def test_package_gets_a_picture_and_is_taken_off_sale_and_moved(page: Page, keyboard: Keyboard, enter) -> None:
    event = make.event()
    ada, ben = (make.package(event, name=name) for name in ("Ada", "Ben"))
    enter(page, make.staff(event=event, password=make.PASSWORD), f"/packages?event={event.id}")
    row = page.locator(f".st-key-card_{ben.id}")

    keyboard.push("Edit Ben")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    picture = {"name": "table.jpg", "mimeType": "image/jpeg", "buffer": image_samples.make_image_file("JPEG")}
    keyboard.choose_file(picture)
    expect(page.get_by_role("img", name="The chosen picture")).to_be_visible()
    keyboard.fill("Picture description for screen readers (optional)", "A round table")
    keyboard.push("This is a sponsorship", "switch")
    keyboard.push("Save package")
    expect(row.get_by_role("img", name="A round table")).to_be_visible()
    expect(row).to_contain_text("Sponsorship")
    wait_until_drawn(page)

    keyboard.pick("Actions for Ben", "Take off sale")
    expect(row).to_contain_text("Off sale")
    keyboard.push("Undo")
    expect(row).not_to_contain_text("Off sale")
    wait_until_drawn(page)
    keyboard.push("Ben on sale", "switch")
    expect(row).to_contain_text("Off sale")
    keyboard.go_to(handle(page, "Ben"), "Shift+Tab")
    for key in ("Enter", "ArrowUp", "Enter"):
        keyboard.press(key)
    expect(page.get_by_text("Ben moved up.")).to_be_visible()
    with db.read_session() as session:
        assert list(packages.list_names(session, OPERATOR, event.id)) == [ben.id, ada.id]


def test_order_is_found_its_guest_named_and_a_price_restored(page: Page, keyboard: Keyboard, enter) -> None:
    event = make.event()
    gold = make.package(event, name="Gold", price="2500", seats_per_package=2, is_sponsorship=True)
    make.change_package(OPERATOR, gold, price="2600")
    make.purchase(event, gold, donor={"name": "Rosa Quintana", "email": make.email()})
    enter(page, make.staff(event=event, password=make.PASSWORD), f"/guests?event={event.id}")

    keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    keyboard.type("quint")
    keyboard.push("Rosa Quintana", "link")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="Rosa Quintana")).to_be_visible()
    wait_until_drawn(page)
    keyboard.press("Escape")
    expect(drawer).to_have_count(0)

    keyboard.open("Guests")
    keyboard.choose("Sponsors")
    keyboard.push("Name guests of Rosa Quintana")
    expect(page.get_by_role("dialog").get_by_label(re.compile("^Seat 1 "))).to_be_focused()
    keyboard.type("Bo Lind")
    keyboard.fill("E-mail, seat 1", "bo@example.org")
    keyboard.push("Save guests")
    expect(page.get_by_text("1 of 2 seats named.")).to_be_visible()
    wait_until_drawn(page)

    keyboard.open("Audit log")
    keyboard.push("Restore price")
    expect(page.get_by_role("heading", name="Restore an earlier value")).to_be_visible()
    wait_until_drawn(page)
    keyboard.push("Restore price")
    expect(page.get_by_text("restored the price of Gold").first).to_be_visible()
    with db.read_session() as session:
        assert str(packages.get(session, OPERATOR, event.id, gold.id).price) == "2500.00"


def test_file_is_imported_and_downloaded(page: Page, keyboard: Keyboard, enter, tmp_path: Path) -> None:
    event = make.event(revenue_goal="5000")
    table = make.package(event, name="Table of Ten", price="1500", seats_per_package=10)
    seller = make.staff(event=event, password=make.PASSWORD)
    file = tmp_path / "sales.csv"
    file.write_bytes(sales_csv(sale(table, purchaser_name="Zoë Müller"), sale(table, purchaser_name="Bo Li")))
    enter(page, seller, f"/sales?event={event.id}")

    keyboard.open("Import")
    keyboard.choose_file(file)
    expect(page.get_by_text("No problems in 2 rows.")).to_be_visible()
    wait_until_drawn(page)
    keyboard.push("Import 2 sales")
    expect(page.get_by_text("2 sales imported from sales.csv.")).to_be_visible()
    assert get_sold_count(table) == 2

    keyboard.open("Sales")
    keyboard.go_to(page.locator("summary").filter(has_text="as a table").last)
    keyboard.press("Enter")
    expect(page.get_by_role("table", name="Sales of each day")).to_be_visible()
    keyboard.go_to(page.get_by_role("link", name="Download CSV"), "Shift+Tab")
    with page.context.expect_event("download") as started:
        keyboard.press("Enter")
    assert "Zoë Müller" in started.value.path().read_text("utf-8-sig")


def test_sale_is_corrected_and_voided(page: Page, keyboard: Keyboard, enter) -> None:
    event = make.event()
    table = make.package(event, name="Table of Ten", seats_per_package=10)
    option = make.option(table, label="Any allergies?")
    answers = [{"option_id": option.id, "value": "None"}]
    make.purchase(event, table, donor={"name": "Zoe Muller", "email": make.email()}, answers=answers)
    enter(page, make.staff(event=event, password=make.PASSWORD), f"/purchasers?event={event.id}")

    keyboard.go_to(page.get_by_role("button", name="Zoe Muller"))
    keyboard.press("Enter")
    keyboard.push("Correct details")
    expect(page.get_by_label("Donor's name")).to_be_focused()
    keyboard.fill("Donor's name", "Zoë Müller")
    keyboard.fill("Any allergies?", "Nuts")
    keyboard.push("Save correction")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="Zoë Müller")).to_be_visible()
    expect(drawer.get_by_text("Nuts", exact=True)).to_be_visible()
    wait_until_drawn(page)
    keyboard.push("Void")
    expect(page.get_by_label("Reason")).to_be_focused()
    keyboard.type("Entered twice")
    keyboard.press("Enter")
    expect(drawer.get_by_text("Sale voided")).to_be_visible()
    assert get_sold_count(table) == 0
    wait_until_drawn(page)
    keyboard.push("Undo")
    expect(page.get_by_test_id("stToast")).to_contain_text("Change undone.")
    assert get_sold_count(table) == 1
    keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_order_is_sold_and_undone_at_the_box_office(page: Page, keyboard: Keyboard, enter) -> None:
    event = make.event()
    single = make.package(event, name="Individual ticket", price="150")
    make.option(single, label="Dinner?", option_type="single_select", choices=["Fish", "Meat"])
    couple = make.package(event, name="Couple", price="280", seats_per_package=2)
    make.purchase(event, couple, donor={"name": "Ana Lopez", "email": "ana@example.org"})
    make.promo_code(event, code="EARLY25", discount_value="25")
    enter(page, make.staff(event=event, password=make.PASSWORD), f"/box_office?event={event.id}")

    keyboard.press("/")
    expect(page.get_by_label("Donor's name")).to_be_focused()
    keyboard.type("ana")
    expect(page.locator(".donors button")).to_have_count(1)
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.get_by_label("E-mail address")).to_have_value("ana@example.org")
    keyboard.press("1")
    keyboard.push("Couple $280.00 2 seats")
    keyboard.push("One more: Couple")
    keyboard.push("One less: Couple")
    keyboard.push("One more: Couple")
    expect(find_record_button(page, "$710.00")).to_be_visible()
    keyboard.choose("Cash")
    keyboard.fill("Promo code (optional)", "EARLY25")
    keyboard.press("Tab")
    expect(find_record_button(page, "$532.50")).to_be_visible()
    keyboard.fill("Amount received", "600")
    keyboard.press("Tab")
    expect(page.get_by_text("Change $67.50")).to_be_visible()
    keyboard.press("Control+Enter")
    expect(page.get_by_role("radiogroup", name="Dinner?").get_by_role("radio").first).to_be_focused()
    keyboard.choose("Meat")
    keyboard.press("Control+Enter")
    expect(find_receipt(page)).to_be_focused()
    assert get_sold_count(couple) == 3

    keyboard.push("Undo")
    expect(page.get_by_text("its packages are on sale again")).to_be_visible()
    assert get_sold_count(couple) == 1

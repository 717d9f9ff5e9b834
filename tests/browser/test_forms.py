"""What only a browser shows of forms: typed text is not lost, the focus is in the wrong field, Undo and messages."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from tests.browser.conftest import choose_from, go_to, wait_until_drawn
from tests.support import make
from ticketing import db
from ticketing.catalog import options
from ticketing.models import Event, Option, Package, PromoCode, Purchase

DRAFTS = "Object.keys(sessionStorage).filter(key => key.startsWith('draft:')).length"
# A message also goes by itself after 4 seconds, which a test cannot tell from one that is closed.
NOTE_CLOSED_MESSAGE = """addEventListener('click', event => {
    window.isMessageClosed ||= Boolean(event.target.closest('[data-testid=stToast] button'));
}, true)"""
IS_UNCOVERED = """button => {
    const box = button.getBoundingClientRect();
    return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""


@pytest.fixture
def event() -> Event:
    return make.event()


@pytest.fixture
def ana(event):
    return make.staff(event=event, name="Ana Ruiz", password=make.PASSWORD)


def find_question(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Discard changes?")


def find_bar(page: Page) -> Locator:
    return page.locator(".st-key-undo")


def open_new_package(page: Page) -> Locator:
    page.get_by_role("button", name="New package").first.click()
    form = page.get_by_role("dialog", name="New package")
    # A form that was closed just before is in the dialog until the run ends.
    expect(form.get_by_label("Name", exact=True).last).to_be_focused()
    return form


def pick(page: Page, card: Locator, entry: str) -> None:
    card.get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name=re.compile(f"^{entry}")).click()


def find_row(model, *conditions):
    with db.read_session() as session:
        return session.scalars(select(model).where(*conditions)).one()


def get_row(model, row):
    with db.read_session() as session:
        return session.get_one(model, row.id)


def test_typed_text_is_lost_only_when_it_is_discarded(page: Page, enter, event, ana) -> None:
    form = open_new_package(enter(page, ana, f"/packages?event={event.id}"))
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)  # nothing was typed

    form = open_new_package(page)
    name = form.get_by_label("Name", exact=True)
    page.keyboard.type("Table of Ten")
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.mouse.click(300, 400),
        form.get_by_role("button", name="Cancel").click,
        form.get_by_role("button", name="Close").click,
    ):
        leave()
        expect(find_question(page).get_by_role("button", name="Keep editing")).to_be_focused()
        page.keyboard.press("Enter")
        expect(find_question(page)).to_be_hidden()
        expect(name).to_have_value("Table of Ten")
    form.get_by_label("Price").fill("$1,500")

    wait_until_drawn(page).reload()
    form = open_new_package(wait_until_drawn(page))
    expect(form.get_by_text("We kept what you typed here.")).to_be_visible()
    expect(form.get_by_label("Name", exact=True)).to_have_value("Table of Ten")
    expect(form.get_by_label("Price")).to_have_value("$1,500")

    form.get_by_role("button", name="Cancel").click()
    find_question(page).get_by_role("button", name="Discard").click()
    expect(form).to_have_count(0)
    assert page.evaluate(DRAFTS) == 0
    expect(open_new_package(page).get_by_label("Name", exact=True)).to_have_value("")


def test_draft_has_the_date_and_the_choice_of_a_list(page: Page, enter, event) -> None:
    enter(page, make.staff(role="admin", password=make.PASSWORD), f"/events?event={event.id}")

    def open_form() -> Locator:
        page.get_by_role("button", name="New event").click()
        form = page.get_by_role("dialog", name="New event")
        expect(form.get_by_label("Name", exact=True)).to_be_focused()
        return form

    form = open_form()
    page.keyboard.type("Golf Day")
    type_date(form, "Starts", "120520311730")
    choose_from(form.get_by_role("combobox"), "America/Chicago")
    form.get_by_label("Venue", exact=True).fill("Pier")

    page.reload()
    wait_until_drawn(page)
    form = open_form()
    expect(form.get_by_text("We kept what you typed here.")).to_be_visible()
    expect(form.get_by_role("combobox")).to_have_value("America/Chicago")
    expect(find_date(form)).to_have_value("2031-12-05T17:30")
    form.get_by_role("button", name="Create event").click()
    expect(page).to_have_title("Packages · Golf Day")
    created = find_row(Event, Event.name == "Golf Day")
    assert (created.starts_at.isoformat(), created.time_zone) == ("2031-12-05T23:30:00+00:00", "America/Chicago")
    page.wait_for_function(f"{DRAFTS} === 0")


def test_draft_has_switches_and_choices_and_the_fields_that_follow_from_them(page: Page, enter, event, ana) -> None:
    code = make.promo_code(event, code="EARLY25", expires_at="2031-01-01T00:00")
    enter(page, ana, f"/promo_codes?event={event.id}")

    def open_form() -> Locator:
        pick(page, page.locator(f".st-key-card_{code.id}"), "Edit")
        form = page.get_by_role("dialog")
        expect(form.get_by_label("Code", exact=True)).to_be_focused()
        return form

    form = open_form()
    form.get_by_role("radio", name="Fixed amount").click()
    form.get_by_label("Amount off").fill("30")
    form.get_by_role("button", name="Clear date and time").click()
    form.get_by_text("Active").click()
    wait_until_kept(page, "false")

    page.reload()
    wait_until_drawn(page)
    form = open_form()
    expect(form.get_by_label("Amount off")).to_have_value("30")
    expect(find_date(form)).to_have_value("")
    expect(form.get_by_role("switch", name="Active")).not_to_be_checked()
    form.get_by_role("button", name="Save promo code").click()
    expect(form).to_have_count(0)
    saved = find_row(PromoCode, PromoCode.event_id == event.id)
    assert (saved.discount_type, saved.discount_value, saved.expires_at, saved.is_active) == (
        "fixed_amount",
        30,
        None,
        False,
    )


def test_form_is_whole_after_another_page(page: Page, enter, event, ana) -> None:
    make.option(make.package(event), label="Any allergies?")
    go_to(enter(page, ana, f"/packages?event={event.id}"), "options")
    page.get_by_role("button", name="New option").click()
    form = page.get_by_role("dialog", name="New option")
    expect(form.get_by_label("Question", exact=True)).to_be_focused()
    form.get_by_role("radio", name="Choose one").click()
    form.get_by_label("Question", exact=True).fill("Dinner?")
    form.get_by_label("Choices, one per line").fill("Beef\nTofu")
    form.get_by_text("Required").click()
    wait_until_kept(page, "false")

    page.go_back()
    expect(page.get_by_role("heading", name="Packages", level=1)).to_be_visible()
    page.go_forward()
    expect(form.get_by_label("Choices, one per line")).to_have_value("Beef\nTofu")
    expect(form.get_by_role("radio", name="Choose one")).to_be_checked()
    expect(form.get_by_role("switch", name="Required")).not_to_be_checked()
    form.get_by_role("button", name="Add option").click()
    expect(form).to_have_count(0)
    saved = find_row(Option, Option.label == "Dinner?", Option.event_id == event.id)
    assert (saved.option_type, saved.choices, saved.is_required) == ("single_select", ["Beef", "Tofu"], False)


def test_typed_date_is_guarded_and_its_calendar_covers_no_field(page: Page, enter, event, ana) -> None:
    enter(page, ana, f"/promo_codes?event={event.id}").get_by_role("button", name="New promo code").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_label("Code", exact=True)).to_be_focused()
    assert read_time_of_day(form) == "none"
    type_date(form, "Expires", "120520310530")
    assert read_time_of_day(form) == '"in the morning"'
    type_date(form, "Expires", "120520311730")
    assert read_time_of_day(form) == '"in the afternoon"'
    expect(page.get_by_role("grid")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(find_question(page)).to_be_visible()
    page.keyboard.press("Enter")

    form.get_by_role("button", name="Choose date and time").click()
    page.get_by_role("grid").get_by_role("button", name="December 15").click()
    expect(find_date(form)).to_have_value("2031-12-15T17:30")


def type_date(form: Locator, label: str, digits: str) -> None:
    """Type a date and time as people do: month, day, year, hour, minute."""
    form.get_by_role("spinbutton", name=re.compile(f"^month, {label}")).click()
    form.page.keyboard.type(digits)


def read_time_of_day(form: Locator) -> str:
    """Return the words behind a typed time, which say how the 24-hour clock understands it."""
    field = form.locator('[data-testid="stDateTimeInputField"] [role="group"]')
    return field.evaluate("field => getComputedStyle(field, '::after').content")


def find_date(form: Locator) -> Locator:
    return form.locator('input[type="datetime-local"]')


def wait_until_kept(page: Page, value: str) -> None:
    """Wait until the draft in the tab's storage has a value."""
    page.wait_for_function("value => JSON.stringify(Object.values(sessionStorage)).includes(value)", arg=value)


def test_refused_save_puts_the_focus_in_the_first_wrong_field(page: Page, enter, event, ana) -> None:
    form = open_new_package(enter(page, ana, f"/packages?event={event.id}"))
    name, description = form.get_by_label("Name", exact=True), form.get_by_label("Description")
    name.fill("Table")
    form.get_by_label("Price").fill("a lot")
    name.press("Enter")
    expect(description).to_be_focused()
    expect(description).to_have_attribute("aria-invalid", "true")
    expect(description).to_have_accessible_description(re.compile("Enter a description"))
    expect(name).not_to_have_attribute("aria-invalid", "true")

    description.fill("Ten seats")
    name.press("Enter")
    expect(form.get_by_label("Price")).to_be_focused()
    expect(description).not_to_have_attribute("aria-invalid", "true")
    expect(name).to_have_value("Table")

    form.get_by_label("Price").fill("1,500")
    name.press("Enter")
    expect(form).to_have_count(0)
    expect(page.get_by_role("heading", name="Table")).to_be_in_viewport()
    expect(page.get_by_test_id("stToast")).to_have_count(0)  # the card shows itself
    assert page.evaluate(DRAFTS) == 0


def test_wrong_field_is_scrolled_into_view_on_a_phone(phone: Page, enter, event, ana) -> None:
    form = open_new_package(enter(phone, ana, f"/packages?event={event.id}"))
    form.get_by_label("Name", exact=True).fill("Table")
    form.get_by_label("Description").fill("Ten seats")
    form.get_by_role("button", name="Create package").click()
    expect(form.get_by_label("Price")).to_be_focused()
    expect(form.get_by_label("Price")).to_be_in_viewport()


def test_fields_follow_the_kind_and_keep_what_was_typed(page: Page, enter, event, ana) -> None:
    enter(page, ana, f"/promo_codes?event={event.id}").get_by_role("button", name="New promo code").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_label("Code", exact=True)).to_be_focused()
    page.keyboard.type("early25")
    form.get_by_label("Percent off").fill("25")
    form.get_by_text("Fixed amount").click()
    expect(form.get_by_label("Amount off")).to_have_value("25")
    expect(form.get_by_label("Code", exact=True)).to_have_value("early25")
    form.get_by_label("Amount off").press("Enter")
    expect(form).to_have_count(0)
    expect(page.get_by_role("heading", name="EARLY25")).to_be_visible()


def test_text_of_donors_is_never_stored_in_the_browser(page: Page, enter, event, ana) -> None:
    make.purchase(event, make.package(event), donor={"name": "Zoë Oh", "email": "zoe@example.org"})
    enter(page, ana, f"/packages?event={event.id}")
    open_new_package(page)
    page.keyboard.type("Table")
    page.reload()
    go_to(wait_until_drawn(page), "purchasers").get_by_role("button", name="Zoë Oh").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Correct details").click()
    expect(drawer.get_by_label("Donor's name")).to_be_focused()
    drawer.get_by_label("Donor's name").fill("Zoë Confidential")
    page.keyboard.press("Escape")
    find_question(page).get_by_role("button", name="Keep editing").click()
    assert "Confidential" not in page.evaluate("JSON.stringify([sessionStorage, localStorage])")
    assert page.evaluate(DRAFTS) == 1

    drawer.get_by_role("button", name="Cancel").click()
    find_question(page).get_by_role("button", name="Discard").click()
    drawer.get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate(DRAFTS) == 0


def test_changes_are_undone_from_the_bar_at_the_foot(page: Page, enter, event, ana) -> None:
    package, code = make.package(event, name="Table"), make.promo_code(event, code="EARLY25")
    option = make.option(package, label="Any allergies?")
    enter(page, ana, f"/packages?event={event.id}")
    pick(page, page.locator(f".st-key-card_{package.id}"), "Take off sale")
    undo(page, "Table is off sale.")
    assert get_row(Package, package).is_enabled

    go_to(page, "promo_codes")
    pick(page, page.locator(f".st-key-card_{code.id}"), "Switch off")
    undo(page, "EARLY25 is off.")
    assert get_row(PromoCode, code).is_active

    go_to(page, "options")
    pick(page, page.locator(f".st-key-card_{option.id}"), "Stop asking")
    expect(find_bar(page)).to_contain_text("“Any allergies?” is no longer asked.")
    bea = make.staff(event=event, name="Bea Colleague")
    db.write(lambda s: options.update(s, bea, package.id, option.id, {"label": "Diet?"}, seen_version=None))
    undo(page, "“Any allergies?” is no longer asked.", "Not undone. Table: Bea Colleague changed it since.")
    assert get_row(Option, option).retired_at is not None


def undo(page: Page, sentence: str, message: str = "Change undone.") -> None:
    expect(find_bar(page)).to_contain_text(sentence)
    find_bar(page).get_by_role("button", name="Undo").click()
    expect(page.get_by_test_id("stToast")).to_contain_text(message)
    expect(find_bar(page)).to_have_count(0)


def test_changes_in_the_drawer_are_undone_there_and_on_the_page(page: Page, enter, event, ana) -> None:
    bought = make.purchase(
        event, make.package(event, quantity_limit=1), donor={"name": "Zoë Oh", "email": make.email()}
    )
    enter(page, ana, f"/purchasers?event={event.id}").get_by_role("button", name="Zoë Oh").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Name guests").click()
    expect(drawer.get_by_label("Seat 1", exact=False).first).to_be_focused()
    page.keyboard.type("Bo Lind")
    drawer.get_by_role("button", name="Save guest").click()
    bar = drawer.locator(".st-key-undo_inside")
    expect(bar).to_contain_text("1 of 1 seats named.")
    bar.get_by_role("button", name="Undo").click()
    expect(page.get_by_test_id("stToast")).to_contain_text("Change undone.")
    assert get_row(Purchase, bought.purchase).seats_named == 0

    drawer.get_by_role("button", name="Void").click()
    drawer.get_by_label("Reason").fill("Typed twice")
    drawer.get_by_role("button", name="Void").click()
    expect(bar).to_contain_text("Sale voided")
    expect(bar.get_by_role("button", name="Undo")).to_be_in_viewport()
    drawer.get_by_role("button", name="Close").click()
    undo(page, "Sale voided")
    assert get_row(Purchase, bought.purchase).payment_status == "completed"


def test_messages_cover_no_control_and_stay_on_their_page(page: Page, enter, event, ana) -> None:
    package = make.package(event, name="Table")
    enter(page, ana, f"/packages?event={event.id}")
    pick(page, page.locator(f".st-key-card_{package.id}"), "Take off sale")
    expect(find_bar(page)).to_be_visible()
    assert page.get_by_role("button", name="New package").evaluate(IS_UNCOVERED)
    find_bar(page).get_by_role("button", name="Undo").click()
    toast = page.get_by_test_id("stToast")
    expect(toast).to_be_visible()
    controls = [page.get_by_role("button", name="New package"), page.get_by_role("link", name="All events")]
    assert all(control.evaluate(IS_UNCOVERED) for control in controls)
    page.evaluate(NOTE_CLOSED_MESSAGE)
    go_to(page, "options")
    assert page.evaluate("window.isMessageClosed || !document.querySelector('[data-testid=stToast]')")

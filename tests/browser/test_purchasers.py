"""Purchasers in a real browser: links, Back, keyboard, phone, and sales made elsewhere."""

import io
import re

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tests.support import make


@pytest.fixture
def seller(live_server, sold):
    return make.staff(event=sold, password=make.PASSWORD)


@pytest.fixture
def sold(live_server):
    """Three purchases: Ana's is pending, Zoë's has a promo code, Bo's is the latest."""
    event = make.event()
    table = make.package(event, name="Table of Ten", price="2500", seats_per_package=10)
    make.promo_code(event, code="EARLY10")
    for name, fields in {
        "Ana Ruiz": {"payment_status": "pending", "channel": "cheque"},
        "Zoë Müller": {"promo_code": "EARLY10"},
        "Bo Li": {},
    }.items():
        make.purchase(event, table, donor={"name": name, "email": make.email("donor")}, **fields)
    event.table = table
    return event


def rows(page: Page):
    return page.locator('[class*="st-key-purchaser_"]')


def search(page: Page):
    return page.get_by_test_id("stMain").get_by_label("Search")


def open_filters(page: Page):
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Filters")).click()
    return page.get_by_test_id("stPopoverBody")


def test_link_shows_the_same_view_to_another_user(page: Page, another_page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}")
    search(page).fill("table zoe")
    search(page).press("Enter")
    expect(page.get_by_role("heading", name="No matching purchases")).to_be_visible()
    search(page).fill("zoe")
    search(page).press("Enter")
    expect(rows(page)).to_have_count(1)
    panel = open_filters(page)
    panel.get_by_label("Promo code").click()
    page.get_by_role("option", name="EARLY10").click()
    expect(page.get_by_role("button", name="EARLY10", exact=False).first).to_be_visible()
    expect(page).to_have_url(re.compile("search=zoe&code=EARLY10"))

    colleague = make.staff(role="viewer", event=sold, password=make.PASSWORD)
    enter(another_page, colleague, "/purchasers" + page.url.partition("/purchasers")[2])
    expect(rows(another_page)).to_have_count(1)
    expect(rows(another_page)).to_contain_text("Zoë Müller")
    expect(search(another_page)).to_have_value("zoe")


def test_back_and_forward_restore_views_and_fields(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}")
    search(page).fill("ana")
    search(page).press("Enter")
    expect(rows(page)).to_have_count(1)
    search(page).fill("bo")
    search(page).press("Enter")
    expect(rows(page)).to_contain_text(["Bo Li"])
    for step, value, names in (
        (page.go_back, "ana", ["Ana Ruiz"]),
        (page.go_back, "", ["Bo Li", "Zoë Müller", "Ana Ruiz"]),
        (page.go_forward, "ana", ["Ana Ruiz"]),
    ):
        step()
        expect(rows(page)).to_contain_text(names)
        expect(rows(page)).to_have_count(len(names))
        expect(search(page)).to_have_value(value)
    page.wait_for_timeout(1500)  # background polls in this time must not restore the old view
    expect(search(page)).to_have_value("ana")
    expect(page).to_have_url(re.compile("search=ana$"))


def test_row_opens_by_keyboard_and_escape_restores_focus(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}")
    name = rows(page).first.get_by_role("button")
    name.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="Bo Li")).to_be_visible()
    expect(page).to_have_url(re.compile("purchase="))
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(page).not_to_have_url(re.compile("purchase="))
    expect(name).to_be_focused()


def test_back_closes_the_open_purchase(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}")
    rows(page).nth(2).get_by_role("button").click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="Ana Ruiz")).to_be_visible()
    page.go_back()
    expect(drawer).to_have_count(0)
    expect(rows(page)).to_have_count(3)


def test_purchase_is_paid_and_guests_named_in_the_drawer(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}&status=pending")
    rows(page).first.get_by_role("button").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Name guests").click()
    drawer.get_by_label(re.compile("^Seat 1 ")).fill("Ben Okafor")
    drawer.get_by_role("button", name="Save guests").click()
    expect(drawer.get_by_text("1 of 10 seats named").first).to_be_visible()
    pay = drawer.get_by_role("button", name="Mark as paid")
    pay.click()
    expect(drawer.get_by_text("$2,500.00 will count as revenue.")).to_be_visible()
    expect(pay).to_have_count(1)  # the button that opened the confirmation is gone
    pay.click()
    expect(drawer.get_by_text("Status: was Pending, now Paid")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="No matching purchases")).to_be_visible()


def test_sale_made_elsewhere_appears_without_disturbing_typing(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}")
    search(page).click()
    search(page).press_sequentially("zo")
    expect(rows(page)).to_have_count(1)  # found while one types
    make.purchase(sold, sold.table, donor={"name": "Zora Park", "email": make.email("donor")})
    expect(rows(page)).to_have_count(2)
    expect(search(page)).to_be_focused()
    search(page).press_sequentially("e")
    expect(search(page)).to_have_value("zoe")
    expect(rows(page)).to_have_count(1)


def test_sale_made_elsewhere_waits_while_a_purchase_is_open(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}")
    rows(page).first.get_by_role("button").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Void").click()
    reason = drawer.get_by_label("Reason")
    reason.press_sequentially("Entered")
    make.purchase(sold, sold.table, donor={"name": "Dee Park", "email": make.email("donor")})
    page.wait_for_timeout(3000)
    expect(reason).to_be_focused()
    expect(reason).to_have_value("Entered")
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discard").click()  # of the reason
    expect(rows(page)).to_have_count(4)


def test_downloads_have_exactly_what_the_filters_show(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}&status=completed&search=zoe")
    for name, count in (("Purchases CSV", 1), ("Guests CSV", 10)):
        with page.context.expect_event("download") as started:
            page.get_by_role("link", name=name).click()
        table = pd.read_csv(io.BytesIO(started.value.path().read_bytes()), dtype=str, keep_default_na=False)
        assert list(table.purchaser_name) == ["Zoë Müller"] * count


def test_invalid_link_is_announced_as_an_alert(page: Page, sold, seller, enter):
    enter(page, seller, f"/purchasers?event={sold.id}&status=paid")
    expect(page.get_by_role("alert")).to_contain_text("“status” takes one or more of completed, pending")
    page.get_by_role("button", name="Show all purchases").click()
    expect(rows(page)).to_have_count(3)


def test_phone_shows_whole_rows_and_opens_the_drawer(phone: Page, sold, seller, enter):
    enter(phone, seller, f"/purchasers?event={sold.id}")
    first = rows(phone).first
    for part in ("Bo Li", "1 × Table of Ten", "0 of 10 seats named", "Paid", "$2,500.00"):
        expect(first).to_contain_text(part)
    width = phone.evaluate("document.documentElement.clientWidth")
    box = first.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["height"] >= 44
    first.tap()
    drawer = phone.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="Bo Li")).to_be_visible()
    expect(drawer.get_by_role("button", name="Mark as refunded")).to_be_in_viewport()

"""The search over everything: its key on every page but the till, and rows that open without loading the app again."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import make


@pytest.fixture
def seller(event):
    return make.staff(event=event, password=make.PASSWORD)


@pytest.fixture
def order(event):
    return make.order(event, make.package(event), donor={"name": "Rosa Quintana", "email": "rosa@example.org"})


def main(page: Page):
    return page.get_by_test_id("stMain")


def find_field(page: Page):
    return main(page).get_by_role("searchbox")


def test_slash_opens_the_search_and_a_row_opens_its_purchase(page, enter, event, seller, order):
    wait_until_drawn(enter(page, seller, f"/guests?event={event.id}"))
    page.evaluate("window.isSameDocument = true")
    page.keyboard.press("/")
    expect(find_field(page)).to_be_focused()
    page.keyboard.type("quintana/")
    expect(find_field(page)).to_have_value("quintana/")
    page.keyboard.press("Backspace")
    row = main(page).get_by_role("link", name="Rosa Quintana")
    expect(row).to_be_visible()
    assert "quintana" not in page.url
    row.click()
    expect(main(page).get_by_text(order.order.number).first).to_be_visible()
    expect(page).to_have_url(re.compile(f"/purchasers.*purchase={order.lines[0].purchase.id}"))
    assert page.evaluate("window.isSameDocument")
    page.go_back()
    expect(find_field(page)).to_have_value("quintana")


def test_slash_goes_back_to_the_field_of_the_search(page, enter, event, seller):
    wait_until_drawn(enter(page, seller, "/search"))
    expect(find_field(page)).to_be_focused()
    main(page).get_by_role("heading", level=1).click()
    expect(find_field(page)).not_to_be_focused()
    page.keyboard.press("/")
    expect(find_field(page)).to_be_focused()
    expect(find_field(page)).to_have_value("")


def test_slash_is_the_donor_at_the_till_and_a_letter_in_a_field(page, enter, event, seller, order):
    wait_until_drawn(enter(page, seller, f"/box_office?event={event.id}"))
    expect(page.locator(".till-tiles .tiles button").first).to_be_visible()
    page.keyboard.press("/")
    donor = page.get_by_label("Donor's name")
    expect(donor).to_be_focused()
    page.keyboard.type("a/b")
    expect(donor).to_have_value("a/b")
    expect(page).to_have_url(re.compile("/box_office"))


def test_slash_leaves_an_open_form_alone(page, enter, event, seller, order):
    wait_until_drawn(enter(page, seller, f"/packages?event={event.id}"))
    page.get_by_role("button", name="New package").click()
    expect(page.get_by_role("dialog", name="New package")).to_be_visible()
    page.get_by_role("dialog").get_by_role("heading").first.click()
    page.keyboard.press("/")
    expect(page.get_by_role("dialog", name="New package")).to_be_visible()
    expect(page).to_have_url(re.compile("/packages"))

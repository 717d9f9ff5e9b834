"""The keys of the till, and its receipt."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import count_orders
from tests.support.till_page import (
    enter_donor,
    find_quantity,
    find_receipt,
    find_record_button,
    find_tile,
    list_codes,
    unfold_guests,
)
from ticketing import db
from ticketing.models import Purchase


class TestKeys:
    def test_act_only_outside_of_fields(self, page: Page, open_till, event):
        make.package(event, name="Couple", price="180")
        open_till(page)
        page.keyboard.press("/")
        expect(page.get_by_label("Donor's name")).to_be_focused()
        page.keyboard.type("1/?")
        expect(page.get_by_label("Donor's name")).to_have_value("1/?")
        expect(page.locator(".till-line")).to_have_count(0)
        page.keyboard.press("Control+Enter")  # nothing is in the order
        assert count_orders(event) == 0

    def test_escape_asks_before_it_clears(self, page: Page, open_till, event):
        make.package(event, name="Couple", price="180")
        open_till(page)
        page.keyboard.press("1")
        expect(find_record_button(page, "$180.00")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Keep").click()
        expect(page.get_by_role("button", name="Start over")).to_be_visible()
        expect(find_quantity(page, "Couple")).to_have_value("1")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(page.locator(".till-line")).to_have_count(0)

    def test_question_mark_lists_them(self, page: Page, open_till, event):
        make.package(event)
        open_till(page)
        page.keyboard.press("?")
        expect(page.get_by_text("Record the sale")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_text("Record the sale")).to_have_count(0)

    def test_control_enter_in_a_field_sends_what_was_typed_in_it(self, page: Page, open_till, event):
        package = make.package(event, name="Couple", price="180")
        make.option(package, label="Dinner", option_type="single_select", choices=["Bass", "Rib"])
        open_till(page)
        page.keyboard.press("1")
        enter_donor(page)
        unfold_guests(page)
        page.get_by_text("Rib", exact=True).click()
        page.get_by_label("Guests (optional)").fill("Ben Okafor")
        page.keyboard.press("Control+Enter")
        assert len(list_codes(page)) == 1
        with db.read_session() as session:
            assert session.scalars(select(Purchase.seats_named).where(Purchase.event_id == event.id)).all() == [1]


class TestReceipt:
    @pytest.fixture
    def sold(self, page, open_till, event):
        make.package(event, name="Couple", price="180", seats_per_package=2)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        open_till(page)
        find_tile(page, "Couple").click()
        enter_donor(page)
        find_record_button(page, "$180.00").click()
        expect(find_receipt(page)).to_be_focused()
        return page

    def test_codes_are_copied_as_lines(self, sold):
        codes = list_codes(sold)
        sold.get_by_role("button", name="Copy codes").click()
        expect(sold.get_by_role("button", name="Copied")).to_be_visible()
        copied = sold.evaluate("navigator.clipboard.readText()")
        assert [line for line in copied.split() if line in codes] == codes

    @pytest.mark.parametrize(
        ("label", "width", "heights"), [("Print 80 mm", 80, (60, 140)), ("Print letter", 215.9, (279, 280))]
    )
    def test_prints_the_receipt_alone_on_one_page(self, sold, label, width, heights):
        sold.evaluate("window.print = () => {}")
        sold.get_by_role("button", name=label).click()
        sold.emulate_media(media="print")
        expect(sold.get_by_test_id("stSidebar")).to_be_hidden()
        expect(sold.get_by_label("Donor's name")).to_be_hidden()
        expect(sold.get_by_role("heading", name="Harbor Lights Gala")).to_be_visible()
        expect(sold.locator(".codes code").first).to_be_visible()
        expect(sold.get_by_role("button", name="New sale")).to_be_hidden()
        pages = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", sold.pdf(prefer_css_page_size=True))
        ((printed_width, height),) = ([float(each) * 25.4 / 72 for each in page] for page in pages)
        assert printed_width == pytest.approx(width, abs=0.5)
        assert heights[0] < height < heights[1]
        sold.emulate_media(media="screen")
        expect(sold.get_by_label("Donor's name")).to_be_visible()  # after the print
        expect(sold.get_by_role("button", name="New sale")).to_be_visible()

    def test_enter_begins_the_next_sale(self, sold):
        sold.keyboard.press("Enter")
        expect(find_receipt(sold)).to_have_count(0)
        expect(find_record_button(sold)).to_be_disabled()

    def test_guests_are_named_from_it(self, sold):
        sold.get_by_role("button", name="Name guests").click()
        expect(sold.get_by_role("dialog").get_by_label(re.compile("^Seat 1 ")).first).to_be_visible()

    def test_undo_voids_the_order(self, sold, event):
        sold.get_by_role("button", name="Undo").click()
        expect(sold.get_by_text(re.compile("voided: its packages are on sale again"))).to_be_visible()
        with db.read_session() as session:
            statuses = session.scalars(select(Purchase.payment_status).where(Purchase.event_id == event.id)).all()
        assert set(statuses) == {"voided"}

"""What is typed at a till is kept: on other pages, after a reload, a sign-out and a restart, and in each tab."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from tests.browser.conftest import go_to, wait_until_drawn
from tests.support import make
from tests.support.chromium import window
from tests.support.database import use_database
from tests.support.database_state import list_drafts
from tests.support.server import find_free_port, run_server
from tests.support.till_page import (
    enter_donor,
    find_quantity,
    find_record_button,
    find_tile,
    list_codes,
)
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.models import Donor


class TestDraft:
    @pytest.fixture
    def package(self, event):
        return make.package(event, name="Couple", price="180")

    @pytest.fixture
    def typed(self, page, open_till, package, event):
        """A till with half an order, which the server has stored half a second after the last letter."""
        open_till(page)
        find_tile(page, "Couple").click()
        page.get_by_role("button", name="One more: Couple").click()
        page.get_by_label("Note (optional)").fill("By the stage")
        page.get_by_label("Promo code (optional)").press_sequentially("EARL")
        wait_until(lambda: "EARL" in str(list_drafts(event)), seconds=10)
        page.get_by_label("Donor's name").press_sequentially("Zoë Müller")
        wait_until(lambda: "Zoë Müller" in str(list_drafts(event)), seconds=10)
        return page

    def expect_order(self, page):
        expect(page.get_by_label("Donor's name")).to_have_value("Zoë Müller")
        expect(find_quantity(page, "Couple")).to_have_value("2")
        expect(page.get_by_label("Note (optional)")).to_have_value("By the stage")
        expect(find_record_button(page, "$360.00")).to_be_visible()

    def test_is_kept_on_another_page(self, typed):
        typed.get_by_label("Donor's name").press_sequentially(" Jr")
        typed.get_by_label("Donor's name").fill("Zoë Müller")
        go_to(typed, "packages")
        go_to(typed, "box_office")
        self.expect_order(typed)

    def test_is_kept_after_a_reload(self, typed):
        typed.reload()
        self.expect_order(typed)

    def test_is_kept_after_signing_out_and_in(self, typed, open_till):
        typed.get_by_role("link", name="Sign out").click()
        typed.wait_for_url(re.compile("/session/"))
        self.expect_order(open_till(typed))

    def test_second_tab_is_a_till_of_its_own(self, typed, open_till, event, package):
        tab = typed.context.new_page()
        open_till(tab)
        expect(tab.get_by_label("Donor's name")).to_have_value("")
        find_tile(tab, "Couple").click()
        enter_donor(tab, "Bea Li", "bea@example.org")
        find_record_button(tab, "$180.00").click()
        assert len(list_codes(tab)) == 1
        self.expect_order(typed)
        typed.reload()
        self.expect_order(typed)

    def test_moves_to_another_browser_of_the_same_login(self, typed, another_page, open_till, event):
        expect(find_record_button(typed, "$360.00")).to_be_visible()
        open_till(another_page)
        expect(another_page.get_by_label("Donor's name")).to_have_value("")
        offer = another_page.get_by_role("button", name=re.compile("^Continue the order begun at "))
        offer.click()
        expect(offer).to_have_count(0)
        wait_until_drawn(another_page)
        self.expect_order(another_page)
        typed.get_by_label("Note (optional)").fill("typed at the first till")
        typed.get_by_label("Note (optional)").press("Tab")
        expect(typed.get_by_text("This order was continued or finished on another till.")).to_be_visible()
        expect(typed.locator(".till-line")).to_have_count(0)

    def test_is_in_no_storage_of_the_browser(self, typed):
        expect(find_record_button(typed, "$360.00")).to_be_visible()
        stored = typed.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert "Zoë" not in stored
        assert "By the stage" not in stored


def test_two_tabs_keep_their_orders_when_the_server_is_restarted(
    page: Page, empty_database, tmp_path, database
) -> None:
    """The second tab is a copy of the first, waits for the server, and is there first; the first tab is loaded again.

    Taps that were made while the server was away are not lost either.
    """
    use_database(empty_database)
    port = find_free_port()
    try:
        with run_server(empty_database, tmp_path, port=port) as server:
            event = make.event()
            make.package(event, name="Couple", price="180")
            make.package(event, name="Single", price="100")
            clerk = make.staff(event=event, password=make.PASSWORD)
            form = {"email": clerk.email, "password": make.PASSWORD}
            assert page.context.request.post(f"{server.url}/session/sign-in", form=form).ok
            address = f"{server.url}/box_office?event={event.id}"
            page.goto(address)
            wait_until_drawn(page)
            second = page.context.new_page()
            second.add_init_script(f"sessionStorage.tab ??= '{page.evaluate('sessionStorage.tab')}'")
            second.goto(address)
            for tab, package, name in ((page, "Couple", "Zoë Müller"), (second, "Single", "Bea Li")):
                find_tile(tab, package).click()
                tab.get_by_label("Donor's name").fill(name)
                wait_until(lambda name=name: name in str(list_drafts(event)), seconds=20)
            wait_until_drawn(second)
            page.goto("about:blank")
        expect(second.get_by_text("No connection. Trying again.")).to_be_visible()
        for _ in range(3):
            find_tile(second, "Single").click()
        with run_server(empty_database, tmp_path, port=port):
            expect(second.get_by_text("No connection. Trying again.")).to_be_hidden(timeout=60_000)
            expect(find_record_button(second, "$400.00")).to_be_visible()
            expect(second.get_by_label("Donor's name")).to_have_value("Bea Li")
            page.goto(address)
            expect(page.get_by_label("Donor's name")).to_have_value("Zoë Müller")
            expect(find_record_button(page, "$180.00")).to_be_visible()
            second.get_by_label("E-mail address").fill("bea@example.org")
            find_record_button(second, "$400.00").click()
            assert len(list_codes(second)) == 4
            with db.read_session() as session:
                assert session.scalars(select(Donor.name)).all() == ["Bea Li"]
    finally:
        use_database(database)


def test_two_windows_do_not_share_an_order(chromium, open_till, event) -> None:
    """The script keeps the order of one page; another page of the same browser process has its own."""
    make.package(event, name="Couple", price="180")
    with window(chromium, viewport={"width": 1280, "height": 800}) as first:
        open_till(first)
        find_tile(first, "Couple").click()
        expect(find_record_button(first, "$180.00")).to_be_visible()
        wait_until_drawn(first)
        first.reload()
        expect(find_quantity(first, "Couple")).to_have_value("1")

"""Paper: the sample gala's sales on two pages, and lists with all of their rows, without menu and buttons."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_until_drawn, wait_until_still
from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.ops import demo

PAPER = {"width": 703, "height": 994}  # A4 less its margins, in CSS pixels
ORDERS = 25  # more than one page of a list
NEVER_PRINTED = "[data-testid=stSidebar], [data-testid=stHeader], .phone-bar, .st-key-bottom_bar, button, input"


def count_pages(page: Page) -> int:
    """Return the number of pages of the PDF that Chromium prints."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True, print_background=True)))


def show_on_paper(page: Page) -> Page:
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    return page


_CUT = """main => [...main.querySelectorAll('.tile *, dl *, .deed *, :is(tbody, tfoot) :is(th, td)')]
    .filter(each => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1
        || each.clientWidth && each.scrollWidth > each.clientWidth + 1)
    .map(each => each.textContent)"""
_VISIBLE = "selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility()).map(e => e.outerHTML)"


def list_cut(page: Page) -> list[str]:
    """Return the texts that are wider than their place, or beyond the edge of the paper."""
    return page.get_by_test_id("stMain").evaluate(_CUT)


def list_controls(page: Page) -> list[str]:
    return page.evaluate(_VISIBLE, NEVER_PRINTED)


@pytest.fixture
def admin(live_server):
    return make.staff("admin", password=make.PASSWORD)


def test_sales_of_the_sample_gala_are_two_pages(page: Page, enter, admin) -> None:
    gala = db.write(lambda session: demo.load(session, OPERATOR))
    main = enter(page, admin, f"/sales?event={gala.id}").get_by_test_id("stMain")
    expect(main.get_by_test_id("stVegaLiteChart").locator("svg")).to_be_visible()
    wait_until_still(page)
    assert count_pages(page) == 2

    show_on_paper(page)
    expect(main.locator(".paper-only img")).to_be_visible()
    expect(main.get_by_test_id("stVegaLiteChart")).to_be_hidden()
    expect(main.get_by_text(re.compile(r"^\w{3} \d.* to .*20\d\d · as of .*M New York$"))).to_be_visible()
    expect(main.get_by_role("table", name="The latest purchases").get_by_role("row").last).to_be_visible()
    assert list_controls(page) == []
    assert list_cut(page) == []


def test_long_table_is_whole_on_paper(page: Page, enter, event, admin) -> None:
    for number in range(12):
        make.purchase(event, make.package(event, name=f"Package {number}"))
    main = enter(page, admin, f"/sales?event={event.id}").get_by_test_id("stMain")
    row = main.get_by_role("table", name="Packages sold").get_by_role("row", name="Package 11")
    expect(row).to_be_hidden()
    show_on_paper(page)
    expect(row).to_be_visible()


@pytest.fixture
def orders(event):
    """Create a package for each of ORDERS donors, and sell it to Donor 0 first."""
    for number in range(ORDERS):
        package = make.package(event, name=f"Table {number}", seats_per_package=2)
        moment = datetime.now(UTC) - timedelta(days=ORDERS - number)
        donor = {"name": f"Donor {number}", "email": make.email()}
        make.purchase(event, package, donor=donor, moment=moment)


@pytest.mark.parametrize(
    ("path", "view", "first", "last", "shown"),
    [
        ("purchasers", None, "Donor 24", "Donor 0", "All 25 orders · as of "),
        ("guests", None, "Donor 0", "Donor 24", "Seats without a guest, all 25 purchases · as of "),
        ("guests", "Guest list", "bought by Donor 0", "bought by Donor 24", "Guest list, all 50 seats · as of "),
        ("audit_log", None, "created the package Table 24", "created the package Table 0", "All 26 changes · as of "),
    ],
)
def test_list_prints_all_rows(page: Page, enter, event, orders, admin, path, view, first, last, shown) -> None:
    page.add_init_script("window.printed = 0; window.print = () => { window.printed += 1; }")
    main = enter(page, admin, f"/{path}?event={event.id}").get_by_test_id("stMain")
    if view:
        main.get_by_text(view, exact=True).click()
        wait_until_drawn(page)
    everything = main.locator(".print-all")
    main.get_by_role("button", name="Print", exact=True).click()
    expect(everything).to_contain_text(last)
    page.wait_for_function("() => window.printed > 0")
    wait_until_still(page)
    assert page.evaluate("window.printed") == 1
    assert count_pages(page) >= 1

    show_on_paper(page)
    for words in (first, last):
        expect(everything.get_by_text(words).last).to_be_visible()
    expect(main.locator(".paper-head")).to_contain_text(shown)
    assert list_controls(page) == []
    assert list_cut(page) == []

    page.emulate_media(media="screen")
    main.get_by_role("button", name="Back to the list").click()
    expect(everything).to_be_hidden()


def test_page_of_a_list_says_that_it_is_not_all(page: Page, enter, event, orders, admin) -> None:
    main = enter(page, admin, f"/purchasers?event={event.id}").get_by_test_id("stMain")
    show_on_paper(page)
    expect(main.locator(".paper-head")).to_contain_text("20 of 25 orders · as of ")

"""Sales page in a browser: links from figures, a URL that can be shared, and a stable layout on redraw."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose_from, wait_until_drawn, wait_until_still
from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv


@pytest.fixture
def event(live_server):
    return make.event(name="Harbor Lights Gala", revenue_goal="5000")


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", price="2500", seats_per_package=10, is_sponsorship=True)


@pytest.fixture
def seller(event):
    return make.staff(event=event, password=make.PASSWORD)


def test_figure_links_to_its_purchases_and_back(page: Page, enter, event, table, seller) -> None:
    make.purchase(event, table, payment_status="pending")
    make.purchase(event, make.package(event, name="Single", price="100"))
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    main.get_by_role("link", name="Pending").click()
    expect(page).to_have_url(re.compile(r"/purchasers\?event=.+&status=pending"))
    expect(wait_until_drawn(page).get_by_role("heading", name="Purchasers", exact=True)).to_be_visible()

    page.go_back()
    main.get_by_role("row", name="Single").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/purchasers\?event=.+&package=.+&status=completed%2Cpending"))


def test_toggle_and_comparison_are_kept_in_url(page: Page, enter, event, table, seller) -> None:
    earlier = make.event(name="Spring Gala", starts_at="2026-05-09T18:00")
    make.assign(seller, earlier)
    make.purchase(event, table)
    run_import(earlier, sales_csv(sale(make.package(earlier, name="Then"), purchase_date="2026-05-01T12:00:00")))
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    expect(main.get_by_role("table", name="Packages sold")).to_be_visible()
    wait_until_still(page)
    choose_from(main.get_by_label("Compare with"), "Spring Gala")
    expect(main.get_by_text(re.compile("Ahead of Spring Gala by"))).to_be_visible()
    main.get_by_text("Sponsorships only").click()
    expect(page).to_have_url(re.compile("sponsorships_only=true"))
    expect(page).to_have_url(re.compile("compare_with=Spring"))

    wait_until_drawn(page).reload()
    expect(main.get_by_text(re.compile("Ahead of Spring Gala by"))).to_be_visible(timeout=15_000)
    expect(main.get_by_label("Sponsorships only")).to_be_checked()
    expect(main.get_by_test_id("stVegaLiteChart")).to_have_count(4)


def test_sale_elsewhere_keeps_opened_table_in_place(page: Page, enter, event, table, seller) -> None:
    make.purchase(event, table)
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    main.get_by_text("Day by day, as a table").click()
    days = main.get_by_role("table", name="Sales of each day")
    expect(days.get_by_role("row").nth(1)).to_contain_text("$2,500.00")
    place = wait_until_still(page).get_by_role("table", name="Sales of each day").bounding_box()

    make.purchase(event, table)
    expect(days.get_by_role("row").nth(1)).to_contain_text("$5,000.00")
    assert days.bounding_box() == pytest.approx(place, abs=1)


def test_page_fits_phone_width(phone: Page, enter, event, seller) -> None:
    long_name = "Diamond Presenting Sponsorship with Named Pavilion, Twenty Seats and Red-Carpet Photography"
    package = make.package(event, name=long_name, price="1000000", quantity_limit=3)
    make.promo_code(event, code="SPRINGBENEFITCODE126", discount_value="1")
    make.purchase(event, package, quantity=3, promo_code="SPRINGBENEFITCODE126")
    main = enter(phone, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    expect(main.get_by_role("table", name="Packages sold out of their limit")).to_be_visible()
    wider = main.evaluate(
        "main => [main, ...main.querySelectorAll('.figures')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert wider == 0

"""Sales page in a browser: links without a reload, a chart that is pointed at, tapped and dragged over, and paper."""

import re
from datetime import date, timedelta

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


@pytest.fixture
def ten_days(event, table):
    """Sell one table on each of ten days of October 2026."""
    rows = [sale(table, purchase_date=f"2026-10-{day:02}T12:00:00") for day in range(1, 11)]
    run_import(event, sales_csv(*rows), accept_dates=True)


def get_plot(main):
    plot = main.get_by_test_id("stVegaLiteChart").locator("svg.marks")
    expect(plot).to_be_visible(timeout=15_000)
    return plot


def test_figure_links_to_its_purchases_and_back_without_a_reload(page: Page, enter, event, table, seller) -> None:
    make.purchase(event, table, payment_status="pending")
    make.purchase(event, make.package(event, name="Single", price="100"))
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    page.evaluate("window.isSame = true")
    main.get_by_role("link", name="Pending", exact=True).click()
    expect(page).to_have_url(re.compile(r"/purchasers\?event=.+&status=pending"))
    expect(wait_until_drawn(page).get_by_role("heading", name="Purchasers", exact=True)).to_be_visible()

    page.go_back()
    main.get_by_role("row", name="Single").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/purchasers\?event=.+&package=.+&status=completed%2Cpending"))
    assert page.evaluate("window.isSame")


def test_range_and_comparison_are_kept_in_url(page: Page, enter, event, table, seller) -> None:
    earlier = make.event(name="Spring Gala", starts_at="2026-05-09T18:00")
    make.assign(seller, earlier)
    make.purchase(event, table)
    run_import(earlier, sales_csv(sale(make.package(earlier, name="Then"), purchase_date="2026-05-01T12:00:00")))
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    main.get_by_text("Compare with an earlier event").click()
    wait_until_still(page)
    choose_from(main.get_by_label("Compare with"), "Spring Gala")
    expect(main.get_by_text(re.compile("Ahead of Spring Gala by"))).to_be_visible()
    main.get_by_text("7 days", exact=True).click()
    expect(page).to_have_url(re.compile("range=7"))
    expect(page).to_have_url(re.compile(f"compare={earlier.id}"))

    wait_until_drawn(page).reload()
    expect(main.get_by_text(re.compile("Ahead of Spring Gala by"))).to_be_visible(timeout=15_000)
    expect(main.get_by_text(re.compile("Changes compare with"))).to_be_visible()
    expect(main.get_by_test_id("stVegaLiteChart")).to_have_count(3)


def test_chart_tells_the_day_above_it_and_a_drag_chooses_days(page: Page, enter, event, ten_days, seller) -> None:
    main = enter(page, seller, f"/sales?event={event.id}&from=2026-10-01&to=2026-10-10").get_by_test_id("stMain")
    plot = get_plot(main)
    expect(plot).to_contain_text("$25,000")
    box = plot.bounding_box()
    y = box["y"] + box["height"] * 0.6
    page.mouse.move(box["x"] + box["width"] * 0.6, y)
    expect(plot).to_contain_text(re.compile(r"Oct \d+, 2026 · \+\$2,500\.00"))

    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, y, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=2026-10-0[4-8]&to=2026-10-(0[6-9]|10)"))
    main.get_by_text("All", exact=True).click()
    expect(page).not_to_have_url(re.compile("from="))
    wait_until_still(page)
    box = get_plot(main).bounding_box()
    page.go_back()
    expect(page).to_have_url(re.compile("from="))
    wait_until_still(page)
    get_plot(main).dblclick(position={"x": box["width"] * 0.6, "y": box["height"] * 0.6})
    expect(page).not_to_have_url(re.compile("from="))


def test_tap_tells_the_day(phone: Page, enter, event, ten_days, seller) -> None:
    main = enter(phone, seller, f"/sales?event={event.id}&chart=daily").get_by_test_id("stMain")
    plot = get_plot(main)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    plot.tap(position={"x": box["width"] * 0.3, "y": box["height"] * 0.5})
    expect(plot).to_contain_text(re.compile(r"\w{3}, Oct \d+, 2026"))


def test_sale_elsewhere_keeps_opened_table_in_place(page: Page, enter, event, table, seller) -> None:
    make.purchase(event, table)
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    main.get_by_text("The chart as a table").click()
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
    expect(main.get_by_role("table", name="Packages sold of their limit")).to_be_visible()
    wider = main.evaluate(
        "main => [main, ...main.querySelectorAll('.figures')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    )
    assert wider == 0


_CUT = """main => [main, ...main.querySelectorAll('.figures, .card, .tile')]
    .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"""
_SMALL = """main => [...main.querySelectorAll('a, button, summary, input')]
    .filter(each => each.checkVisibility())
    .map(each => [each.textContent, each.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.width < 43.5 || box.height < 43.5))
    .map(([words, box]) => `${words} ${box.width}x${box.height}`)"""


@pytest.mark.parametrize(
    ("width", "has_targets"), [(390, True), (820, True), (1280, False), (1500, False), (1920, False)]
)
def test_nothing_is_cut_at_any_width(page: Page, enter, event, ten_days, seller, width, has_targets) -> None:
    code = make.promo_code(event, code="FRIENDS25")
    package = make.package(event, name="Young professionals", price="95.50", quantity_limit=120)
    make.purchase(event, package, quantity=30, promo_code=code.code, channel="card_terminal", payment_status="pending")
    page.set_viewport_size({"width": width, "height": 900})
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    expect(get_plot(main)).to_be_visible()
    wait_until_still(page)
    assert main.evaluate(_CUT) == []
    if has_targets:
        assert main.evaluate(_SMALL) == []
    chart, side = (main.locator(each).bounding_box() for each in (".st-key-chart_card", ".side-cards"))
    assert (side["x"] > chart["x"] + chart["width"]) == (width >= 1500)


def test_forecast_fits_its_card_and_its_table_follows_the_theme(page: Page, enter, event, seller) -> None:
    soon, learned = make.event(starts_at=f"{date.today() + timedelta(days=30)}T18:00"), []
    make.assign(seller, soon)
    for year in (2023, 2024, 2025):
        earlier = make.event(name=f"Gala {year}", starts_at=f"{year}-12-05T18:00")
        make.assign(seller, earlier)
        package = make.package(earlier, price="90000")
        days = (f"{year}-{day}T12:00:00" for day in ("09-10", "12-01" if year == 2024 else "09-12"))
        run_import(earlier, sales_csv(*(sale(package, purchase_date=day) for day in days)), accept_dates=True)
        learned.append(str(earlier.id))
    single = make.package(soon, name="Single", price="30000")
    sold = (sale(single, purchase_date=f"2026-10-{day:02}T12:00:00") for day in range(1, 11))
    run_import(soon, sales_csv(*sold), accept_dates=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    main = enter(page, seller, f"/sales?event={soon.id}&learn={','.join(learned)}").get_by_test_id("stMain")
    expect(main.get_by_text("8 in 10 end between").first).to_be_visible()
    assert main.evaluate(_CUT) == []

    page.emulate_media(color_scheme="dark")
    main.get_by_role("button", name="Forecast").click()
    backtest = page.get_by_role("table", name="The forecast, so many days before")
    expect(backtest.get_by_role("rowheader", name="60")).to_have_css("border-bottom-color", "rgb(52, 60, 70)")


def test_open_chart_follows_a_change_of_theme(page: Page, enter, event, ten_days, seller) -> None:
    main = enter(page, seller, f"/sales?event={event.id}").get_by_test_id("stMain")
    amount = get_plot(main).get_by_text("$25,000").first
    expect(amount).to_have_css("fill", "rgb(29, 37, 48)")
    page.emulate_media(color_scheme="dark")
    expect(amount).to_have_css("fill", "rgb(232, 230, 225)")

"""Record a sale, watch sales made elsewhere, and import a file and download it again."""

import io
import json
import re
import time
from decimal import Decimal

import pandas as pd
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose_file
from tests.support import make
from tests.support.database_state import get_sold_count
from tests.support.sales_file import DATA, create_gala, read_data
from tests.support.till_page import (
    enter_donor,
    find_quantity,
    find_record_button,
    find_tile,
    list_codes,
    unfold_guests,
)


def tile(page: Page, label: str):
    return page.get_by_test_id("stMain").locator(f".tile:has(.label:text-is('{label}'))")


def test_sale_shows_total_first_and_double_click_records_once(page: Page, enter) -> None:
    event = make.event()
    table = make.package(event, name="Table of Ten", price="2500", seats_per_package=10)
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(page, seller, f"/box_office?event={event.id}").get_by_test_id("stMain")
    find_tile(main, "Table of Ten").click()
    find_quantity(main, "Table of Ten").fill("2")
    expect(main.locator(".sums .total")).to_have_text("Total$5,000.00")
    enter_donor(main)
    unfold_guests(main)
    main.get_by_label("Guests (optional)").fill("Ben Okafor")
    find_record_button(main, "$5,000.00").dblclick()
    assert len(list_codes(main)) == 20
    expect(main.locator(".sums .total")).to_have_text("Total, card terminal$5,000.00")
    expect(main.get_by_label("Donor's name")).to_have_count(1)  # the fields of the previous sale are gone
    expect(main.get_by_label("Donor's name")).to_have_value("")
    find_tile(main, "Table of Ten").click()
    find_quantity(main, "Table of Ten").fill("3")
    expect(find_record_button(main, "$7,500.00")).to_be_visible()
    expect(main.get_by_role("alert")).to_have_count(0)
    assert get_sold_count(table) == 2


def test_sale_made_elsewhere_appears_within_three_seconds(page: Page, enter) -> None:
    event = make.event()
    package = make.package(event, price="100")
    make.purchase(event, package)
    viewer = make.staff(role="viewer", event=event, password=make.PASSWORD)
    enter(page, viewer, f"/sales?event={event.id}")
    expect(tile(page, "Revenue")).to_contain_text("$100")

    delays: list[float] = []
    while len(delays) < 8 and min(delays, default=3) >= 3:  # one is enough, since other tests run at the same time
        make.purchase(event, package, quantity=2)
        start = time.monotonic()
        expect(tile(page, "Revenue")).to_contain_text(f"${300 + 200 * len(delays):,}")
        delays.append(time.monotonic() - start)
    assert min(delays) < 3
    expect(page.get_by_role("link", name=f"All purchases ({len(delays) + 1})")).to_be_visible()


def test_imported_file_is_downloaded_with_the_same_totals(page: Page, enter) -> None:
    event, totals = create_gala(), json.loads(read_data("sales.totals.json"))
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(page, seller, f"/import_sales?event={event.id}").get_by_test_id("stMain")
    choose_file(main, DATA / "sales-dirty.csv")
    expect(main.get_by_text(re.compile(r"\d+ problems in \d+ rows of [\d,]+\. Nothing was imported\."))).to_be_visible()
    expect(main.get_by_role("button", name=re.compile("^Import"))).to_have_count(0)

    main.get_by_role("button", name="Choose another file").click()
    choose_file(main, DATA / "sales.csv")
    expect(main.get_by_text("No problems in 1,200 rows.")).to_be_visible(timeout=20_000)
    main.get_by_role("button", name="Import 1,200 sales").click()
    expect(main.get_by_text("1,200 sales imported from sales.csv.")).to_be_visible(timeout=30_000)

    main.get_by_role("link", name="See the sales").click()
    revenue = Decimal(totals["revenue"])
    expect(tile(page, "Revenue")).to_contain_text(f"${revenue:,.0f}")
    pending = int(tile(page, "Packages").get_by_role("link", name="pending").inner_text().removesuffix(" pending"))
    expect(tile(page, "Packages")).to_contain_text(f"{totals['sold'] - pending:,}")

    link = page.get_by_role("link", name="Download CSV")
    with page.context.expect_event("download") as started:
        link.click()
    rows = pd.read_csv(io.BytesIO(started.value.path().read_bytes()), dtype=str, keep_default_na=False)
    assert len(rows) == totals["rows"]
    completed = rows[rows.payment_status == "completed"]
    assert sum(map(Decimal, completed.total)) == revenue
    assert sum(map(Decimal, completed.discount)) == Decimal(totals["discount_completed"])
    counting = rows[rows.payment_status.isin(["completed", "pending"])]
    assert counting.quantity.astype(int).groupby(counting.package).sum().to_dict() == {
        name: each["sold"] for name, each in totals["by_package"].items()
    }
    assert "Chloé Moreau" in set(rows.purchaser_name)
    assert not any(note.startswith(("=", "+", "-", "@")) for note in rows.notes)

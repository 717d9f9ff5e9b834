"""Foreign files, large files and a canceled import in a real browser."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import func, select

from tests.browser.conftest import choose_file, choose_from, wait_until_drawn
from tests.support import hostile_files, make
from tests.support.database_state import get_sold_count, snapshot
from ticketing import db
from ticketing.file_reader.columns import REQUIRED_COLUMNS
from ticketing.models import Purchase

MAX_SALES = 50_000
TITLES = ("Order #", "Order Date", "First Name", "Surname", "Email", "Quantity", "Ticket Type", "Total Paid")


@pytest.fixture
def event(live_server: str):
    return make.event()


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", price="2500", seats_per_package=10)


@pytest.fixture
def main(page: Page, enter, event) -> Locator:
    seller = make.staff(event=event, password=make.PASSWORD)
    return enter(page, seller, f"/import_sales?event={event.id}").get_by_test_id("stMain")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """An Eventbrite report whose dates can be read both ways."""
    return write_csv(
        tmp_path / "report.csv",
        TITLES,
        ("10482", "03/04/2026 18:30", "Zoë", "Müller", "zoe@example.org", "1", "Gala table", "$2,500.00"),
        ("10483", "05/06/2026 09:15", "Ben", "Okafor", "ben@example.org", "2", "Gala table", "$5,000.00"),
    )


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file with as many sales as an import takes."""
    row = ("Seat", "Ana Ruiz", "ana@example.org", "1", "50.00", "2026-10-01")
    return write_csv(tmp_path / "big.csv", REQUIRED_COLUMNS, *((*row, f"B{number}") for number in range(MAX_SALES)))


def write_csv(file: Path, *rows: tuple[str, ...]) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    file.write_text(text.getvalue(), encoding="utf-8")
    return file


def choose_option(main: Locator, label: str, option: str) -> None:
    choose_from(main.get_by_role("combobox", name=label), option)


def count_purchases(event) -> int:
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(Purchase).where(Purchase.event_id == event.id))


def test_eventbrite_report_is_matched_checked_and_imported(main, event, table, report) -> None:
    choose_file(main, report)
    expect(main.get_by_role("heading", name="Match your columns")).to_be_visible()
    check = main.get_by_role("button", name="Check the file")
    expect(check).to_be_disabled()
    missing = "Still to choose: the order of day and month, the time zone, our package for 1 name."
    expect(main.get_by_text(missing)).to_be_visible()

    choose_option(main, "Time zone of these times", "New York, as the event")
    main.get_by_text("4 March 2026").click()
    expect(main.get_by_text("Still to choose: our package for 1 name.")).to_be_visible()
    main.get_by_text("More columns (optional)").click()
    choose_option(main, "Note", "Email")
    main.page.keyboard.press("Escape")
    expect(main.get_by_role("combobox", name="Note")).to_be_visible()  # choosing in it does not close the list
    choose_option(main, "Our package for Gala table", "Table of Ten")
    expect(main.get_by_text("1 × Table of Ten · Zoë Müller · $2,500.00")).to_be_visible()
    expect(main.get_by_text("Mar 4, 6:30 PM")).to_be_visible()
    check.click()

    expect(main.get_by_text("Ready to import: 2 sales, which add 3 packages and $7,500.00 in revenue.")).to_be_visible()
    main.get_by_role("button", name="Back to the columns").click()
    expect(main.get_by_role("radio", name="4 March 2026")).to_be_checked()
    main.get_by_role("button", name="Check the file").click()
    main.get_by_role("button", name="Import 2 sales").click()
    expect(main.get_by_text("2 sales imported from report.csv.")).to_be_visible(timeout=15_000)
    expect(main.get_by_text("2 sales · 2 orders · $7,500.00 in revenue")).to_be_visible()
    assert get_sold_count(table) == 3


def test_fifty_thousand_rows_are_canceled_without_a_trace_and_then_imported_once(main, event, big) -> None:
    seat = make.package(event, name="Seat", price="50")
    before = snapshot(event)
    choose_file(main, big)
    start = main.get_by_role("button", name="Import 50,000 sales")
    start.click(timeout=60_000)
    progress = main.get_by_text(re.compile(r"^[\d,]+ of 50,000 sales$"))
    expect(progress).to_be_visible(timeout=60_000)
    first = read_count(progress)
    expect(progress).not_to_have_text(f"{first:,} of 50,000 sales")
    assert first < read_count(progress) < MAX_SALES
    main.get_by_role("button", name="Cancel").click()
    expect(main.get_by_text("Nothing was imported. The import was canceled")).to_be_visible(timeout=30_000)
    assert count_purchases(event) == 0
    assert snapshot(event) == before

    start.dblclick()
    expect(main.get_by_text("50,000 sales imported from big.csv.")).to_be_visible(timeout=120_000)
    assert count_purchases(event) == MAX_SALES
    assert get_sold_count(seat) == MAX_SALES


def read_count(progress: Locator) -> int:
    return int(progress.inner_text().partition(" ")[0].replace(",", ""))


def test_every_step_fits_a_phone_with_long_names(phone: Page, enter, event, table, tmp_path) -> None:
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(phone, seller, f"/import_sales?event={event.id}").get_by_test_id("stMain")
    titles = tuple(f"{title}{'x' * 120}" for title in "abcdefgh")
    row = ("W" * 150, "2026-10-31", "Z" * 150, "M" * 150, f"{'e' * 60}@example.org", "1", "G" * 200, "x" * 200)
    choose_file(main, write_csv(tmp_path / f"{'n' * 120}.csv", titles, row))
    expect(main.get_by_role("heading", name="Match your columns")).to_be_visible()
    assert has_no_horizontal_scroll(phone)
    phone.reload()
    choose_file(main, write_csv(tmp_path / f"{'d' * 120}.csv", ("purchaser_name",), ("W" * 150,)))
    expect(main.get_by_role("heading", name="Match your columns")).to_be_visible()
    wait_until_drawn(phone)
    assert has_no_horizontal_scroll(phone)


def has_no_horizontal_scroll(page: Page) -> bool:
    return page.evaluate(
        """[document.documentElement, document.querySelector('[data-testid=stMain]')]
           .every(box => box.scrollWidth <= box.clientWidth)"""
    )


def test_second_file_waits_and_the_page_says_why(main, another_page, enter, event, table, report, tmp_path):
    slow = tmp_path / "slow.csv"
    slow.write_bytes(hostile_files.make_wide_csv(100, "abc"))
    colleague = make.staff(event=event, password=make.PASSWORD)
    other = enter(another_page, colleague, f"/import_sales?event={event.id}").get_by_test_id("stMain")

    choose_file(main, slow)
    expect(main.get_by_text("Reading slow.csv")).to_be_visible()
    choose_file(other, report)

    expect(other.get_by_text("Another file is being read, and this server reads one at a time.")).to_be_visible()
    expect(other.get_by_text("Match your columns")).to_be_visible(timeout=60_000)
    expect(other.get_by_text("Another file is being read")).to_have_count(0)

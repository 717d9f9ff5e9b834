"""Columns of a file in Chromium: dragged by mouse, moved by keys, saved, and downloaded as CSV and for Excel."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import make
from tests.support.dragging import handle, pick_up


def list_order(dialog: Locator) -> list[str]:
    """Return the columns in the order in which they are seen, which is not that of the document."""
    return dialog.locator("ol").evaluate(
        """list => [...list.children].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
            .map(row => row.querySelector('.name').textContent)"""
    )


def download(page: Page, label: str) -> Path:
    with page.expect_download() as started:
        page.get_by_role("dialog").get_by_role("link", name=label).click()
    return started.value.path()


def test_columns_are_dragged_saved_and_downloaded(page: Page, live_server, enter, event):
    make.purchase(event, make.package(event, name="Table", price="2500"), donor={"name": "Zoë", "email": "z@x.org"})
    person = make.staff(event=event, password=make.PASSWORD)
    enter(page, person, f"/purchasers?event={event.id}").get_by_role("button", name="Choose columns").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Door list").click()
    first = ["Guest", "Purchaser", "Package", "Seat number"]
    expect(dialog.locator("ol .name")).to_have_count(7)
    assert list_order(dialog)[:4] == first

    pick_up(page, "Guest", onto="Package")
    page.mouse.up()
    expect(dialog.get_by_label("Position of Guest")).to_have_value("3")
    handle(page, "Purchaser").focus()
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(dialog.get_by_label("Position of Purchaser")).to_have_value("2")
    link = dialog.get_by_role("link", name="Download this CSV")
    expected = "package,purchaser_name,guest_name,seat_number,ticket_code,payment_status,notes"
    expect(link).to_have_attribute("href", f"/export/{event.id}/guests.csv?columns={expected.replace(',', '%2C')}")
    wait_until_drawn(page)

    dialog.get_by_label("Save this choice as").fill("For the door")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_label("Saved choices")).to_have_value("For the door")

    with download(page, "Download this CSV").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.reader(file)) == expected.split(",")
    with download(page, "Download for Excel").open("rb") as file:
        header, row, *_ = openpyxl.load_workbook(file)["Seats"].iter_rows(values_only=True)
    assert header == tuple(expected.split(","))
    assert row[:4] == ("Table", "Zoë", None, 1)

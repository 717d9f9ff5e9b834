"""Audit log in a browser: filters, download, history from a card's menu, and restoring a price."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import make
from ticketing import db
from ticketing.catalog import packages
from ticketing.models import Package


def test_price_is_restored_from_history_and_logged(page: Page, enter) -> None:
    event = make.event()
    ana = make.staff(event=event, name="Ana Ruiz", password=make.PASSWORD)
    ben = make.staff(event=event, name="Ben Okafor")
    gold = make.package(event, ana, name="Gold", price="2500")
    make.package(event, ana, name="Silver")
    db.write(lambda s: packages.update(s, ben, event.id, gold.id, {"price": "2600"}, seen_version=1))
    main = enter(page, ana, f"/audit_log?event={event.id}").get_by_test_id("stMain")
    expect(main.locator(".deed")).to_have_count(4)

    main.get_by_role("button", name="Filters").click()
    page.get_by_label("Person").fill("Ben")
    page.get_by_role("option", name="Ben Okafor").click()
    expect(main.locator(".deed")).to_have_count(1)
    expect(main.locator(".deed")).to_contain_text("Ben Okafor changed the price of Gold from $2,500.00 to $2,600.00.")
    expect(page).to_have_url(re.compile(f"person={ben.staff_id}"))
    with page.expect_download() as downloaded:
        page.keyboard.press("Escape")
        main.get_by_role("link", name="Audit log CSV").click()
    with open(downloaded.value.path(), encoding="utf-8-sig") as file:
        assert [line.split(",")[1] for line in file] == ["person", "Ben Okafor"]

    page.get_by_role("link", name="Packages", exact=True).click()
    wait_until_drawn(page)
    main.get_by_role("button", name="Actions for Gold").click()
    page.get_by_text("History", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".deed")).to_have_count(2)
    dialog.get_by_role("button", name="Restore price").click()
    expect(dialog.get_by_role("heading", name="Restore an earlier value")).to_be_visible()
    expect(dialog.locator("dd")).to_have_text(["$2,600.00", "$2,500.00"])
    dialog.get_by_role("button", name="Restore price").click()
    expect(dialog.get_by_role("heading", name="History")).to_be_visible()
    expect(dialog.locator(".deed").first).to_contain_text(
        "Ana Ruiz restored the price of Gold from $2,600.00 to $2,500.00."
    )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(main.get_by_role("article").first).to_contain_text("$2,500.00")
    with db.read_session() as session:
        assert str(session.get(Package, gold.id).price) == "2500.00"

    page.get_by_role("link", name="Audit log").click()
    expect(main.locator(".deed").first).to_contain_text("Ana Ruiz restored the price of Gold")
    expect(main.locator(".deed")).to_have_count(6)  # with the download

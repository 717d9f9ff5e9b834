"""The till of the box office in a browser: its tiles, lines, fields and receipt."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect


def find_tile(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("list", name="Packages").get_by_role("button", name=re.compile(f"^{re.escape(name)} "))


def find_quantity(page: Page | Locator, name: str) -> Locator:
    return page.get_by_label(f"Quantity: {name}")


def find_line(page: Page | Locator, name: str) -> Locator:
    return page.locator(".till-line").filter(has=find_quantity(page, name))


def find_record_button(page: Page | Locator, total: str = "") -> Locator:
    return page.get_by_role("button", name=f"Record sale, {total}" if total else "Record sale")


def find_receipt(page: Page | Locator) -> Locator:
    return page.get_by_role("region", name=re.compile("^Receipt, order "))


def list_codes(page: Page | Locator) -> list[str]:
    """Return the ticket codes of the receipt, once it is shown."""
    expect(find_receipt(page)).to_be_visible()
    return page.locator(".codes code").all_inner_texts()


def unfold_guests(page: Page | Locator) -> None:
    """Unfold guests and optional questions of the first line."""
    page.get_by_test_id("stExpander").first.locator("summary").click()


def enter_donor(page: Page | Locator, name: str = "Zoë Müller", email: str = "zoe@example.org") -> None:
    page.get_by_label("Donor's name").fill(name)
    page.get_by_label("E-mail address").fill(email)

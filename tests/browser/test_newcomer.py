"""A newcomer comes from an empty folder to the first CSV in few clicks and little waiting for the machine."""

from __future__ import annotations

import io
import statistics
import time

import pandas as pd
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import make
from tests.support.till_page import find_receipt, find_tile

MAX_CLICKS = 40  # version one took 49, and 29.8 seconds of waiting
MAX_SECONDS_WAITED = 10
MAX_RELOADS_WAITED = 20  # of Sales, on a machine that is slow or busy: 12 were measured on one under load


class Newcomer:
    """Somebody who clicks on what they see. Counts their clicks, and the seconds until what they want can be used."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.seconds_waited = 0.0

    def click(self, name: str, role: str = "button") -> None:
        self._click(self._find().get_by_role(role, name=name, exact=True))

    def add_to_order(self, package: str) -> None:
        """Press the tile of a package."""
        self._click(find_tile(self.page, package))

    def choose(self, answer: str) -> None:
        self._click(self._find().get_by_text(answer, exact=True))

    def open(self, page: str) -> None:
        """Choose a page in the menu."""
        self._click(self.page.get_by_test_id("stSidebar").get_by_role("link", name=page))

    def type(self, label: str, text: str) -> None:
        """Click into a field and type."""
        self._click(self._find().get_by_label(label, exact=True))
        self.page.keyboard.type(text)

    def type_at_once(self, label: str, text: str) -> None:
        """Type into the field in which the cursor is already."""
        start = time.monotonic()
        expect(self._find().get_by_label(label, exact=True)).to_be_focused()
        self.seconds_waited += time.monotonic() - start
        self.page.keyboard.type(text)

    def wait_for(self, target: Locator) -> None:
        start = time.monotonic()
        expect(target).to_be_visible()
        self.seconds_waited += time.monotonic() - start

    def download(self, name: str) -> pd.DataFrame:
        with self.page.context.expect_event("download") as started:
            self.click(name, "link")
        start = time.monotonic()
        content = started.value.path().read_bytes()
        self.seconds_waited += time.monotonic() - start
        return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)

    def _find(self) -> Locator:
        """Return what can be used: the dialog if there is one, the rest of the page otherwise."""
        return self.page.locator("[role=dialog]:not([data-testid=stToast]), body:not(:has([role=dialog]))").last

    def _click(self, target: Locator) -> None:
        start = time.monotonic()
        target.click(trial=True)  # until it is there, at rest, and nothing covers it
        self.seconds_waited += time.monotonic() - start
        target.click()
        self.clicks += 1


def test_newcomer_needs_few_clicks_from_an_empty_folder_to_the_first_csv(page: Page, fresh_server, capsys) -> None:
    newcomer = Newcomer(page)
    page.goto(fresh_server)
    create_account_and_event(newcomer)
    create_packages(newcomer)
    ask_questions(newcomer)
    create_promo_code(newcomer)
    sell(newcomer)
    newcomer.open("Sales")
    newcomer.wait_for(page.locator(".tile").filter(has_text="$75").first)
    table = newcomer.download("Download CSV")

    assert list(table.purchaser_name) == ["Zoë Müller"]
    assert list(table.total) == ["75.00"]
    reload_seconds = measure_reload(page)
    with capsys.disabled():
        waited = f"{newcomer.seconds_waited:.1f} s of waiting, {newcomer.seconds_waited / reload_seconds:.1f} reloads"
        print(f"\nNewcomer: {newcomer.clicks} clicks, {waited}")
    assert newcomer.clicks <= MAX_CLICKS
    assert newcomer.seconds_waited <= max(MAX_SECONDS_WAITED, MAX_RELOADS_WAITED * reload_seconds)


def measure_reload(page: Page) -> float:
    """Return how many seconds a reload takes on this machine now, which the newcomer's wait is compared with."""
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        page.reload()
        wait_until_drawn(page)
        seconds.append(time.monotonic() - start)
    return statistics.mean(seconds)


def create_account_and_event(newcomer: Newcomer) -> None:
    newcomer.type_at_once("Your name", "Ana Ruiz")
    newcomer.type("E-mail address", "ana@example.org")
    newcomer.type("Password", make.PASSWORD)
    newcomer.click("Create account and sign in")
    newcomer.click("New event")
    newcomer.type_at_once("Name", "Spring Gala")
    newcomer.type("month, Starts", "032020311830")
    newcomer.type("Venue", "Pier 9 Hall")
    newcomer.click("Create event")


def create_packages(newcomer: Newcomer) -> None:
    newcomer.click("New package")
    newcomer.type_at_once("Name", "Individual ticket")
    newcomer.type("Description", "One seat with dinner.")
    newcomer.type("Price", "$100")
    newcomer.click("Save and add another")
    newcomer.wait_for(newcomer.page.get_by_role("heading", name="Individual ticket"))

    newcomer.type_at_once("Name", "Table of ten")
    newcomer.type("Description", "Ten seats with dinner.")
    newcomer.type("Price", "$1,500")
    newcomer.type("Seats in one package", "10")
    newcomer.type("Limit (optional)", "5")
    newcomer.click("Create package")
    newcomer.wait_for(newcomer.page.get_by_role("heading", name="Table of ten"))


def ask_questions(newcomer: Newcomer) -> None:
    newcomer.open("Options")
    newcomer.click("New option")
    newcomer.type_at_once("Question", "Shuttle bus?")
    newcomer.click("Save and add another")
    newcomer.wait_for(newcomer.page.get_by_role("heading", name="Shuttle bus?"))

    newcomer.type_at_once("Question", "Dinner?")
    newcomer.choose("Choose one")
    newcomer.type("Choices, one per line", "Fish\nMeat\nVegan")
    newcomer.click("Save and add another")
    newcomer.wait_for(newcomer.page.get_by_role("heading", name="Dinner?"))

    newcomer.type_at_once("Question", "Name for the card?")
    newcomer.choose("Text")
    newcomer.click("Add option")
    newcomer.wait_for(newcomer.page.get_by_role("heading", name="Name for the card?"))


def create_promo_code(newcomer: Newcomer) -> None:
    newcomer.open("Promo codes")
    newcomer.click("New promo code")
    newcomer.type_at_once("Code", "EARLY25")
    newcomer.type("Percent off", "25")
    newcomer.click("Create promo code")
    newcomer.wait_for(newcomer.page.get_by_role("heading", name="EARLY25"))


def sell(newcomer: Newcomer) -> None:
    newcomer.open("Box office")
    newcomer.add_to_order("Individual ticket")
    newcomer.choose("Yes")
    newcomer.choose("Fish")
    newcomer.type("Name for the card?", "Zoë")
    newcomer.type("Donor's name", "Zoë Müller")
    newcomer.type("E-mail address", "zoe@example.org")
    newcomer.type("Promo code (optional)", "EARLY25")
    newcomer.page.keyboard.press("Tab")
    newcomer.click("Record sale, $75.00")
    newcomer.wait_for(find_receipt(newcomer.page))

"""axe-core finds nothing serious on any page, view or dialog, in both color schemes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import choose_file, wait_until_drawn, window
from tests.support import make
from tests.support.sales_file import read_table
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ui import menu

AXE = Axe()
SEVERE_IMPACTS = ("serious", "critical")
# A text by which each page shows that it is rendered with the data of the event.
SHOWS = {
    "sales": "Total revenue",
    "purchasers": "Zoë Müller",
    "guests": "Zoë Müller",
    "packages": "Old ticket",
    "options": "Shuttle bus?",
    "promo_codes": "EARLY10",
    "box_office": "Total $2,500.00",
    "import_sales": "Imports so far",
    "audit_log": "changed the price of Gold",
    "staff": "people ·",
    "tokens": "never used",
    "events": "Harbor Lights Gala",
    "account": "Active sessions",
}
SALE = (
    "ticket_type,purchaser_name,purchaser_email,quantity,total_amount,purchase_date,external_sale_id\n"
    "Gold,Ben Okafor,ben@example.org,1,11000.00,2026-10-01,A1\n"
)
DIRTY = Path(__file__).parents[1] / "data" / "sales-dirty.csv"


def click(name: str, role: str = "button") -> Callable[[Page], None]:
    return lambda page: page.get_by_test_id("stMain").get_by_role(role, name=name, exact=True).first.click()


def click_prefix(name: str) -> Callable[[Page], None]:
    """Click the button whose name starts with `name`."""
    return lambda page: page.get_by_test_id("stMain").get_by_role("button", name=name).first.click()


def pick(menu_name: str, entry: str) -> Callable[[Page], None]:
    def do(page: Page) -> None:
        page.get_by_test_id("stMain").get_by_role("button", name=menu_name).first.click()
        page.get_by_text(entry, exact=True).click()

    return do


def choose(file: Path) -> Callable[[Page], None]:
    return lambda page: choose_file(page, file)


# Page, action, and what the page shows afterwards.
VIEWS = {
    "the filters": ("purchasers", click_prefix("Filters"), "text=Sponsorships only"),
    "the guest list": ("guests", click("Guest list", "radio"), "text=seat 1 of 10"),
    "the sponsors": ("guests", click("Sponsors", "radio"), "text=2 sponsorships"),
    "arranging": ("packages", click("Arrange", "radio"), "ol li >> text=Gold"),
    "many packages at once": ("packages", click("Prices and limits", "radio"), "[data-testid=stDataFrame] canvas"),
    "the filters of the audit log": ("audit_log", click_prefix("Filters"), "text=Package or promo code"),
    "the office's audit log": ("audit_log", click("Office", "radio"), "text=created an account for"),
    "a file that is checked": ("import_sales", choose(DIRTY), "text=sales-dirty.csv"),
}
DIALOGS = {
    "a purchase": ("purchasers", click_prefix("Zoë Müller"), "Ben Okafor"),
    "a package": ("packages", click("New package"), "Create package"),
    "the history of a package": ("packages", pick("Actions for Gold", "History"), "created the package Gold"),
    "restoring a value": ("audit_log", click_prefix("Restore price"), "The audit log records this"),
    "deleting a package": ("packages", pick("Actions for Old ticket", "Delete"), "Cancel"),
    "an option": ("options", click("New option"), "Add option"),
    "a promo code": ("promo_codes", click("New promo code"), "Create promo code"),
    "trying a code": ("promo_codes", click("Try a code"), "Enter a code to check"),
    "naming guests": ("guests", click("Name guests"), "Save guests"),
    "an event": ("events", click("New event"), "Create event"),
    "inviting": ("staff", click("Invite"), "You'll get a link to share."),
    "a person": ("staff", pick("Actions", "Edit"), "Save person"),
    "a new link": ("staff", pick("Actions", "New link"), "Create link"),
    "sessions of a user": ("staff", pick("Actions", "Sessions"), "Signed in today"),
    "deactivating": ("staff", pick("Actions", "Deactivate"), "Cancel"),
    "a token": ("tokens", click("New token"), "Create token"),
    "revoking a token": ("tokens", click("Revoke"), "Cancel"),
    "the password": ("account", click("Change password"), "At least 10 characters."),
    "copying an event": ("events", pick("Actions", "Copy"), "What to copy"),
}


@pytest.fixture(params=("light", "dark"))
def themed_page(request, chromium: Browser) -> Iterator[Page]:
    """A window in one of the color schemes, without animations."""
    scheme = request.param
    with window(
        chromium, viewport={"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    ) as page:
        yield page


@pytest.fixture
def gala(live_server: str):
    """An event with every kind of record."""
    event = make.event(revenue_goal="750000")
    table = make.package(event, name="Table of Ten", price="2500", seats_per_package=10, quantity_limit=2)
    gold = make.package(event, name="Gold", price="10000", seats_per_package=10, is_sponsorship=True)
    make.package(event, name="Old ticket", is_enabled=False)
    make.token(make.staff(name="Aaron Abel", event=event))  # the first in the list of staff
    db.write(lambda s: packages.update(s, OPERATOR, event.id, gold.id, {"price": "11000"}, seen_version=1))
    make.option(table, label="Shuttle bus?", option_type="boolean", is_required=False)
    make.option(table, label="Menu", option_type="multi_select", choices=["Fish", "Meat"], is_required=False)
    make.promo_code(event, code="EARLY10")
    donor = {"name": "Zoë Müller", "email": make.email("zoe")}
    make.purchase(event, table, promo_code="EARLY10", donor=donor, guests=[{"name": "Ben Okafor"}])
    make.purchase(event, gold, payment_status="pending", channel="cheque", notes="By post.")
    db.write(lambda s: imports.run(s, OPERATOR, event.id, "sales.csv", read_table("sales.csv", SALE.encode())))
    return event


@pytest.fixture
def open_page(themed_page: Page, gala, enter, live_server: str) -> Callable[[str], Page]:
    """Open a page of the event as an admin, and wait until it shows the event's data."""
    enter(themed_page, make.staff(role="admin", password=make.PASSWORD), f"/events?event={gala.id}")

    def do(name: str) -> Page:
        themed_page.goto(f"{live_server}/{name}?event={gala.id}")
        wait_until_drawn(themed_page)
        expect(themed_page.get_by_test_id("stMain").get_by_text(SHOWS[name]).first).to_be_visible()
        return themed_page

    return do


def list_violations(page: Page, context: str = "body") -> list[str]:
    """Return the serious and critical violations, with their elements."""
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    # Behind a dialog Streamlit locks the page, which then has no height, so that axe would take it for hidden.
    page.evaluate("document.documentElement.style.overflow = 'visible'")
    violations = AXE.run(page, context=context).response["violations"]
    nodes = ((rule, node) for rule in violations if rule["impact"] in SEVERE_IMPACTS for node in rule["nodes"])
    return [f"{rule['help']}: {node['target'][-1]} {node['html'][:200]} {join_messages(node)}" for rule, node in nodes]


def join_messages(node: dict) -> str:
    return " ".join(check["message"] for check in (*node["any"], *node["all"]))


def test_every_page(open_page) -> None:
    assert {entry.name for entry in menu.ENTRIES} == SHOWS.keys()
    assert {name: each for name in SHOWS if (each := list_violations(open_page(name)))} == {}


def test_every_view(open_page) -> None:
    violations = {}
    for name, (path, act, shows) in VIEWS.items():
        page = open_page(path)
        act(page)
        expect(page.locator(shows).last).to_be_visible()
        violations[name] = list_violations(page)
    assert {name: each for name, each in violations.items() if each} == {}


def test_every_dialog(open_page) -> None:
    violations = {}
    for name, (path, act, shows) in DIALOGS.items():
        page = open_page(path)
        act(page)
        expect(page.get_by_role("dialog").get_by_text(shows).last).to_be_visible()
        violations[name] = list_violations(page, "[role=dialog]")
    assert {name: each for name, each in violations.items() if each} == {}

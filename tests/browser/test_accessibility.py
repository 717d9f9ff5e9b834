"""axe-core finds nothing serious on any page, view or dialog, on a computer and on a phone, in both color schemes.

Each is opened once, and then shown in four ways: changing width and color scheme costs a tenth of opening it anew.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import choose_file, close_dialogs, go_to, wait_until_drawn, window
from tests.support import make
from tests.support.sales_file import read_table
from tests.support.till_page import find_tile
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ui import menu

AXE = Axe()
SEVERE_IMPACTS = ("serious", "critical")
OTHER_RULES = ("heading-order",)  # moderate, but people find their way by headings
GROUNDS = {"light": "rgb(251, 250, 247)", "dark": "rgb(20, 24, 29)"}
LOOKS = ((1280, "light"), (1280, "dark"), (390, "dark"), (390, "light"))  # the width in pixels
COLOR_RULES = ["color-contrast", "link-in-text-block"]  # what the dark scheme can break; it has the same elements
# A text by which each page shows that it is rendered with the data of the event.
SHOWS = {
    "search": "Press / on any page",
    "sales": "By channel",
    "purchasers": "Zoë Müller",
    "guests": "Zoë Müller",
    "packages": "Old ticket",
    "options": "Shuttle bus?",
    "promo_codes": "EARLY10",
    "box_office": "$2,500.00",
    "import_sales": "Imports so far",
    "audit_log": "changed the price of Gold",
    "staff": "people ·",
    "tokens": "created ",
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
        page.get_by_test_id("stMenuButtonBody").get_by_text(entry, exact=True).click()

    return do


def correct_a_sale(page: Page) -> None:
    click_prefix("Zoë Müller")(page)
    page.get_by_role("dialog").get_by_role("button", name="Correct details").click()


def refuse_a_package(page: Page) -> None:
    click("New package")(page)
    page.get_by_role("dialog").get_by_role("button", name="Create package").click()


def ask_to_discard(page: Page) -> None:
    click("New event")(page)
    expect(page.get_by_role("dialog").get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Gala")
    page.keyboard.press("Escape")


def void_a_sale(page: Page) -> None:
    click_prefix("Zoë Müller")(page)
    page.get_by_role("dialog").get_by_role("button", name="Void").click()


def create_a_token(page: Page) -> None:
    click("New token")(page)
    page.get_by_role("dialog").get_by_label("What it is for").fill("Donor site")
    page.get_by_role("dialog").get_by_role("button", name="Create token").click()


def create_a_link(page: Page) -> None:
    pick("Actions", "New link")(page)
    page.get_by_role("dialog").get_by_role("button", name="Create link").click()


def show_signed_out(page: Page) -> None:
    page.evaluate("document.querySelector('#signed-out').showModal()")


def search_everything(page: Page) -> None:
    page.get_by_label("Name, e-mail address, ticket code").fill("Zoë")


def add_to_order(page: Page) -> None:
    find_tile(page, "Gold").click()


def choose(file: Path) -> Callable[[Page], None]:
    return lambda page: choose_file(page, file)


# Page, action, and what the page shows afterwards.
VIEWS = {
    "what a search finds": ("search", search_everything, "text=Zoë Müller"),
    "the filters": ("purchasers", click_prefix("Filters"), "text=Sponsorships only"),
    "the guest list": ("guests", click("Guest list", "radio"), "text=seat 1 of 10"),
    "the sponsors": ("guests", click("Sponsors", "radio"), "text=1 sponsorship"),
    "arranging": ("packages", click("Arrange", "radio"), "ol li >> text=Gold"),
    "many packages at once": ("packages", click("Prices and limits", "radio"), "[data-testid=stDataFrame] canvas"),
    "the filters of the audit log": ("audit_log", click_prefix("Filters"), "text=Package or promo code"),
    "the office's audit log": ("audit_log", click("Office", "radio"), "text=created an account for"),
    "an order": ("box_office", add_to_order, "text=Start over"),
    "a file that is checked": ("import_sales", choose(DIRTY), "text=sales-dirty.csv"),
}
DIALOGS = {
    "a purchase": ("purchasers", click_prefix("Zoë Müller"), "Ben Okafor"),
    "the columns of a file": ("purchasers", click("Choose columns"), "Download for Excel"),
    "correcting a sale": ("purchasers", correct_a_sale, "Save correction"),
    "a package": ("packages", click("New package"), "Create package"),
    "a refused package": ("packages", refuse_a_package, "Please fix the"),
    "the history of a package": ("packages", pick("Actions for Gold", "History"), "created the package Gold"),
    "restoring a value": ("audit_log", click_prefix("Restore price"), "The audit log records this"),
    "deleting a package": ("packages", pick("Actions for Old ticket", "Delete"), "Cancel"),
    "deleting an option": ("options", pick("Actions for “Shuttle bus", "Delete"), "permanently deletes"),
    "an option": ("options", click("New option"), "Add option"),
    "a question of two packages": ("options", pick("Actions for “Menu”", "Edit"), "Also for the package"),
    "answers by package": ("options", pick("Actions for “Menu”", "Answers"), "Paid and pending purchases."),
    "a promo code": ("promo_codes", click("New promo code"), "Create promo code"),
    "deleting a code": ("promo_codes", pick("Actions for SPRING", "Delete"), "permanently deletes"),
    "trying a code": ("promo_codes", click("Try a code"), "Enter a code to check"),
    "voiding a sale": ("purchasers", void_a_sale, "Reason"),
    "undoing an import": ("import_sales", click("Undo"), "This is final."),
    "naming guests": ("guests", click_prefix("Name guests"), "Save guests"),
    "an event": ("events", click("New event"), "Create event"),
    "discarding changes": ("events", ask_to_discard, "Keep editing"),
    "a session that has ended": ("events", show_signed_out, "Back to the page"),
    "inviting": ("staff", click("Invite"), "You'll get a link to share."),
    "a person": ("staff", pick("Actions", "Edit"), "Save person"),
    "a new link": ("staff", pick("Actions", "New link"), "Create link"),
    "a created link": ("staff", create_a_link, "I have copied it"),
    "sessions of a user": ("staff", pick("Actions", "Sessions"), "Signed in today"),
    "deactivating": ("staff", pick("Actions", "Deactivate"), "Cancel"),
    "a token": ("tokens", click("New token"), "Create token"),
    "a created token": ("tokens", create_a_token, "I have copied it"),
    "revoking a token": ("tokens", click("Revoke"), "Cancel"),
    "the password": ("account", click("Change password"), "At least 10 characters."),
    "copying an event": ("events", pick("Actions", "Copy"), "What to copy"),
}


@pytest.fixture
def still_page(chromium: Browser) -> Iterator[Page]:
    """A window without animations."""
    with window(chromium, viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as page:
        page.add_init_script(AXE.axe_script)
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
    for package in (table, gold):
        make.option(package, label="Menu", option_type="multi_select", choices=["Fish", "Meat"], is_required=False)
    make.promo_code(event, code="EARLY10")
    make.promo_code(event, code="SPRING")
    donor = {"name": "Zoë Müller", "email": make.email("zoe")}
    make.purchase(event, table, promo_code="EARLY10", donor=donor, guests=[{"name": "Ben Okafor"}])
    make.purchase(event, gold, payment_status="pending", channel="cheque", notes="By post.")
    db.write(lambda s: imports.run(s, OPERATOR, event.id, "sales.csv", read_table("sales.csv", SALE.encode())))
    return event


@pytest.fixture
def open_page(still_page: Page, gala, enter) -> Callable[[str], Page]:
    """Open a page of the event as an admin from the menu, and wait until it shows the event's data."""
    look(enter(still_page, make.staff(role="admin", password=make.PASSWORD), f"/events?event={gala.id}"), *LOOKS[0])

    shown = "events"

    def do(name: str) -> Page:
        nonlocal shown
        look(still_page, *LOOKS[0])
        has_dialog = still_page.get_by_role("dialog").count() > 0
        close_dialogs(still_page)
        if not (has_dialog and name == shown):  # behind a dialog the page is as it was
            go_to(still_page, name)
        shown = name
        expect(still_page.get_by_test_id("stMain").get_by_text(SHOWS[name]).first).to_be_visible()
        return still_page

    return do


def look(page: Page, width: int, scheme: str) -> None:
    """Show the page in this width and color scheme, and wait until all of it has its colors."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", GROUNDS[scheme])
    wait_until_drawn(page)
    page.wait_for_function("() => document.getAnimations().every(each => each.playState !== 'running')")


def list_violations(page: Page, context: str = "body") -> list[str]:
    """Return the serious and critical violations in every look, with their elements."""
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    found = []
    for width, scheme in LOOKS:
        look(page, width, scheme)
        # Behind a dialog Streamlit locks the page, which then has no height, so that axe would take it for hidden.
        page.evaluate("document.documentElement.style.overflow = 'visible'")
        rules = COLOR_RULES if scheme == "dark" else None
        found += [f"{width} px, {scheme}: {each}" for each in run_axe(page, context, rules)]
    return found


def run_axe(page: Page, context: str, rules: list[str] | None = None) -> list[str]:
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    violations = page.evaluate("given => axe.run(...given)", [context, options])["violations"]
    severe = (each for each in violations if each["impact"] in SEVERE_IMPACTS or each["id"] in OTHER_RULES)
    nodes = ((rule, node) for rule in severe for node in rule["nodes"])
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


@pytest.mark.parametrize("half", [0, 1])
def test_every_dialog(open_page, half) -> None:
    violations = {}
    for name in list(DIALOGS)[half::2]:
        path, act, shows = DIALOGS[name]
        page = open_page(path)
        act(page)
        expect(page.get_by_role("dialog").get_by_text(shows).last).to_be_visible()
        violations[name] = list_violations(page, "[role=dialog], dialog[open]")
    assert {name: each for name, each in violations.items() if each} == {}


def test_pages_outside_of_the_frame(still_page: Page, live_server: str) -> None:
    violations = {}
    for path in (
        "/session/sign-in",
        "/session/sign-out",
        "/session/invitation?code=unknown",
        "/guide",
        "/guide/import",
    ):
        still_page.goto(live_server + path)
        for width, scheme in LOOKS:
            still_page.set_viewport_size({"width": width, "height": 900})
            still_page.emulate_media(color_scheme=scheme)
            if found := run_axe(still_page, "body", COLOR_RULES if scheme == "dark" else None):
                violations[path, width, scheme] = found
    assert violations == {}

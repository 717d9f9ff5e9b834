"""Hostile text on every page, view and dialog, and in forms, is shown as typed and has no effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import choose_file, close_dialogs, go_to, wait_until_drawn
from tests.support import make
from tests.support.hostile_text import TEXTS, normalize_line
from tests.support.sales_file import read_table, sale, sales_csv
from tests.support.text_effects import list_text_effects, record_side_effects, wait_for_texts
from tests.support.till_page import enter_donor, find_receipt, find_tile, unfold_guests
from ticketing import db, imports
from ticketing.actors import OPERATOR, Actor
from ticketing.catalog import options
from ticketing.models import Event
from ui import menu

PAGE_SIZE = 20  # rows that a list shows at once
BATCHES = range(-(-len(TEXTS) // PAGE_SIZE))
RUNS = '<img src=x onerror="window.__pwned=1"> **zqbold** $zq^2$'
LEADS = "![zqpic](https://evil.example/x) :red[zqred] www.evil.example"
# Pages that show the text of every record.
PAGES_WITH_ALL_TEXTS = {"packages", "purchasers"}


@pytest.fixture
def typed(request: pytest.FixtureRequest) -> list[str]:
    """A batch of hostile texts, as many as a list shows."""
    first = getattr(request, "param", 0) * PAGE_SIZE
    return list(islice(TEXTS.values(), first, first + PAGE_SIZE))


@pytest.fixture
def hostile(live_server: str, typed: list[str]) -> Event:
    """An event in which each text is a package, two questions, a donor, a guest, an answer and a note.

    It and the other event start first of all, so that the page of events shows both.
    """
    soon = f"{datetime.now(ZoneInfo('America/New_York')) + timedelta(hours=1):%Y-%m-%dT%H:%M}"
    event = make.event(name=typed[0], venue=typed[1], revenue_goal="1000", starts_at=soon)
    make.event(name=typed[2], venue=typed[3], starts_at=soon)
    for number, text in enumerate(typed):
        package = make.package(
            event,
            name=text,
            description=text,
            price="10",
            seats_per_package=2,
            quantity_limit=2 + number % 3,
            is_sponsorship=number % 2 == 0,
        )
        pick = make.option(package, label=text, option_type="multi_select", choices=[text[:50], "Fish"])
        words = make.option(package, label=f"{text}?")
        answers = [{"option_id": pick.id, "value": pick.choices[:1]}, {"option_id": words.id, "value": text}]
        donor = {"name": text, "email": make.email(), "phone": text[:50]}
        make.purchase(event, package, donor=donor, notes=text, answers=answers, guests=[{"name": text}])
        if number == 1:
            content = sales_csv(sale(package, purchaser_name=text, notes=text, external_sale_id=text))
            file = read_table("sales.csv", content)
            db.write(lambda s, file=file: imports.run(s, OPERATOR, event.id, f"{typed[0]}.csv", file))
        if number == 2:
            db.write(lambda s, words=words: options.retire(s, OPERATOR, words.package_id, words.id))
    make.promo_code(event, code="EARLY10")
    return event


@pytest.fixture
def admin() -> Actor:
    return make.staff(role="admin", name=RUNS, password=make.PASSWORD)


@pytest.fixture
def assert_harmless(page: Page) -> Iterator[Callable[[], None]]:
    """Return a check that no text took effect; at the end, nothing was loaded and no dialog was opened."""

    def check() -> None:
        assert list_text_effects(page) == []

    with record_side_effects(page) as effects:
        yield check
    assert effects == []


def test_control_effects_are_detected(chromium: Browser, live_server: str) -> None:
    with chromium.new_context() as context:
        _assert_effects_detected(context.new_page(), live_server)


def _assert_effects_detected(page: Page, live_server: str) -> None:
    page.goto(f"{live_server}/session/sign-in")
    effects = {
        "script": "window.__pwned = 1",
        "link": "document.body.insertAdjacentHTML('beforeend', '<a href=\"https://evil.example/x\">x</a>')",
        "address": "document.body.insertAdjacentHTML('beforeend', '<a href=\"mailto:a@evil.example\">x</a>')",
        "picture": "document.body.insertAdjacentHTML('beforeend', '<img src=\"https://evil.example/x.png\">')",
        "formula": "document.body.insertAdjacentHTML('beforeend', '<span class=\"katex\">x</span>')",
        "bold": "document.body.insertAdjacentHTML('beforeend', '<p>a <strong>zqbold</strong> b</p>')",
    }
    for number, script in enumerate(effects.values(), start=1):
        page.evaluate(script)
        assert len(list_text_effects(page)) == number
    page.route("https://evil.example/**", lambda route: route.abort())
    page.goto("about:blank")
    with record_side_effects(page) as recorded:
        page.set_content('<img src="https://evil.example/x.png"><script>alert("hello")</script>')
    assert sorted(recorded) == ["dialog: hello", "requested https://evil.example/x.png"]


@pytest.mark.parametrize("typed", BATCHES, indirect=True)
def test_every_page_shows_hostile_text(
    page: Page, live_server: str, hostile, typed, admin, enter, assert_harmless
) -> None:
    token_names = [normalize_line(text)[:100].strip() for text in typed[4:10]]
    for name in token_names:
        make.token(admin, name=name)
    enter(page, admin, f"/events?event={hostile.id}")
    wait_for_texts(page, [RUNS, *typed[:4]])
    for entry in menu.ENTRIES:
        go_to(page, entry.name)
        wait_for_texts(page, [RUNS, typed[0]] if entry.is_about_event else [RUNS])
        if entry.name in PAGES_WITH_ALL_TEXTS:
            wait_for_texts(page, typed)
        if entry.name == "tokens":
            wait_for_texts(page, token_names)
        assert_harmless()


def main(page: Page):
    return page.get_by_test_id("stMain")


def click(role: str, name: str | re.Pattern[str]) -> Callable[[Page], None]:
    return lambda page: main(page).get_by_role(role, name=name).first.click()


def pick(entry: str) -> Callable[[Page], None]:
    def do(page: Page) -> None:
        main(page).get_by_role("button", name=re.compile("^Actions")).first.click()
        page.get_by_text(entry, exact=True).click()

    return do


def correct_a_sale(page: Page) -> None:
    click("button", re.compile("zq"))(page)
    page.get_by_role("dialog").get_by_role("button", name="Correct details").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Save correction")).to_be_visible()


def point_at_charts(page: Page) -> None:
    """Move the mouse over each chart from top to bottom, to open every tooltip."""
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        for part in range(1, 9):
            page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * part / 9)
            assert list_text_effects(page) == []


def try_a_code(page: Page) -> None:
    page.get_by_role("button", name="Try a code").click()
    code = page.get_by_role("dialog").get_by_label("Code", exact=True)
    code.fill(RUNS)
    code.press("Enter")


DIALOG = "[role=dialog]"
# Page, action, what the page shows afterwards, and whether it shows every text.
VIEWS = {
    "charts": ("sales", point_at_charts, "h1", False),
    "filters": ("purchasers", click("button", re.compile("^Filters")), '[data-testid="stPopoverBody"]', False),
    "a purchase": ("purchasers", click("button", re.compile("zq")), DIALOG, False),
    "correcting a sale": ("purchasers", correct_a_sale, DIALOG, False),
    "the guest list": ("guests", click("radio", "Guest list"), "text=seat 1 of", False),
    "the sponsors": ("guests", click("radio", "Sponsors"), "text=/10 sponsorships/", False),
    "naming guests": ("guests", click("button", "Name guests"), DIALOG, False),
    "arranging": ("packages", click("radio", "Arrange"), "ol li", True),
    "many at once": ("packages", click("radio", "Prices and limits"), "[data-testid=stDataFrame] canvas", False),
    "a package": ("packages", pick("Edit"), DIALOG, False),
    "undoing": ("packages", pick("Take off sale (bought, so not deleted)"), ".st-key-undo", False),
    "an option": ("options", pick("Edit"), DIALOG, False),
    "trying a code": ("promo_codes", try_a_code, "text=This event has no promo code", False),
    "copying an event": ("events", pick("Copy"), DIALOG, False),
}


@pytest.mark.parametrize("typed", [0], indirect=True)
def test_every_view_and_dialog_shows_hostile_text(
    page: Page, live_server: str, hostile, typed, admin, enter, assert_harmless
) -> None:
    enter(page, admin, f"/events?event={hostile.id}")
    for path, act, shown, has_all_texts in VIEWS.values():
        close_dialogs(page)
        go_to(page, path)
        act(page)
        expect(page.locator(shown).first).to_be_visible()
        if has_all_texts:
            wait_for_texts(page, typed)
        assert_harmless()


@pytest.fixture
def visit(page: Page, live_server: str, admin, enter) -> Callable[[str, Event], Locator]:
    """Open a page of an event; return a locator for the page and its dialog."""

    def do(path: str, event: Event) -> Locator:
        if page.url == "about:blank":
            enter(page, admin, f"/events?event={event.id}")
        page.goto(f"{live_server}/{path}?event={event.id}")
        wait_until_drawn(page)
        return page.locator("[data-testid=stMain], [role=dialog]")

    return do


def test_set_up_forms_accept_hostile_text(page: Page, visit, assert_harmless) -> None:
    event = make.event()
    make.package(event, name="Seat")
    form = visit("packages", event)
    form.get_by_role("button", name="New package").click()
    form.get_by_label("Name", exact=True).fill(RUNS)
    form.get_by_label("Description").fill(LEADS)
    form.get_by_label("Price").fill(RUNS)
    form.get_by_role("button", name="Create package").click()
    expect(form.get_by_text("Enter an amount, like 1234.50.")).to_be_visible()
    assert_harmless()
    form.get_by_label("Price").fill("10")
    form.get_by_role("button", name="Create package").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_for_texts(page, [f"{RUNS} created.", LEADS])
    assert_harmless()

    form = visit("options", event)
    form.get_by_role("button", name="New option").click()
    form.get_by_label("Question", exact=True).fill(LEADS)
    form.get_by_role("button", name="Add option").click()
    expect(page.get_by_text(re.compile("^Question added")).or_(form.get_by_role("alert")).first).to_be_attached()
    assert_harmless()

    form = visit("promo_codes", event)
    form.get_by_role("button", name="New promo code").click()
    form.get_by_label("Code").fill(RUNS)
    form.get_by_label("Percent off").fill(LEADS)
    form.get_by_role("button", name="Create promo code").click()
    expect(form.get_by_text("Use 4 to 20 letters A-Z and digits, without spaces.")).to_be_visible()
    assert_harmless()

    form = visit("events", event)
    form.get_by_role("button", name="New event").click()
    form.get_by_label("Name", exact=True).fill(RUNS)
    form.get_by_label("Venue", exact=True).fill(LEADS)
    form.get_by_role("button", name="Create event").click()
    expect(form.get_by_text("Please fix the")).to_be_visible()
    assert_harmless()


def test_sale_guests_and_import_accept_hostile_text(page: Page, visit, assert_harmless, tmp_path: Path) -> None:
    event = make.event()
    table = make.package(event, name="Seat", price="10", seats_per_package=3)
    make.option(table, label=LEADS, is_required=False)
    make.purchase(event, table, donor={"name": f"Zqx {RUNS}"[:200], "email": "zq@example.org"})
    form = visit("box_office", event)
    form.get_by_label("Donor's name").press_sequentially("zqx")
    expect(form.locator(".donors button")).to_contain_text("zq@example.org")
    assert_harmless()
    page.keyboard.press("Escape")  # the list lies on the tiles
    find_tile(form, "Seat").click()
    enter_donor(form, RUNS, "ana@example.org")
    unfold_guests(form)
    form.get_by_label("Guests (optional)").fill(f"{RUNS}\n{LEADS}")
    form.get_by_label("Note (optional)").fill(LEADS)
    code = form.get_by_label("Promo code (optional)")
    code.fill(LEADS)
    code.press("Tab")
    expect(form.get_by_text("This event has no promo code")).to_be_visible()
    wait_for_texts(page, [f"This event has no promo code {LEADS.upper()}."])
    assert_harmless()
    code.fill("")
    code.press("Tab")
    form.get_by_role("button", name="Record sale, $10.00").click()
    expect(find_receipt(form)).to_be_visible()
    wait_for_texts(page, [RUNS])
    assert_harmless()

    form = visit("guests", event)
    form.get_by_role("button", name="Name guests").first.click()
    form.get_by_label(re.compile("^Seat 3 ")).fill(LEADS)
    form.get_by_role("button", name="Save guests").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    form.get_by_role("radio", name="Guest list").click()
    expect(form.get_by_text("seat 3 of 3").first).to_be_visible()
    wait_for_texts(page, [RUNS, LEADS])
    assert_harmless()

    file = tmp_path / "zq **zqbold** <img src=x onerror=window.__pwned=1>.csv"
    file.write_bytes(sales_csv(sale(RUNS, purchaser_name=LEADS, promo_code=LEADS, quantity=RUNS)))
    form = visit("import_sales", event)
    choose_file(form, file)
    expect(form.get_by_text("Nothing was imported.")).to_be_visible()
    wait_for_texts(page, [file.name])
    assert_harmless()

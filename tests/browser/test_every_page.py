"""Each page on a phone and in the dark, with the longest names there may be, and a console without complaints."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import window
from tests.support import make
from ui import menu

KNOWN = re.compile(r"/_stcore/(health|host-config)|favicon")


@pytest.fixture
def complaints(page: Page, phone: Page) -> list[str]:
    """What browsers find wrong, but for two addresses that Streamlit tries below every page and does not need."""
    found: list[str] = []
    for each in (page, phone):
        listen(each, found)
    return found


def listen(page: Page, found: list[str]) -> None:
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda told: (
            found.append(f"{told.text} {told.location['url']}")
            if told.type == "error" and not KNOWN.search(told.location["url"])
            else None
        ),
    )


@pytest.fixture
def dark(chromium: Browser) -> Iterator[Page]:
    with window(chromium, viewport={"width": 1280, "height": 800}, color_scheme="dark") as page:
        yield page


@pytest.fixture
def crowded(live_server: str):
    """An event in which everything is as long as it may be."""
    event = make.event(name="W" * 100, venue="Hall " * 40, revenue_goal="1000000000")
    long = make.package(
        event, name="N" * 100, description="D" * 1000, price="1000000", seats_per_package=100, quantity_limit=10,
        is_sponsorship=True, is_enabled=True,
    )  # fmt: skip
    make.option(long, label="L" * 200, option_type="multi_select", choices=["C" * 50, "D" * 50])
    make.option(long, label="Shuttle bus?", option_type="boolean")
    sold_out = make.package(event, name="M" * 100, quantity_limit=1)
    make.promo_code(event, code="A1234567890123456789")
    make.purchase(event, sold_out, donor={"name": "P" * 200, "email": make.email("p" * 60)})
    return event


PATHS = [entry.name for entry in menu.ENTRIES]


def test_nothing_is_wider_than_a_phone(phone: Page, crowded, enter, complaints) -> None:
    admin = make.staff(role="admin", password=make.PASSWORD)
    wide = {}
    for path in PATHS:
        enter(phone, admin, f"/{path}?event={crowded.id}")
        wide[path] = phone.evaluate(
            """[document.documentElement, document.querySelector('[data-testid=stMain]')]
               .some(box => box.scrollWidth > box.clientWidth)"""
        )
    assert wide == dict.fromkeys(PATHS, False)
    assert complaints == []


def test_every_page_has_a_dark_face(dark: Page, crowded, enter) -> None:
    admin = make.staff(role="admin", password=make.PASSWORD)
    found: list[str] = []
    listen(dark, found)
    for path in PATHS:
        enter(dark, admin, f"/{path}?event={crowded.id}")
        colours = dark.evaluate(
            """() => { const box = getComputedStyle(document.querySelector('[data-testid=stApp]'));
                       const title = getComputedStyle(document.querySelector('[data-testid=stMain] h1'));
                       return [box.backgroundColor, title.color] }"""
        )
        assert colours == ["rgb(20, 24, 29)", "rgb(232, 230, 225)"], path
    assert found == []


WATCH_THE_TITLE = """
    window.stoodAt = new Set();
    const look = () => {
        const title = document.querySelector('[data-testid="stMain"] h1');
        if (title) window.stoodAt.add(title.getBoundingClientRect().y);
        requestAnimationFrame(look);
    };
    look();
"""


def test_the_title_stands_at_one_place_from_the_first_moment_and_on_every_page_and_the_console_has_no_complaints(
    page: Page, crowded, enter, complaints
) -> None:
    admin = make.staff(role="admin", password=make.PASSWORD)
    page.add_init_script(WATCH_THE_TITLE)
    stood = {}
    for path in PATHS:
        enter(page, admin, f"/{path}?event={crowded.id}")
        page.wait_for_function("() => window.stoodAt.size > 0")
        stood[path] = page.evaluate("[...window.stoodAt]")
    assert stood == dict.fromkeys(PATHS, stood[PATHS[0]])
    assert len(stood[PATHS[0]]) == 1
    assert complaints == []

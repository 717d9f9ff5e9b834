"""Every page on a phone and in the dark theme, with the longest names, and without console errors."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import go_to, wait_until_drawn
from tests.support import make
from tests.support.chromium import window
from ui import menu


@pytest.fixture
def console_errors(page: Page, phone: Page) -> list[str]:
    """Console errors, a 404 among them."""
    errors: list[str] = []
    for each in (page, phone):
        record_errors(each, errors)
    return errors


def record_errors(page: Page, errors: list[str]) -> None:
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location['url']}") if message.type == "error" else None,
    )


@pytest.fixture
def dark(chromium: Browser) -> Iterator[Page]:
    with window(chromium, viewport={"width": 1280, "height": 800}, color_scheme="dark") as page:
        yield page


@pytest.fixture
def crowded(live_server: str):
    """An event in which every text has its maximum length."""
    event = make.event(name="W" * 100, venue="Hall " * 40, revenue_goal="1000000000")
    long = make.package(
        event,
        name="N" * 100,
        description="D" * 1000,
        price="1000000",
        seats_per_package=100,
        quantity_limit=10,
        is_sponsorship=True,
        is_enabled=True,
    )
    make.option(long, label="L" * 200, option_type="multi_select", choices=["C" * 50, "D" * 50])
    make.option(long, label="Shuttle bus?", option_type="boolean")
    sold_out = make.package(event, name="M" * 100, quantity_limit=1)
    make.promo_code(event, code="A1234567890123456789")
    make.purchase(event, sold_out, donor={"name": "P" * 200, "email": make.email("p" * 60)})
    return event


PATHS = [entry.name for entry in menu.ENTRIES]


def test_no_page_scrolls_sideways_on_a_phone(phone: Page, live_server, crowded, enter, console_errors) -> None:
    admin = make.staff(role="admin", password=make.PASSWORD)
    is_wide = {}
    enter(phone, admin, f"/events?event={crowded.id}")
    for path in PATHS:
        phone.goto(f"{live_server}/{path}?event={crowded.id}")
        wait_until_drawn(phone)
        is_wide[path] = phone.evaluate(
            """[document.documentElement, document.querySelector('[data-testid=stMain]')]
               .some(box => box.scrollWidth > box.clientWidth)"""
        )
    assert is_wide == dict.fromkeys(PATHS, False)
    assert console_errors == []


def test_every_page_uses_the_dark_theme(dark: Page, crowded, enter) -> None:
    admin = make.staff(role="admin", password=make.PASSWORD)
    errors: list[str] = []
    record_errors(dark, errors)
    enter(dark, admin, f"/events?event={crowded.id}")
    for path in PATHS:
        go_to(dark, path)
        colors = dark.evaluate(
            """() => { const box = getComputedStyle(document.querySelector('[data-testid=stApp]'));
                       const title = getComputedStyle(document.querySelector('[data-testid=stMain] h1'));
                       return [box.backgroundColor, title.color] }"""
        )
        assert colors == ["rgb(20, 24, 29)", "rgb(232, 230, 225)"], path
    assert errors == []


RECORD_TITLE_POSITIONS = """
    window.titlePositions = new Set();
    const record = () => {
        const title = document.querySelector('[data-testid="stMain"] h1');
        const isSeen = title?.checkVisibility({ visibilityProperty: true });
        if (isSeen) window.titlePositions.add(title.getBoundingClientRect().y);
        requestAnimationFrame(record);
    };
    record();
"""


def test_title_has_one_position_on_every_page_from_the_start_without_console_errors(
    page: Page, live_server, crowded, enter, console_errors
) -> None:
    admin = make.staff(role="admin", password=make.PASSWORD)
    page.add_init_script(RECORD_TITLE_POSITIONS)
    positions = {}
    enter(page, admin, f"/events?event={crowded.id}")
    for path in PATHS:
        page.goto(f"{live_server}/{path}?event={crowded.id}")
        wait_until_drawn(page)
        page.wait_for_function("() => window.titlePositions.size > 0")
        positions[path] = page.evaluate("[...window.titlePositions]")
    assert positions == dict.fromkeys(PATHS, positions[PATHS[0]])
    assert len(positions[PATHS[0]]) == 1
    assert console_errors == []

"""The frame around the pages: titles, menu and bars, signs of work, lost connection."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.browser.conftest import go_to, wait_until_drawn
from tests.support import make
from tests.support.chromium import window
from tests.support.waiting import wait_until
from ticketing.actors import Actor

Enter = Callable[[Page, Actor, str], Page]
IS_WHOLE = """link => [...link.querySelectorAll('*')].every(
    each => each.scrollWidth <= each.clientWidth + 1 || getComputedStyle(each).overflow === 'visible')"""
STREAM = re.compile(r"/_stcore/stream")


@pytest.fixture
def gala(live_server):
    event = make.event(name="Harbor Lights Gala", starts_at="2031-12-05T18:00")
    make.package(event, name="Captain's Table", is_enabled=True)
    return event


@pytest.fixture
def admin(live_server) -> Actor:
    return make.staff(role="admin", name="Ada Administrator of the Long Name", password=make.PASSWORD)


def menu_of(page: Page) -> Locator:
    return page.get_by_test_id("stSidebar")


def test_page_is_shown_with_its_first_figures_while_its_run_goes_on(page: Page, live_server, gala, admin) -> None:
    """The end of the run is held back, as on a busy server."""
    make.purchase(gala, make.package(gala, name="Last of the Tables"))
    held: list[str | bytes] = []

    def relay(browser: WebSocketRoute) -> None:
        def hold(message: str | bytes) -> None:
            if held or b"By package" in (message if isinstance(message, bytes) else message.encode()):
                held.append(message)
            else:
                browser.send(message)

        browser.connect_to_server().on_message(hold)

    page.route_web_socket(STREAM, relay)
    typed = {"email": admin.email, "password": make.PASSWORD}
    assert page.context.request.post(f"{live_server}/session/sign-in", form=typed).ok
    page.goto(f"{live_server}/?event={gala.id}")
    wait_until(lambda: held or page.evaluate("undefined"))  # Playwright relays while it waits for the page
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "running")
    expect(page.get_by_text("By package", exact=True)).to_have_count(0)


def test_tab_is_named_by_page_and_event(page: Page, enter: Enter, gala, admin) -> None:
    enter(page, admin, f"/packages?event={gala.id}")
    expect(page).to_have_title("Packages · Harbor Lights Gala")
    go_to(page, "box_office")
    expect(page).to_have_title("Box office · Harbor Lights Gala")
    go_to(page, "staff")
    expect(page).to_have_title("Staff · Ticket Desk")
    page.go_back()
    expect(page).to_have_title("Box office · Harbor Lights Gala")
    expect(page.locator('link[rel="shortcut icon"]')).to_have_attribute("href", re.compile("/session/icon.svg$"))


def test_office_pages_keep_the_event(page: Page, live_server, enter: Enter, gala, admin) -> None:
    make.event()  # with one event alone there would be no choice
    enter(page, admin, f"/packages?event={gala.id}")
    page.goto(f"{live_server}/staff")
    wait_until_drawn(page)
    expect(page).to_have_url(re.compile(f"event={gala.id}"))
    go_to(page, "sales")
    expect(page).to_have_title("Sales · Harbor Lights Gala")


def test_menu_has_its_mark_whole_rows_and_the_way_out_in_sight(page: Page, enter: Enter, gala, admin) -> None:
    enter(page, admin, f"/packages?event={gala.id}")
    menu = menu_of(page)
    expect(menu.get_by_text("Ticket Desk")).to_be_in_viewport()
    account = menu.get_by_role("link", name="Ada Administrator of the Long Name · admin")
    way_out = menu.get_by_role("link", name="Sign out")
    for height, row_height in ((720, 38), (800, 44), (900, 44)):
        page.set_viewport_size({"width": 1280, "height": height})
        for link in (account, way_out):
            expect(link).to_be_in_viewport(ratio=1)
        assert account.evaluate(IS_WHOLE)
        boxes = [link.bounding_box() for link in menu.get_by_role("link").all()]
        assert min(box["height"] for box in boxes) >= row_height
        last_page = menu.get_by_role("link", name="All events").bounding_box()
        assert last_page["y"] + last_page["height"] <= account.bounding_box()["y"]
    styles = [
        link.evaluate("link => [getComputedStyle(link).fontSize, getComputedStyle(link).textDecorationLine]")
        for link in (account, way_out)
    ]
    assert [style[1] for style in styles] == ["none", "none"]
    account.focus()
    page.keyboard.press("Tab")
    expect(way_out).to_be_focused()
    expect(way_out).to_have_css("outline-style", "solid")


def test_phone_has_bars_and_a_menu_that_closes_on_choice(phone: Page, live_server, enter: Enter, gala, admin) -> None:
    enter(phone, admin, f"/packages?event={gala.id}")
    phone.evaluate("localStorage.setItem('stSidebarCollapsed-/', 'false')")
    phone.reload()
    wait_until_drawn(phone)
    menu = menu_of(phone)
    expect(menu).not_to_be_in_viewport()
    top = phone.locator(".phone-bar")
    expect(top).to_be_visible()
    expect(top).to_have_attribute("data-page", "Packages")
    expect(top).to_have_attribute("data-event", "Harbor Lights Gala")
    shown = top.evaluate("bar => ['::before', '::after'].map(part => getComputedStyle(bar, part).content)")
    assert shown == ['"Packages"', '"Harbor Lights Gala"']

    bar = phone.locator(".st-key-bottom_bar")
    assert bar.get_by_role("link").all_inner_texts() != []
    assert [each.get_by_role("paragraph").inner_text() for each in bar.get_by_role("link").all()] == [
        "Sales",
        "Box office",
        "Guests",
    ]
    sizes = bar.locator("a, button").evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
    assert (len(sizes), min(sizes) >= 44) == (4, True)
    bar.get_by_role("link", name="Guests").click()
    expect(top).to_have_attribute("data-page", "Guests")

    bar.get_by_role("button", name="More").click()
    expect(menu.get_by_role("link", name="Promo codes")).to_be_in_viewport()
    menu.get_by_role("link", name="Promo codes").click()
    expect(phone.get_by_role("heading", name="Promo codes", level=1)).to_be_visible()
    expect(menu).not_to_be_in_viewport()


def test_header_takes_one_line_on_a_computer(page: Page, enter: Enter, gala, admin) -> None:
    make.purchase(gala, make.package(gala, seats_per_package=10), quantity=100)
    make.purchase(gala, make.package(gala), payment_status="pending", quantity=14)
    make.promo_code(gala)
    enter(page, admin, f"/packages?event={gala.id}")
    for name in ("packages", "promo_codes"):
        go_to(page, name)
        line = page.locator(".st-key-page_header p").filter(has_text="Harbor Lights Gala").first
        assert line.evaluate("line => line.getClientRects().length && line.clientHeight") < 30, name
        box = page.locator(".st-key-page_header").bounding_box()
        assert box["height"] < 90, name


def test_phone_has_the_title_once_and_content_near_the_top(phone: Page, enter: Enter, gala, admin) -> None:
    enter(phone, admin, f"/packages?event={gala.id}")
    title = phone.get_by_role("heading", name="Packages", level=1)
    assert title.evaluate("title => title.parentElement.closest('[data-testid=stElementContainer]').offsetHeight") <= 1
    assert phone.locator(".st-key-page_header").bounding_box()["height"] < 110
    expect(phone.get_by_role("button", name="New package")).to_be_in_viewport(ratio=1)


def test_long_address_of_a_person_is_whole_on_a_phone(phone: Page, enter: Enter, gala, admin) -> None:
    person = make.staff(name="Aaliyah", email=f"maximiliane.{'x' * 60}@fundraising.harborlights.example.org")
    enter(phone, admin, f"/staff?event={gala.id}")
    address = phone.get_by_role("main").get_by_text(person.email)
    assert address.evaluate(
        "line => [line.scrollWidth <= line.clientWidth, line.scrollHeight <= line.clientHeight]"
    ) == [
        True,
        True,
    ]


def test_slow_work_shows_a_bar_and_a_busy_button(page: Page, enter: Enter, gala, admin) -> None:
    """The answers of the server are held back, as on a slow line."""
    held: list[tuple[WebSocketRoute, str | bytes]] = []
    is_held = False

    def relay(browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        server.on_message(lambda message: held.append((browser, message)) if is_held else browser.send(message))

    page.route_web_socket(STREAM, relay)
    enter(page, admin, f"/packages?event={gala.id}")
    button = page.get_by_role("button", name="New package")
    read_bar = """() => {
        const bar = getComputedStyle(document.querySelector('[data-testid=stApp]'), '::before');
        return bar.content === 'none' ? '0' : bar.opacity;
    }"""
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    is_held = True
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    page.wait_for_function(f"() => ({read_bar})() === '1'")
    is_held = False
    for browser, message in held:
        browser.send(message)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("button[aria-busy]")).to_have_count(0)
    assert page.evaluate(read_bar) == "0"


def test_lost_connection_is_said_in_our_words_and_tried_again(page: Page, enter: Enter, gala, admin) -> None:
    sockets: list[WebSocketRoute] = []

    def relay(browser: WebSocketRoute) -> None:
        browser.connect_to_server()
        sockets.append(browser)

    page.route_web_socket(STREAM, relay)
    enter(page, admin, f"/packages?event={gala.id}")
    page.get_by_role("button", name="New package").click()
    name = page.get_by_role("dialog").get_by_label("Name", exact=True)
    name.fill("Typed before")

    def refuse(route: Route) -> None:
        route.abort("internetdisconnected")

    page.route("**/_stcore/**", refuse)
    sockets[-1].close()
    notice = page.get_by_text("No connection. Trying again.")
    expect(notice).to_be_visible()
    expect(name).to_have_value("Typed before")
    assert "Streamlit" not in page.inner_text("body")

    page.unroute("**/_stcore/**", refuse)
    expect(notice).to_be_hidden(timeout=30_000)
    wait_until(lambda: len(sockets) > 1)


def test_dark_dialog_is_lighter_than_the_page_behind_it(chromium, enter: Enter, gala, admin) -> None:
    with window(chromium, viewport={"width": 1280, "height": 800}, color_scheme="dark") as page:
        enter(page, admin, f"/packages?event={gala.id}")
        page.get_by_role("button", name="New package").click()
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", "rgb(20, 24, 29)")
        expect(page.get_by_role("dialog")).to_have_css("background-color", "rgb(34, 41, 50)")
        expect(page.get_by_test_id("stDialog")).to_have_css("background-color", "rgba(0, 0, 0, 0.6)")

"""A server on a free port and Chromium. Without Chromium these tests are skipped, or fail if CI=true."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from tests.support import make
from tests.support.chromium import find_chromium, shared_chromium, window
from tests.support.database import DatabaseServer, use_database
from tests.support.server import RunningServer, run_server
from ticketing.actors import Actor
from ticketing.models import Event
from ui import menu

expect.set_options(timeout=15_000)  # a busy machine needs time
IS_CI = os.environ.get("CI") == "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Retry each test once in CI, whose machine is sometimes too busy for a browser. The summary lists retries."""
    for item in items:
        if IS_CI and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


def skip_or_fail(requirement: str) -> None:
    if IS_CI:
        pytest.fail(f"{requirement} is missing, and CI may skip nothing")
    pytest.skip(f"needs {requirement}")


@pytest.fixture(scope="session")
def shared_server(postgres: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(postgres.create(), tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture
def live_server(shared_server: RunningServer, database: str) -> Iterator[str]:
    """The URL of the running server, whose database `make` uses during the test."""
    use_database(shared_server.database)
    yield shared_server.url
    use_database(database)


@pytest.fixture
def fresh_server(empty_database: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a server with an empty database."""
    with run_server(empty_database, tmp_path) as server:
        yield server.url


@pytest.fixture
def chromium() -> Browser:
    """Chromium, which tests/conftest.py closes before the next test without it."""
    program = find_chromium()
    if program is None:
        skip_or_fail("Chromium (apt-get install chromium)")
    return shared_chromium.get(program)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A window of 1280 x 800; `another_page` is for a second user."""
    with window(chromium, viewport={"width": 1280, "height": 800}) as page:
        yield page


@pytest.fixture
def another_page(chromium: Browser) -> Iterator[Page]:
    with window(chromium, viewport={"width": 1280, "height": 800}) as page:
        yield page


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    with window(chromium, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
        yield page


@pytest.fixture
def enter(live_server: str) -> Callable[[Page, Actor, str], Page]:
    """Sign in without the form and open a page: `enter(page, ana, "/packages?event=...")`.

    The user must have been created with `password=make.PASSWORD`.
    """

    def do(page: Page, person: Actor, path: str) -> Page:
        typed = {"email": person.email, "password": make.PASSWORD}
        assert page.context.request.post(f"{live_server}/session/sign-in", form=typed).ok
        page.goto(live_server + path)
        return wait_until_drawn(page)

    return do


@pytest.fixture
def event(live_server: str) -> Event:
    return make.event(name="Harbor Lights Gala")


@pytest.fixture
def open_till(enter: Callable[[Page, Actor, str], Page], event: Event) -> Callable[[Page], Page]:
    """Open the box office of `event`, always as the same coordinator."""
    clerk = make.staff(event=event, password=make.PASSWORD)

    def do(page: Page) -> Page:
        enter(page, clerk, f"/box_office?event={event.id}")
        expect(page.locator(".till-tiles .tiles button").first).to_be_visible()
        return page

    return do


def go_to(page: Page, name: str) -> Page:
    """Open another page from the menu of a wide window. Loading it by its address takes three times as long."""
    (entry,) = (each for each in menu.ENTRIES if each.name == name)
    label = re.compile(" · ") if name == "account" else entry.title
    page.get_by_test_id("stSidebar").get_by_role("link", name=label).click()
    page.wait_for_url(re.compile(r"/(\?|$)" if name == "sales" else rf"/{name}(\?|$)"))
    expect(page).to_have_title(re.compile(f"^{entry.title} · "))  # which its script sets
    return wait_until_drawn(page)


def close_dialogs(page: Page) -> None:
    """Close all open dialogs, and discard what was typed in them."""
    while page.get_by_role("dialog").count():
        if (discard := page.get_by_role("button", name="Discard")).count():
            discard.click()
        else:
            page.keyboard.press("Escape")
        wait_until_drawn(page)


def wait_until_drawn(page: Page) -> Page:
    """Wait until the page's script has finished, and return the page."""
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible(timeout=15_000)
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible(timeout=15_000)
    return page


def wait_until_still(page: Page) -> Page:
    """Wait until nothing on the page has moved for half a second, since Streamlit loads parts late."""
    page.evaluate("window.layout = undefined")
    page.wait_for_function(
        """() => {
            const boxes = [...document.querySelectorAll('[data-testid="stMain"] *')].map(each => {
                const box = each.getBoundingClientRect();
                return [box.x, box.y, box.width, box.height].map(Math.round);
            }).join();
            if (window.layout?.boxes !== boxes) window.layout = { boxes, since: performance.now() };
            return performance.now() - window.layout.since > 500;
        }"""
    )
    return page


def choose_from(field: Locator, option: str) -> None:
    """Choose an option of a list by typing its name. Retry if the list closed because the page moved."""
    for attempt in range(3):
        field.fill(option)
        try:
            field.page.get_by_role("option", name=option).click(timeout=15_000 if attempt == 2 else 3_000)
        except TimeoutError:
            if attempt == 2:
                raise
            field.press("Escape")
        else:
            return


def choose_file(parent: Page | Locator, file: Any) -> None:
    """Choose a file in the only uploader, once the uploader of an earlier file is gone."""
    uploader = parent.locator("input[type=file]")
    expect(uploader).to_have_count(1)
    uploader.set_input_files(file)

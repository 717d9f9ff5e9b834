"""Run the app on a temporary database, with a browser, for the pictures of the documents."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright

from tests.browser.conftest import wait_until_drawn, wait_until_still
from tests.support import make
from tests.support.chromium import FLAGS, find_chromium
from tests.support.server import run_server
from ticketing import db
from ticketing.actors import Actor
from ticketing.db import embedded, migrations
from ticketing.models import Event

HERE = Path(__file__).resolve().parent
SCALE = 2  # for high-density screens
QUALITY = 80
MARGIN = 20  # pixels of the dimmed page around a dialog
WIDE, PHONE = (1280, 800), (390, 844)


@dataclass
class Studio:
    """A running Ticket Desk and a browser. `ana` is an admin, `ben` a coordinator of the `event`."""

    url: str
    browser: Browser
    event: Event | None = None
    ana: Actor | None = None
    ben: Actor | None = None

    @contextmanager
    def window(
        self, person: Actor | None, path: str, size: tuple[int, int] = WIDE, *, is_plain: bool = False
    ) -> Iterator[Page]:
        """Open a person's window at `path` and wait until it is still. `{event}` stands for the gala's id."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            device_scale_factor=SCALE,
            color_scheme="light",
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="America/New_York",
            is_mobile=size == PHONE,
            has_touch=size == PHONE,
        )
        with context:
            if person is not None:
                typed = {"email": person.email, "password": make.PASSWORD}
                assert context.request.post(f"{self.url}/session/sign-in", form=typed).ok
            page = context.new_page()
            page.goto(self.url + path.format(event=self.event.id if self.event else ""))
            if not is_plain:
                at_rest(wait_until_drawn(page))
            yield page


Taker = Callable[[Studio, str], None]
TAKERS: dict[str, Taker] = {}


def picture(name: str) -> Callable[[Taker], Taker]:
    """Register the function that takes the picture of this name."""

    def register(take: Taker) -> Taker:
        TAKERS[name] = take
        return take

    return register


@contextmanager
def open_studio() -> Iterator[Studio]:
    """Start the app without accounts and events; the caller creates them in the order of the pictures."""
    if (program := find_chromium()) is None:
        sys.exit("Pictures need Chromium (apt-get install chromium).")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)  # root's PostgreSQL runs as another user, who must be able to enter
        os.environ["TICKETDESK_DATA"] = scratch
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("TICKETDESK_BASE_URL", None)
        url = embedded.start()
        try:
            migrations.migrate()
            with run_server(url, folder) as server, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
                yield Studio(server.url, browser)
                browser.close()
        finally:
            db.stop()


def at_rest(page: Page) -> Page:
    """Wait until a page is complete: nothing moves, fonts and pictures are loaded, and no toast is shown."""
    page.evaluate("document.activeElement?.blur()")
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()
    expect(page.get_by_test_id("stToast")).to_have_count(0, timeout=20_000)
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready")
    page.wait_for_function("() => [...document.images].every(each => each.complete)")
    return wait_until_still(page)


def save(name: str, page: Page, *, part: Locator | None = None, height: int | None = None, margin: int = 0) -> None:
    """Store the window's content as NAME.webp: all of it, its first `height` pixels, or one `part` of it."""
    size = page.viewport_size
    assert size is not None
    clip: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
    if part is not None and (box := part.bounding_box()):
        left, top = max(box["x"] - margin, 0), max(box["y"] - margin, 0)
        right = min(box["x"] + box["width"] + margin, size["width"])
        bottom = min(box["y"] + min(box["height"], height or box["height"]) + margin, size["height"])
        clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    shot = page.screenshot(clip=clip, animations="disabled", caret="hide")
    with Image.open(io.BytesIO(shot)) as taken:
        taken.convert("RGB").save(HERE / f"{name}.webp", quality=QUALITY, method=6)


def main_of(page: Page) -> Locator:
    """Return the page without the menu."""
    return page.get_by_test_id("stMain")


def dialog_of(page: Page) -> Locator:
    return page.get_by_role("dialog")

"""One Chromium for consecutive tests, whose windows keep Streamlit's JavaScript loaded and compiled.

The first page of a window costs 6 seconds of processor time, a later one of the same window 2.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

POLICY = "Content Security Policy"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--process-per-site",  # pages of one window share a process
]


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class SharedChromium:
    """Chromium, from the first test that needs it until `close`."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._browser: Browser | None = None
        self._unused_windows: defaultdict[str, list[BrowserContext]] = defaultdict(list)

    def get(self, program: str) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self.close()
            from playwright.sync_api import sync_playwright  # not loaded by a run without a browser

            playwright = self._resources.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            self._resources.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        self._browser = None
        self._unused_windows.clear()
        self._resources.close()

    @contextmanager
    def use_window(self, browser: Browser, options: dict[str, Any]) -> Iterator[BrowserContext]:
        """Yield a window without cookies and stored values; an earlier test with the same options may have used it."""
        unused = self._unused_windows[repr(sorted(options.items()))]
        context = unused.pop() if unused else browser.new_context(**options)
        yield context
        if _forget(context):
            unused.append(context)
        else:
            context.close()


def _forget(context: BrowserContext) -> bool:
    """Close all pages but an empty one that keeps the process, and return False if there is none."""
    *others, last = context.pages
    for page in others:
        page.close()
    context.clear_cookies()
    if not last.url.startswith("http://localhost:"):
        return False
    # Left by its own script, a page stays in its process.
    last.evaluate("() => { localStorage.clear(); location.replace('about:blank') }")
    last.wait_for_url("about:blank")
    return True


shared_chromium = SharedChromium()


@contextmanager
def window(browser: Browser, **options: Any) -> Iterator[Page]:
    """Open a window with its own cookies. A violation of the Content-Security-Policy fails the test."""
    blocked: list[str] = []

    def record_violation(message: ConsoleMessage) -> None:
        if POLICY in message.text:
            blocked.append(message.text)

    with shared_chromium.use_window(browser, options) as context:
        context.on("console", record_violation)
        yield context.new_page()
        context.remove_listener("console", record_violation)
    assert blocked == []

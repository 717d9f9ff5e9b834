"""Measure the first visit of a browser: bytes on the wire, requests, layout shift, and when what is seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support import make
from ticketing.actors import Actor

# A phone in the country: 1.6 Mbit/s down, 150 ms.
SLOW_LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000}
OBSERVE = """
    window.seen = { paint: 0, numbers: 0, charts: 0, shift: 0 };
    new PerformanceObserver(list => {
        for (const each of list.getEntries()) if (each.name === "first-contentful-paint") seen.paint = each.startTime;
    }).observe({ type: "paint", buffered: true });
    new PerformanceObserver(list => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) seen.shift += each.value;
    }).observe({ type: "layout-shift", buffered: true });
    const selectors = {
        numbers: '.tile',
        charts: '[data-testid="stVegaLiteChart"] :is(svg, canvas)',
    };
    const watch = () => {
        for (const [name, selector] of Object.entries(selectors)) {
            const shown = document.querySelector(selector)?.checkVisibility({ visibilityProperty: true });
            if (shown && !seen[name]) seen[name] = performance.now();
        }
        requestAnimationFrame(watch);
    };
    watch();
"""


@dataclass
class FirstLoad:
    """What a first visit took; times are milliseconds since the start of the navigation."""

    bytes_received: int = 0
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    shift: float = 0
    milliseconds: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        times = ", ".join(f"{name} {milliseconds / 1000:.1f} s" for name, milliseconds in self.milliseconds.items())
        size = f"{self.bytes_received / 1000:,.0f} kB in {len(self.requests)} requests"
        return f"{size}, layout shift {self.shift:.3f}; {times}"


def measure(browser: Browser, url: str, path: str, actor: Actor, *, slow: bool = False, **window: Any) -> FirstLoad:
    """Open a page of sales with an empty cache, and wait until numbers and charts are seen and all is still."""
    load = FirstLoad()
    with browser.new_context(**window) as context:
        form = {"email": actor.email, "password": make.PASSWORD}
        assert context.request.post(f"{url}/session/sign-in", form=form).ok
        page = context.new_page()
        page.add_init_script(OBSERVE)
        _count(page, load, slow=slow)
        page.goto(url + path, wait_until="commit")
        page.wait_for_function("() => window.seen?.numbers && window.seen?.charts", timeout=60_000)
        page.wait_for_load_state("networkidle")
        seen = page.evaluate("window.seen")
        load.shift = seen.pop("shift")
        load.milliseconds = {name: round(value) for name, value in seen.items()}
    return load


def _count(page: Page, load: FirstLoad, *, slow: bool) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    if slow:
        devtools.send("Network.emulateNetworkConditions", SLOW_LINE)

    def add(event: dict[str, Any]) -> None:
        load.bytes_received += int(event["encodedDataLength"])

    devtools.on("Network.loadingFinished", add)
    page.on("request", lambda request: load.requests.append(request.url))
    page.on(
        "response",
        lambda answer: load.errors.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
    page.on("console", lambda message: load.errors.append(message.text) if message.type == "error" else None)

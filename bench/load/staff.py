"""A simulated staff member: one action at a time, with a pause after each."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

from streamlit.proto.ClientState_pb2 import ClientState

from bench.load.recorder import Recorder
from bench.load.tab import ActionFailed, Tab

OPEN_ACTION = "open Ticket Desk"
TILES = "ticketdesk_till_tiles"
_TILE = re.compile(r'data-id="(.*?)".*?class="price">(.*?)<')  # package id and price
_ALL_PURCHASES = re.compile(r"All purchases \(([\d,]+)\)")
_COMPARISON = "Changes compare with"


@dataclass
class Team:
    """What the staff of one event share. `packages_in_edit` prevents edit conflicts.

    `initial_sales` purchases existed before the run, among them those of donor-1 to donor-N with N = `donors`.
    """

    event_id: str
    packages: list[str]
    donors: int
    initial_sales: int
    recorder: Recorder
    stop_event: asyncio.Event
    timeout_seconds: float
    packages_in_edit: set[str] = field(default_factory=set)


@dataclass
class Person:
    """A coordinator, and the URL of the server."""

    team: Team
    url: str
    number: int
    _tab: Tab | None = None
    _last_sales_count: int | None = None

    async def open(self, cookie: str) -> None:
        """Open the sales page, or record an error."""
        tab = Tab(
            self.url,
            cookie,
            on_error=self.team.recorder.record_error,
            on_run_finished=self.record_shown_sales,
            timeout_seconds=self.team.timeout_seconds,
        )
        with self.team.recorder.catch_errors(OPEN_ACTION):
            self.team.recorder.record_action(OPEN_ACTION, await tab.open({"event": self.team.event_id}, shows_sales))
            self._tab = tab
        if self._tab is None:
            await tab.close()

    async def work(self, pause: float) -> None:
        """Act once per `pause` seconds on average until the stop event, if the page is open."""
        if self._tab is not None:
            try:
                await self.act_until_stopped(self._tab, pause)
            finally:
                await self._tab.close()

    async def act_until_stopped(self, tab: Tab, pause: float) -> None:
        due = time.perf_counter()
        for task in self.choose_tasks():
            with self.team.recorder.catch_errors("at the page"):
                async for _ in task(tab):
                    due = max(due + pause * random.uniform(0.5, 1.5), time.perf_counter())
                    if await wait_for_stop(due, self.team.stop_event):
                        return

    def choose_tasks(self) -> Iterator[Callable[[Tab], AsyncIterator[None]]]:
        """Yield tasks at random, by weight. The first one depends on the number of the person."""
        weights = {
            self.look_at_sales: 3,
            self.find_purchaser: 2,
            self.sell: 1,
            self.look_at_guests: 1,
            self.change_package: 1,
        }
        tasks = list(weights)
        yield tasks[self.number % len(tasks)]
        while True:
            yield from random.choices(tasks, list(weights.values()))

    async def look_at_sales(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Sales", shows_sales)
        yield
        for label, until in (("7 days", shows_week), ("All", shows_sales)):
            if label == "All":
                yield
            state = tab.choose(tab.get("button_group", "Range"), label)
            await self.perform("switch the sales page", tab, state, until)

    async def find_purchaser(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Purchasers", lambda tab: tab.find("text_input", "Search"))
        yield
        donor = f"donor-{random.randint(1, self.team.donors)}"
        state = tab.write(tab.get("text_input", "Search"), f"{donor}@example.org")
        await self.perform(
            "search a purchaser",
            tab,
            state,
            lambda tab: donor in tab.query and tab.find("button", f"Donor {donor.partition('-')[2]} "),
        )

    async def look_at_guests(self, tab: Tab) -> AsyncIterator[None]:
        """Switch between the seats without a guest and the guest list; the page opens with the view it had."""
        yield
        await self.go(tab, "Guests", lambda tab: tab.find("button_group", "View"))
        yield
        is_list, view = shows_guest_list(tab), tab.get("button_group", "View")
        await self.perform(
            "switch the guests' view",
            tab,
            tab.choose(view, "Seats without a guest" if is_list else "Guest list"),
            lambda tab: shows_guest_list(tab) != is_list and tab.find("button", "Name guest"),
        )

    async def change_package(self, tab: Tab) -> AsyncIterator[None]:
        available = sorted(set(self.team.packages) - self.team.packages_in_edit)
        if not available:
            return
        name = random.choice(available)
        self.team.packages_in_edit.add(name)
        try:
            yield
            await self.go(tab, "Packages", lambda tab: tab.find("menu_button", f"Actions for {name}"))
            yield
            edit = tab.pick(tab.get("menu_button", f"Actions for {name}"), "Edit")
            await self.perform("open a package's form", tab, edit, lambda tab: tab.find("button", "Save package"))
            yield
            tab.write(tab.get("text_area", "Description"), f"One seat at the gala, as of {uuid4()}.")
            save = tab.click(tab.get("button", "Save package"))
            await self.perform(
                "save a package",
                tab,
                save,
                lambda tab: tab.find("button", "Undo") and not tab.find("button", "Save package"),
            )
        finally:
            self.team.packages_in_edit.discard(name)

    async def sell(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Box office", lambda tab: tab.find("bidi_component", TILES))
        yield
        tiles = tab.get("bidi_component", TILES)
        data = json.loads(tiles.element.json)
        package, price = random.choice(_TILE.findall(data["html"]))
        order = {"order": data["order"], "number": data["number"] + 1, "lines": [[package, 1]]}
        state = tab.send_value(tiles, {"order": order})
        await self.perform("choose what is sold", tab, state, lambda tab: tab.find("button", f"Record sale, {price}"))
        yield
        donor_email = f"{uuid4().hex}@example.org"
        tab.write(tab.get("text_input", "Donor's name"), f"Donor {donor_email[:12]}")
        tab.write(tab.get("text_input", "E-mail address"), donor_email)
        record = tab.click(tab.get("button", "Record sale, "))
        await self.perform("record a sale", tab, record, lambda tab: tab.find("button", "New sale"))
        self.team.recorder.record_sale(donor_email, price.lstrip("$").replace(",", ""))

    async def go(self, tab: Tab, title: str, until: Callable[[Tab], object]) -> None:
        link = tab.get("page_link", title)
        page = link.element.page_script_hash
        await self.perform(f"go to {title}", tab, tab.follow(link), lambda tab: tab.page == page and until(tab))

    async def perform(self, action: str, tab: Tab, client_state: ClientState, until: Callable[[Tab], object]) -> None:
        try:
            self.team.recorder.record_action(action, await tab.act(client_state, lambda tab: bool(until(tab))))
        except ActionFailed as error:
            raise ActionFailed(f"{action}: {error}") from error

    def record_shown_sales(self, tab: Tab) -> None:
        """Record the delay of sales made elsewhere, when the number on an open sales page grows."""
        count = find_sales_count(tab)
        count = None if count is None else count - self.team.initial_sales
        if count is not None and self._last_sales_count is not None and count > self._last_sales_count:
            self.team.recorder.record_sales_shown(self._last_sales_count, count)
        self._last_sales_count = count


async def wait_for_stop(deadline: float, stop_event: asyncio.Event) -> bool:
    """Wait until the deadline or the stop event; return whether it was the event."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop_event.wait(), deadline - time.perf_counter())
    return stop_event.is_set()


def find_sales_count(tab: Tab) -> int | None:
    """Return the number of purchases on a sales page of all days, or None on other pages."""
    html = tab.find_html("All purchases (")
    shown = html and not shows_week(tab) and _ALL_PURCHASES.search(html)
    return int(shown[1].replace(",", "")) if shown else None


def shows_sales(tab: Tab) -> bool:
    return find_sales_count(tab) is not None


def shows_week(tab: Tab) -> bool:
    """Whether the sales page shows 7 days, which it compares with the days before."""
    return tab.find_html(_COMPARISON) is not None


def shows_guest_list(tab: Tab) -> bool:
    return tab.find("text_input", "Search by guest") is not None

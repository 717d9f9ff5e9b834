"""What a person does at their page: one action at a time, and a pause after each."""

from __future__ import annotations

import asyncio
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
_ALL_PURCHASES = "All purchases ("


@dataclass
class Team:
    """What those who work at one event share. Colleagues who talk to each other do not edit the same package.

    Before them `sold_before` purchases were recorded, those of the donors donor-1, donor-2 ... among them.
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
    """A coordinator at the server of this address."""

    team: Team
    url: str
    number: int
    _tab: Tab | None = None
    _last_sales_count: int | None = None

    async def open(self, cookie: str) -> None:
        """Opens the sales page, where one begins; what comes in its place is an error."""
        tab = Tab(
            self.url,
            cookie,
            on_error=self.team.recorder.record_error,
            on_run_finished=self.record_shown_sales,
            timeout_seconds=self.team.timeout_seconds,
        )
        with self.team.recorder.catch_errors(OPEN_ACTION):
            self.team.recorder.acted(OPEN_ACTION, await tab.open({"event": self.team.event_id}, shows_sales))
            self._tab = tab
        if self._tab is None:
            await tab.close()

    async def work(self, pause: float) -> None:
        """Acts once in `pause` seconds on average until the desk closes; whose page did not open has gone."""
        if self._tab is not None:
            try:
                await self.act_until_stopped(self._tab, pause)
            finally:
                await self._tab.close()

    async def act_until_stopped(self, tab: Tab, pause: float) -> None:
        due = time.perf_counter()
        for errand in self.choose_tasks():
            with self.team.recorder.catch_errors("at the page"):
                async for _ in errand(tab):
                    due = max(due + pause * random.uniform(0.5, 1.5), time.perf_counter())
                    if await wait_for_stop(due, self.team.stop_event):
                        return

    def choose_tasks(self) -> Iterator[Callable[[Tab], AsyncIterator[None]]]:
        """What people come for, and the more often the likelier it is. Colleagues do not all begin with the same."""
        weights = {
            self.look_at_sales: 3, self.find_purchaser: 2, self.sell: 1, self.look_at_guests: 1, self.change_package: 1
        }  # fmt: skip
        known = list(weights)
        yield known[self.number % len(known)]
        while True:
            yield from random.choices(known, list(weights.values()))

    async def look_at_sales(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Sales", shows_sales)
        yield
        for on in (True, False):
            if not on:
                yield
            switched = tab.switch(tab.get("checkbox", "Sponsorships only"), on=on)
            await self.perform("switch the sales page", tab, switched, shows_sponsorships if on else shows_sales)

    async def find_purchaser(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Purchasers", lambda tab: tab.find("text_input", "Search"))
        yield
        wanted = f"donor-{random.randint(1, self.team.donors)}"
        asked = tab.write(tab.get("text_input", "Search"), f"{wanted}@example.org")
        await self.perform(
            "search a purchaser", tab, asked,
            lambda tab: wanted in tab.query and tab.find("button", f"Donor {wanted.partition('-')[2]} "),
        )  # fmt: skip

    async def look_at_guests(self, tab: Tab) -> AsyncIterator[None]:
        """The page opens as it was left: with the seats without a guest, or with the list of all."""
        yield
        await self.go(tab, "Guests", lambda tab: tab.find("button_group", "View"))
        yield
        is_list, view = shows_guest_list(tab), tab.get("button_group", "View")
        await self.perform(
            "switch the guests' view", tab, tab.choose(view, "Seats without a guest" if is_list else "Guest list"),
            lambda tab: shows_guest_list(tab) != is_list and tab.find("button", "Name guest"),
        )  # fmt: skip

    async def change_package(self, tab: Tab) -> AsyncIterator[None]:
        free = sorted(set(self.team.packages) - self.team.packages_in_edit)
        if not free:
            return
        name = random.choice(free)
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
                "save a package", tab, save,
                lambda tab: tab.find("toast", f"{name} is saved") and not tab.find("button", "Save package"),
            )  # fmt: skip
        finally:
            self.team.packages_in_edit.discard(name)

    async def sell(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Box office", lambda tab: tab.find("button", "Record sale, "))
        yield
        field = tab.get("selectbox", "Package")
        package = random.choice(field.element.options)
        price = package.split(" · ")[1]
        chosen = tab.choose(field, package)
        await self.perform("choose what is sold", tab, chosen, lambda tab: tab.find("button", f"Record sale, {price}"))
        yield
        donor_email = f"{uuid4().hex}@example.org"
        tab.write(tab.get("text_input", "Donor's name"), f"Donor {donor_email[:12]}")
        tab.write(tab.get("text_input", "Donor's e-mail"), donor_email)
        record = tab.click(tab.get("button", "Record sale, "))
        await self.perform(
            "record a sale", tab, record,
            lambda tab: any(donor_email[:12] in alert.words for alert in tab.find_all("alert")),
        )  # fmt: skip
        self.team.recorder.record_sale(donor_email, price.lstrip("$").replace(",", ""))

    async def go(self, tab: Tab, title: str, until: Callable[[Tab], object]) -> None:
        link = tab.get("page_link", title)
        page = link.element.page_script_hash
        await self.perform(f"go to {title}", tab, tab.follow(link), lambda tab: tab.page == page and until(tab))

    async def perform(self, what: str, tab: Tab, client_state: ClientState, until: Callable[[Tab], object]) -> None:
        try:
            self.team.recorder.acted(what, await tab.act(client_state, lambda tab: bool(until(tab))))
        except ActionFailed as broken:
            raise ActionFailed(f"{what}: {broken}") from broken

    def record_shown_sales(self, tab: Tab) -> None:
        """How late a sale made elsewhere is on an open sales page."""
        link = tab.find("page_link", _ALL_PURCHASES)
        now = None if link is None else int(re.sub(r"\D", "", link.words)) - self.team.initial_sales
        if now is not None and self._last_sales_count is not None and now > self._last_sales_count:
            self.team.recorder.record_sales_shown(self._last_sales_count, now)
        self._last_sales_count = now


async def wait_for_stop(deadline: float, stop_event: asyncio.Event) -> bool:
    """Waits until then, or until it closes; answers whether it did."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop_event.wait(), deadline - time.perf_counter())
    return stop_event.is_set()


def shows_sales(tab: Tab) -> bool:
    return tab.find("page_link", _ALL_PURCHASES) is not None


def shows_sponsorships(tab: Tab) -> bool:
    """Of which none is sold."""
    return tab.find("checkbox", "Sponsorships only") is not None and not shows_sales(tab)


def shows_guest_list(tab: Tab) -> bool:
    return tab.find("text_input", "Search a guest") is not None

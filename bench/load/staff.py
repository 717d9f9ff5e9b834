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

from bench.load.ledger import Ledger
from bench.load.tab import Broken, Tab

OPEN = "open Ticket Desk"
_ALL = "All purchases ("


@dataclass
class Desk:
    """What those who work at one event share. Colleagues who talk to each other do not edit the same package.

    Before them `sold_before` purchases were recorded, those of the donors donor-1, donor-2 ... among them.
    """

    event_id: str
    packages: list[str]
    donors: int
    sold_before: int
    ledger: Ledger
    closing: asyncio.Event
    patience: float
    edited: set[str] = field(default_factory=set)


@dataclass
class Person:
    """A coordinator at the server of this address."""

    desk: Desk
    url: str
    number: int
    _tab: Tab | None = None
    _seen: int | None = None

    async def open(self, cookie: str) -> None:
        """Opens the sales page, where one begins; what comes in its place is an error."""
        tab = Tab(
            self.url, cookie, told=self.desk.ledger.went_wrong, settled=self.note_sales, patience=self.desk.patience
        )
        with self.desk.ledger.trying(OPEN):
            self.desk.ledger.acted(OPEN, await tab.open({"event": self.desk.event_id}, shows_sales))
            self._tab = tab
        if self._tab is None:
            await tab.close()

    async def work(self, pause: float) -> None:
        """Acts once in `pause` seconds on average until the desk closes; whose page did not open has gone."""
        if self._tab is not None:
            try:
                await self.stay(self._tab, pause)
            finally:
                await self._tab.close()

    async def stay(self, tab: Tab, pause: float) -> None:
        due = time.perf_counter()
        for errand in self.errands():
            with self.desk.ledger.trying("at the page"):
                async for _ in errand(tab):
                    due = max(due + pause * random.uniform(0.5, 1.5), time.perf_counter())
                    if await closed_by(due, self.desk.closing):
                        return

    def errands(self) -> Iterator[Callable[[Tab], AsyncIterator[None]]]:
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
            await self.did("switch the sales page", tab, switched, shows_sponsorships if on else shows_sales)

    async def find_purchaser(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Purchasers", lambda tab: tab.find("text_input", "Search"))
        yield
        wanted = f"donor-{random.randint(1, self.desk.donors)}"
        asked = tab.write(tab.get("text_input", "Search"), f"{wanted}@example.org")
        await self.did(
            "search a purchaser", tab, asked,
            lambda tab: wanted in tab.query and tab.find("button", f"Donor {wanted.partition('-')[2]} "),
        )  # fmt: skip

    async def look_at_guests(self, tab: Tab) -> AsyncIterator[None]:
        """The page opens as it was left: with the seats without a guest, or with the list of all."""
        yield
        await self.go(tab, "Guests", lambda tab: tab.find("button_group", "View"))
        yield
        is_list, view = shows_guest_list(tab), tab.get("button_group", "View")
        await self.did(
            "switch the guests' view", tab, tab.choose(view, "Seats without a guest" if is_list else "Guest list"),
            lambda tab: shows_guest_list(tab) != is_list and tab.find("button", "Name guest"),
        )  # fmt: skip

    async def change_package(self, tab: Tab) -> AsyncIterator[None]:
        free = sorted(set(self.desk.packages) - self.desk.edited)
        if not free:
            return
        name = random.choice(free)
        self.desk.edited.add(name)
        try:
            yield
            await self.go(tab, "Packages", lambda tab: tab.find("menu_button", f"Actions for {name}"))
            yield
            edit = tab.pick(tab.get("menu_button", f"Actions for {name}"), "Edit")
            await self.did("open a package's form", tab, edit, lambda tab: tab.find("button", "Save package"))
            yield
            tab.write(tab.get("text_area", "Description"), f"One seat at the gala, as of {uuid4()}.")
            save = tab.click(tab.get("button", "Save package"))
            await self.did(
                "save a package", tab, save,
                lambda tab: tab.find("toast", f"{name} is saved") and not tab.find("button", "Save package"),
            )  # fmt: skip
        finally:
            self.desk.edited.discard(name)

    async def sell(self, tab: Tab) -> AsyncIterator[None]:
        yield
        await self.go(tab, "Box office", lambda tab: tab.find("button", "Record sale, "))
        yield
        field = tab.get("selectbox", "Package")
        package = random.choice(field.element.options)
        price = package.split(" · ")[1]
        chosen = tab.choose(field, package)
        await self.did("choose what is sold", tab, chosen, lambda tab: tab.find("button", f"Record sale, {price}"))
        yield
        donor_email = f"{uuid4().hex}@example.org"
        tab.write(tab.get("text_input", "Donor's name"), f"Donor {donor_email[:12]}")
        tab.write(tab.get("text_input", "Donor's e-mail"), donor_email)
        record = tab.click(tab.get("button", "Record sale, "))
        await self.did(
            "record a sale", tab, record,
            lambda tab: any(donor_email[:12] in alert.words for alert in tab.every("alert")),
        )  # fmt: skip
        self.desk.ledger.sale(donor_email, price.lstrip("$").replace(",", ""))

    async def go(self, tab: Tab, title: str, until: Callable[[Tab], object]) -> None:
        link = tab.get("page_link", title)
        page = link.element.page_script_hash
        await self.did(f"go to {title}", tab, tab.follow(link), lambda tab: tab.page == page and until(tab))

    async def did(self, what: str, tab: Tab, sent: ClientState, until: Callable[[Tab], object]) -> None:
        try:
            self.desk.ledger.acted(what, await tab.act(sent, lambda tab: bool(until(tab))))
        except Broken as broken:
            raise Broken(f"{what}: {broken}") from broken

    def note_sales(self, tab: Tab) -> None:
        """How late a sale made elsewhere is on an open sales page."""
        link = tab.find("page_link", _ALL)
        now = None if link is None else int(re.sub(r"\D", "", link.words)) - self.desk.sold_before
        if now is not None and self._seen is not None and now > self._seen:
            self.desk.ledger.saw(self._seen, now)
        self._seen = now


async def closed_by(moment: float, closing: asyncio.Event) -> bool:
    """Waits until then, or until it closes; answers whether it did."""
    with suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), moment - time.perf_counter())
    return closing.is_set()


def shows_sales(tab: Tab) -> bool:
    return tab.find("page_link", _ALL) is not None


def shows_sponsorships(tab: Tab) -> bool:
    """Of which none is sold."""
    return tab.find("checkbox", "Sponsorships only") is not None and not shows_sales(tab)


def shows_guest_list(tab: Tab) -> bool:
    return tab.find("text_input", "Search a guest") is not None

"""A tick loses no messages of a page, whenever it arrives, an idle tick runs no script, and values come in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.load.staff import TILES, shows_sales, shows_week
from bench.load.tab import Tab
from tests.support import make
from tests.support.server import RunningServer, run_server
from ui.runtime import sales_watch


class Page(Tab):
    """The sales page of an event with one purchase.

    `errors` are sentences that must not be on it, `runs` counts its script runs, and `timer_fragments` has the ids of
    its fragments with a timer, by their interval in seconds.
    """

    def __init__(self, server: RunningServer) -> None:
        self.event = make.event()
        package = make.package(self.event, price="100")
        self.package = str(package.id)
        make.purchase(self.event, package)
        person = make.staff(event=self.event, password=make.PASSWORD)
        self.errors: list[str] = []
        self.runs = 0
        self.timer_fragments: dict[float, str] = {}
        super().__init__(
            server.url, server.get_session_cookie(person.email), on_error=self.errors.append, timeout_seconds=10
        )

    async def __aenter__(self) -> Page:
        await self.open({"event": str(self.event.id)}, shows_sales)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def switch_range(self, *, is_week: bool) -> None:
        """Raises ActionFailed when the page does not show the result."""
        client_state = self.choose(self.get("button_group", "Range"), "7 days" if is_week else "All")
        await self.act(client_state, shows_week if is_week else shows_sales)

    async def wait_until_received(self) -> None:
        """Wait until the server has received everything that was sent."""
        assert self._socket is not None
        await (await self._socket.ping())

    def _take(self, message: ForwardMsg) -> None:
        self.runs += message.WhichOneof("type") == "new_session"
        if message.HasField("auto_rerun"):
            self.timer_fragments[message.auto_rerun.interval] = message.auto_rerun.fragment_id
        super()._take(message)


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(database, tmp_path_factory.mktemp("ticks"), "tests/support/late_tick_app.py") as server:
        yield server


def test_tick_between_end_of_run_and_its_last_messages_loses_nothing(server):
    async def switch_during_ticks(page: Page) -> None:
        async with page:
            for is_week in (True, False, True, False):
                ticks = map(page.send_tick, page.timer_fragments.values())
                await asyncio.gather(page.switch_range(is_week=is_week), *ticks)

    page = Page(server)
    asyncio.run(switch_during_ticks(page))

    assert page.errors == []


def test_hundred_idle_ticks_run_few_scripts(server):
    async def tick_and_switch(page: Page) -> None:
        async with page:
            for _ in range(100):
                await page.send_tick(page.timer_fragments[sales_watch.TICK_SECONDS])
                await page.wait_until_received()
            await page.switch_range(is_week=True)

    page = Page(server)
    asyncio.run(tick_and_switch(page))

    assert 2 <= page.runs < 10  # two runs of the page, and a few polls


def test_values_of_an_older_request_never_come_after_newer_ones(server):
    """Of two runs side by side, the older one took over the quantity of the tap before, which gave the old total."""

    async def tap_twice(page: Page) -> None:
        async with page:
            await page.act(page.follow(page.get("page_link", "Box office")), lambda page: page.find("button", "Record"))
            tiles = page.get("bidi_component", TILES)
            data = json.loads(tiles.element.json)
            taps = [
                page.send_value(tiles, {"order": {"order": data["order"], "number": n, "lines": [[page.package, n]]}})
                for n in (1, 2)
            ]
            await page.send(taps[0])
            await page.act(taps[1], lambda page: page.find("button", "Record sale, $200.00"))

    page = Page(server)
    asyncio.run(tap_twice(page))

    assert page.errors == []

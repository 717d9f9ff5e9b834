"""A timer that rings takes nothing off the page, whenever it does, and runs no script when there is nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.load.staff import shows_sales, shows_sponsorships
from bench.load.tab import Tab
from tests.support import make
from tests.support.server import RunningServer, run_server
from ui.runtime import sales_watch


class Page(Tab):
    """The sales page of an event with one purchase. `wrong` is what must not be on it, `runs` are all of its scripts.

    `timers` are its fragments, by the seconds after which they ring; one of them has it drawn anew after a sale.
    """

    def __init__(self, server: RunningServer) -> None:
        self.event = make.event()
        make.purchase(self.event, make.package(self.event))
        person = make.staff(event=self.event, password=make.PASSWORD)
        self.wrong: list[str] = []
        self.runs = 0
        self.timers: dict[float, str] = {}
        super().__init__(
            server.url, server.get_session_cookie(person.email), on_error=self.wrong.append, timeout_seconds=10
        )

    async def __aenter__(self) -> Page:
        await self.open({"event": str(self.event.id)}, shows_sales)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def switch_sponsorships(self, *, on: bool) -> None:
        """Raises when the page does not show what must come of it."""
        switched = self.switch(self.get("checkbox", "Sponsorships only"), on=on)
        await self.act(switched, shows_sponsorships if on else shows_sales)

    async def heard(self) -> None:
        """Returns when the server has taken up all that was sent."""
        assert self._socket is not None
        await (await self._socket.ping())

    def _take(self, message: ForwardMsg) -> None:
        self.runs += message.WhichOneof("type") == "new_session"
        if message.HasField("auto_rerun"):
            self.timers[message.auto_rerun.interval] = message.auto_rerun.fragment_id
        super()._take(message)


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(database, tmp_path_factory.mktemp("ticks"), "tests/support/late_tick_app.py") as server:
        yield server


def test_a_timer_that_rings_between_the_end_of_a_run_and_its_last_messages_takes_nothing_off_the_page(server):
    async def switch_while_it_rings(page: Page) -> None:
        async with page:
            for on in (True, False, True, False):
                rings = map(page.send_tick, page.timers.values())
                await asyncio.gather(page.switch_sponsorships(on=on), *rings)

    page = Page(server)
    asyncio.run(switch_while_it_rings(page))

    assert page.wrong == []


def test_a_timer_that_rings_a_hundred_times_while_nothing_is_sold_runs_next_to_no_script(server):
    async def ring_and_switch(page: Page) -> None:
        async with page:
            for _ in range(100):
                await page.send_tick(page.timers[sales_watch.TICK_SECONDS])
                await page.heard()
            await page.switch_sponsorships(on=True)

    page = Page(server)
    asyncio.run(ring_and_switch(page))

    assert 2 <= page.runs < 10  # the page was drawn twice, and looked a few times whether there are news

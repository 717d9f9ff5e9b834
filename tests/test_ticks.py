"""A page is whole however a timer's tick meets the end of the run that drew it."""

from __future__ import annotations

import asyncio

from bench.load.staff import shows_sales, shows_sponsorships
from bench.load.tab import Tab
from tests import make
from tests.server import Running, running
from ticketing.models import Event


def test_a_tick_between_the_end_of_a_run_and_its_last_messages_takes_nothing_off_the_page(database, tmp_path):
    event = make.event()
    person = make.staff(event=event, password=make.PASSWORD)
    make.purchase(event, make.package(event))
    with running(database, tmp_path, "tests/late_ticks.py") as server:
        wrong = asyncio.run(switch_while_the_timer_rings(server, event, server.cookie_of(person.email)))

    assert wrong == []


async def switch_while_the_timer_rings(server: Running, event: Event, cookie: str) -> list[str]:
    """What went wrong at the page. Tab.act raises when what must come of a click does not come."""
    wrong: list[str] = []
    tab = Tab(server.url, cookie, told=wrong.append, patience=10)
    await tab.open({"event": str(event.id)}, shows_sales)
    for on in (True, False, True, False):
        switch = tab.switch(tab.get("checkbox", "Sponsorships only"), on=on)
        await asyncio.gather(tab.act(switch, shows_sponsorships if on else shows_sales), tab.tick())
    await tab.close()
    return wrong

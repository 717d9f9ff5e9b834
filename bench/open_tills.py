"""What tills of the box office cost: open ones while nothing is sold, and the search for a donor.

Each till asks for the stock every 2 seconds, and for donors while a name is typed.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from api.site.till import IDENTITY_SECONDS
from bench.load.environment import Environment, create_environment, start_servers
from bench.load.resource_usage import ResourceUsage
from bench.measure import Row
from tests.support.server import RunningServer
from ticketing.reporting.live_stock import POLL_SECONDS

OPEN_TILLS = 50
PAUSE_SECONDS = 2.0  # POLL_MS of ui/scripts/till.js
MEASURED_SECONDS = 30.0
MAX_ADDED_CORES = 0.1
# One poll more may fall into the measured time, and one query more may update a session's last use.
TOLERANCE_FACTOR = 1.1
DONORS = 100_000
# Of donors "Donor 77123", donor-77123@example.org; they match all, thousands, one, and nobody.
PREFIXES = ("don", "donor", "donor 7", "donor-77", "donor 77123", "77123", "donor-77123@example.org", "nobody")
SEARCHES_OF_EACH = 25
MAX_SEARCH_MILLISECONDS = 150


def measure_tills(folder: Path) -> list[Row]:
    """Measure what 50 tills add to an idle server, cores and transactions that read, and how long searches take."""
    environment = create_environment(OPEN_TILLS, DONORS)
    with start_servers(folder) as (server,):
        cookies = [server.get_session_cookie(email) for email in environment.staff_emails]
        idle, polled = (asyncio.run(_poll_for_a_while(environment, server, each)) for each in ([], cookies))
        searches = _time_searches(environment, server, cookies)
    cores = [usage.server_cpu / usage.seconds for usage in (idle, polled)]
    reads = [usage.read_transactions / usage.seconds for usage in (idle, polled)]
    allowed = 1 / POLL_SECONDS + OPEN_TILLS / IDENTITY_SECONDS
    polls = OPEN_TILLS / PAUSE_SECONDS
    p95 = sorted(searches)[int(0.95 * len(searches))]
    return [
        _build_row(f"{OPEN_TILLS} open tills, cores that they add", "", cores[1] - cores[0], MAX_ADDED_CORES),
        _build_row(
            f"the same, reads of the database ({polls:g} polls/s)",
            "/s",
            reads[1] - reads[0],
            round(TOLERANCE_FACTOR * allowed, 2),
        ),
        _build_row(f"donor search among {DONORS:,} over HTTP, p95", "ms", p95, MAX_SEARCH_MILLISECONDS),
    ]


def _build_row(work: str, unit: str, measured: float, target: float) -> Row:
    return Row(work, unit, [], [measured], target, less_is_better=True)


async def _poll_for_a_while(environment: Environment, server: RunningServer, cookies: list[str]) -> ResourceUsage:
    """Poll with each cookie until the measured time is over; the first polls, which fill the memory, do not count."""
    usage = ResourceUsage([server])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client, asyncio.TaskGroup() as tills:
        path = f"/till/stock/{environment.event.id}"
        polls = [
            tills.create_task(_poll(client, path, cookie, number * PAUSE_SECONDS / len(cookies)))
            for number, cookie in enumerate(cookies)
        ]
        await asyncio.sleep(2 * PAUSE_SECONDS)
        with usage:
            await asyncio.sleep(MEASURED_SECONDS)
        for poll in polls:
            poll.cancel()
    return usage


async def _poll(client: httpx.AsyncClient, path: str, cookie: str, delay: float) -> None:
    await asyncio.sleep(delay)
    while True:
        (await client.get(path, headers={"Cookie": cookie})).raise_for_status()
        await asyncio.sleep(PAUSE_SECONDS)


def _time_searches(environment: Environment, server: RunningServer, cookies: list[str]) -> list[float]:
    """Return the milliseconds of each search. The tills search in turn, since each may do so 60 times a minute."""
    took = []
    path = f"/till/donors/{environment.event.id}"
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}, timeout=30) as client:
        for number, prefix in enumerate(PREFIXES * SEARCHES_OF_EACH):
            started_at = time.perf_counter()
            found = client.post(path, json={"prefix": prefix}, headers={"Cookie": cookies[number % len(cookies)]})
            took.append((time.perf_counter() - started_at) * 1000)
            found.raise_for_status()
    return took


MEASUREMENTS = (measure_tills,)

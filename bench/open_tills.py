"""Processor time and queries of open tills while nothing is sold: each asks for the stock every 2 seconds."""

from __future__ import annotations

import asyncio
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


def measure_open_tills(folder: Path) -> list[Row]:
    """Measure what 50 tills add to an idle server: cores, and queries, which are fewer than polls."""
    environment = create_environment(OPEN_TILLS)
    with start_servers(folder) as (server,):
        cookies = [server.get_session_cookie(email) for email in environment.staff_emails]
        idle, polled = (asyncio.run(_poll_for_a_while(environment, server, each)) for each in ([], cookies))
    cores = [usage.server_cpu / usage.seconds for usage in (idle, polled)]
    allowed = 1 / POLL_SECONDS + OPEN_TILLS / IDENTITY_SECONDS
    return [
        Row(
            f"{OPEN_TILLS} open tills, cores that they add",
            "",
            [],
            [cores[1] - cores[0]],
            MAX_ADDED_CORES,
            less_is_better=True,
        ),
        Row(
            f"the same, queries ({OPEN_TILLS / PAUSE_SECONDS:g} polls per second)",
            "/s",
            [],
            [polled.read_transactions / polled.seconds],
            round(TOLERANCE_FACTOR * allowed, 2),
            less_is_better=True,
        ),
    ]


async def _poll_for_a_while(environment: Environment, server: RunningServer, cookies: list[str]) -> ResourceUsage:
    """Poll with each cookie until the measured time is over; the first polls, which fill the memory, do not count."""
    usage = ResourceUsage([server])
    async with httpx.AsyncClient(base_url=server.url) as client, asyncio.TaskGroup() as tills:
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


MEASUREMENTS = (measure_open_tills,)

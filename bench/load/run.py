"""So many people for so many seconds, and the accounts after it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from bench.load.donors import SITE_NAME as DONOR_SITE
from bench.load.donors import DonorSite
from bench.load.environment import Environment
from bench.load.recorder import Recorder, percentile
from bench.load.resource_usage import ResourceUsage
from bench.load.staff import Person, Team
from bench.load.tab import DEFAULT_TIMEOUT_SECONDS, ActionFailed
from tests.support import make
from tests.support.server import RunningServer
from ticketing import db
from ticketing.ops import verify

SIGN_IN_ACTION = "sign in"
MAX_CONCURRENT_ARRIVALS = 4
SETTLE_SECONDS = 5.0
POLL_SECONDS = 0.1
# The server ends a connection that nobody used for 5 seconds, and may just be doing so.
_CONNECTION_LIMITS = httpx.Limits(keepalive_expiry=2)
_NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])  # of one person in another's request


@dataclass(frozen=True)
class Load:
    """People who act once in `pause` seconds each, beside donors who come to the donor site.

    They are watched for `seconds`, once they all came and have settled.
    """

    people: int = 100
    seconds: float = 60.0
    pause: float = 10.0
    donors_per_minute: float = 20.0
    settle_seconds: float = SETTLE_SECONDS
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS


@dataclass
class Outcome:
    """`errors` are what went wrong, with how often; those of the accounts among them."""

    load: Load
    recorder: Recorder
    usage: ResourceUsage
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def acted(self) -> list[float]:
        """Seconds of what staff did at their pages."""
        return [
            each
            for what, took in self.recorder.action_seconds.items()
            if not what.startswith(DONOR_SITE)
            for each in took
        ]

    @property
    def p95(self) -> float:
        return percentile(self.acted, 95)


def run_load(
    environment: Environment,
    servers: list[RunningServer],
    load: Load,
    stop_when: Callable[[Recorder], bool] = lambda _ledger: False,
) -> Outcome:
    """Lets them come, work and go, sooner when `until` holds, and compares what they believe with what is stored."""
    ledger, vitals = Recorder(), ResourceUsage(servers)
    before, logged_before = environment.sold(), [server.log.stat().st_size for server in servers]
    asyncio.run(_run_load(environment, servers, load, ledger, vitals, len(before), stop_when))
    errors = dict(ledger.errors)
    stored = {email: total for email, total in environment.sold().items() if email not in before}
    for problem in (
        *_list_differences(ledger.sold, stored),
        *_list_verify_problems(),
        *_list_tracebacks(servers, logged_before),
    ):
        errors[problem] = errors.get(problem, 0) + 1
    return Outcome(load, ledger, vitals, errors)


async def _run_load(
    environment: Environment,
    servers: list[RunningServer],
    load: Load,
    recorder: Recorder,
    usage: ResourceUsage,
    sold_before: int,
    stop_when: Callable[[Recorder], bool],
) -> None:
    closing = asyncio.Event()
    desk = Team(
        str(environment.event.id),
        environment.packages,
        environment.donors,
        sold_before,
        recorder,
        closing,
        load.timeout_seconds,
    )
    async with AsyncExitStack() as stack:
        sites = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=server.url,
                    timeout=load.timeout_seconds,
                    cookies=CookieJar(_NO_COOKIES),
                    limits=_CONNECTION_LIMITS,
                )
            )
            for server in servers
        ]
        async with asyncio.TaskGroup() as everybody:
            door = asyncio.Semaphore(MAX_CONCURRENT_ARRIVALS)
            for number, address in enumerate(environment.staff_emails[: load.people]):
                await door.acquire()
                person = Person(desk, servers[number % len(servers)].url, number)
                site = sites[number % len(sites)]
                everybody.create_task(_run_person(environment, person, address, site, door.release, load.pause))
            for site in sites:
                shop = DonorSite(site, environment, recorder, closing, load.donors_per_minute / len(sites))
                everybody.create_task(shop.serve())
            await asyncio.sleep(load.settle_seconds)
            with usage:
                recorder.is_recording = True
                over = time.perf_counter() + load.seconds
                while (left := over - time.perf_counter()) > 0 and not stop_when(recorder):
                    await asyncio.sleep(min(left, POLL_SECONDS))
                recorder.is_recording = False
            closing.set()


async def _run_person(
    environment: Environment,
    person: Person,
    address: str,
    site: httpx.AsyncClient,
    on_arrival: Callable[[], None],
    pause: float,
) -> None:
    """Signs in where that was not done in a run before, opens the page, lets the next one in, and works."""
    try:
        with person.team.recorder.catch_errors(SIGN_IN_ACTION):
            if address not in environment.cookies:
                environment.cookies[address] = await _sign_in(site, address)
        if address in environment.cookies:
            await person.open(environment.cookies[address])
    finally:
        on_arrival()
    await person.work(pause)


async def _sign_in(site: httpx.AsyncClient, address: str) -> str:
    """The cookie, as the browser will send it."""
    try:
        answer = await site.post("/session/sign-in", data={"email": address, "password": make.PASSWORD})
    except httpx.HTTPError as lost:
        raise ActionFailed(f"no answer, {lost!r}") from lost
    if answer.status_code != 303:
        raise ActionFailed(f"{answer.status_code} {answer.text[:200]}")
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


def _list_differences(believed: dict[str, str], stored: dict[str, str]) -> list[str]:
    return [
        f"{email} bought for {stored.get(email, 'nothing')}, and was told {believed.get(email, 'nothing')}"
        for email in sorted(believed.keys() | stored.keys())
        if believed.get(email) != stored.get(email)
    ]


def _list_verify_problems() -> list[str]:
    with db.read_session() as session:
        return [str(difference) for difference in verify.verify(session)]


def _list_tracebacks(servers: list[RunningServer], before: list[int]) -> list[str]:
    """Each traceback that a server's log got since it was so many bytes long, by its last line."""
    new = (
        server.log.read_bytes()[size:].decode(errors="replace") for server, size in zip(servers, before, strict=True)
    )
    return [f"a traceback in the server's log: {last}" for log in new for last in _find_exception_lines(log)]


def _find_exception_lines(log: str) -> Iterator[str]:
    """The first line after each beginning of a traceback that is indented no deeper than it."""
    depth: int | None = None
    for line in log.replace("\\n", "\n").splitlines():  # in JSON it is one line
        indent = len(line) - len(line.lstrip())
        if "Traceback (most recent call last)" in line:
            depth = indent
        elif depth is not None and line.strip() and indent <= depth:
            yield line.strip()
            depth = None

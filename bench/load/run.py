"""So many people for so many seconds, and the accounts after it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from bench.load.donors import NAME as DONOR_SITE
from bench.load.donors import DonorSite
from bench.load.ledger import Ledger, percentile
from bench.load.scene import Scene
from bench.load.staff import Desk, Person
from bench.load.tab import SECONDS_OF_PATIENCE, Broken
from bench.load.vitals import Vitals
from tests.support import make
from tests.support.server import Running
from ticketing import db
from ticketing.ops import verify

SIGN_IN = "sign in"
COMING_AT_A_TIME = 4
SECONDS_TO_SETTLE = 5.0
SECONDS_BETWEEN_LOOKS = 0.1
# The server ends a connection that nobody used for 5 seconds, and may just be doing so.
_FRESH = httpx.Limits(keepalive_expiry=2)
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
    settle: float = SECONDS_TO_SETTLE
    patience: float = SECONDS_OF_PATIENCE


@dataclass
class Outcome:
    """`errors` are what went wrong, with how often; those of the accounts among them."""

    load: Load
    ledger: Ledger
    vitals: Vitals
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def acted(self) -> list[float]:
        """Seconds of what staff did at their pages."""
        return [each for what, took in self.ledger.took.items() if not what.startswith(DONOR_SITE) for each in took]

    @property
    def p95(self) -> float:
        return percentile(self.acted, 95)


def play(
    scene: Scene, servers: list[Running], load: Load, until: Callable[[Ledger], bool] = lambda _ledger: False
) -> Outcome:
    """Lets them come, work and go, sooner when `until` holds, and compares what they believe with what is stored."""
    ledger, vitals = Ledger(), Vitals(servers)
    before, logged_before = scene.sold(), [server.log.stat().st_size for server in servers]
    asyncio.run(_play(scene, servers, load, ledger, vitals, len(before), until))
    errors = dict(ledger.errors)
    stored = {email: total for email, total in scene.sold().items() if email not in before}
    for problem in (*_differing(ledger.sold, stored), *_verified(), *_logged(servers, logged_before)):
        errors[problem] = errors.get(problem, 0) + 1
    return Outcome(load, ledger, vitals, errors)


async def _play(
    scene: Scene,
    servers: list[Running],
    load: Load,
    ledger: Ledger,
    vitals: Vitals,
    sold_before: int,
    until: Callable[[Ledger], bool],
) -> None:
    closing = asyncio.Event()
    desk = Desk(str(scene.event.id), scene.packages, scene.donors, sold_before, ledger, closing, load.patience)
    async with AsyncExitStack() as stack:
        sites = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=server.url, timeout=load.patience, cookies=CookieJar(_NO_COOKIES), limits=_FRESH
                )
            )
            for server in servers
        ]
        async with asyncio.TaskGroup() as everybody:
            door = asyncio.Semaphore(COMING_AT_A_TIME)
            for number, address in enumerate(scene.addresses[: load.people]):
                await door.acquire()
                person = Person(desk, servers[number % len(servers)].url, number)
                site = sites[number % len(sites)]
                everybody.create_task(_come(scene, person, address, site, door.release, load.pause))
            for site in sites:
                shop = DonorSite(site, scene, ledger, closing, load.donors_per_minute / len(sites))
                everybody.create_task(shop.serve())
            await asyncio.sleep(load.settle)
            with vitals:
                ledger.is_counting = True
                over = time.perf_counter() + load.seconds
                while (left := over - time.perf_counter()) > 0 and not until(ledger):
                    await asyncio.sleep(min(left, SECONDS_BETWEEN_LOOKS))
                ledger.is_counting = False
            closing.set()


async def _come(
    scene: Scene, person: Person, address: str, site: httpx.AsyncClient, came: Callable[[], None], pause: float
) -> None:
    """Signs in where that was not done in a run before, opens the page, lets the next one in, and works."""
    try:
        with person.desk.ledger.trying(SIGN_IN):
            if address not in scene.cookies:
                scene.cookies[address] = await _sign_in(site, address)
        if address in scene.cookies:
            await person.open(scene.cookies[address])
    finally:
        came()
    await person.work(pause)


async def _sign_in(site: httpx.AsyncClient, address: str) -> str:
    """The cookie, as the browser will send it."""
    try:
        answer = await site.post("/session/sign-in", data={"email": address, "password": make.PASSWORD})
    except httpx.HTTPError as lost:
        raise Broken(f"no answer, {lost!r}") from lost
    if answer.status_code != 303:
        raise Broken(f"{answer.status_code} {answer.text[:200]}")
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


def _differing(believed: dict[str, str], stored: dict[str, str]) -> list[str]:
    return [
        f"{email} bought for {stored.get(email, 'nothing')}, and was told {believed.get(email, 'nothing')}"
        for email in sorted(believed.keys() | stored.keys())
        if believed.get(email) != stored.get(email)
    ]


def _verified() -> list[str]:
    with db.reading() as session:
        return [str(difference) for difference in verify.verify(session)]


def _logged(servers: list[Running], before: list[int]) -> list[str]:
    """Each traceback that a server's log got since it was so many bytes long, by its last line."""
    new = (
        server.log.read_bytes()[size:].decode(errors="replace") for server, size in zip(servers, before, strict=True)
    )
    return [f"a traceback in the server's log: {last}" for log in new for last in _last_lines(log)]


def _last_lines(log: str) -> Iterator[str]:
    """The first line after each beginning of a traceback that is indented no deeper than it."""
    depth: int | None = None
    for line in log.replace("\\n", "\n").splitlines():  # in JSON it is one line
        indent = len(line) - len(line.lstrip())
        if "Traceback (most recent call last)" in line:
            depth = indent
        elif depth is not None and line.strip() and indent <= depth:
            yield line.strip()
            depth = None

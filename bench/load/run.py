"""Run a load test, and compare its sales with the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
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
# The server closes connections that were idle for 5 seconds, so reuse only younger ones.
CONNECTION_LIMITS = httpx.Limits(keepalive_expiry=2)
NO_COOKIES = DefaultCookiePolicy(allowed_domains=[])  # a cookie of one person must not be sent for another

Activity = Callable[[Recorder, asyncio.Event], Coroutine[None, None, None]]


@dataclass(frozen=True)
class Load:
    """People who act once per `pause` seconds on average, beside donors at the donor site.

    They are measured for `seconds`, once all have arrived and `settle_seconds` have passed.
    """

    people: int = 100
    seconds: float = 60.0
    pause: float = 10.0
    donors_per_minute: float = 20.0
    settle_seconds: float = SETTLE_SECONDS
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS


@dataclass
class Outcome:
    """The result of a run. `errors` are sentences with their counts, including differences to the database.

    `sale_differences` are those between confirmed and stored sales, `verify_problems` what `verify` found.
    """

    load: Load
    recorder: Recorder
    usage: ResourceUsage
    errors: dict[str, int] = field(default_factory=dict)
    sale_differences: list[str] = field(default_factory=list)
    verify_problems: list[str] = field(default_factory=list)

    @property
    def staff_seconds(self) -> list[float]:
        """Return the durations of all actions of staff."""
        return [
            seconds
            for action, durations in self.recorder.action_seconds.items()
            if not action.startswith(DONOR_SITE)
            for seconds in durations
        ]

    @property
    def p95(self) -> float:
        return percentile(self.staff_seconds, 95)


def run_load(
    environment: Environment,
    servers: list[RunningServer],
    load: Load,
    stop_when: Callable[[Recorder], bool] = lambda _recorder: False,
    others: Sequence[Activity] = (),
) -> Outcome:
    """Run the load test, until `stop_when` if that is earlier, and compare its sales with the database.

    `others` begin when all people have arrived, and end at the stop event.
    """
    recorder, usage = Recorder(), ResourceUsage(servers)
    before, log_sizes = environment.read_purchase_totals(), [server.log.stat().st_size for server in servers]
    asyncio.run(_run_load(environment, servers, load, recorder, usage, len(before), stop_when, others))
    errors = dict(recorder.errors)
    stored = {email: total for email, total in environment.read_purchase_totals().items() if email not in before}
    differences, problems = _list_differences(recorder.sold, stored), _list_verify_problems()
    for problem in (*differences, *problems, *_list_tracebacks(servers, log_sizes)):
        errors[problem] = errors.get(problem, 0) + 1
    return Outcome(load, recorder, usage, errors, differences, problems)


async def _run_load(
    environment: Environment,
    servers: list[RunningServer],
    load: Load,
    recorder: Recorder,
    usage: ResourceUsage,
    initial_sales: int,
    stop_when: Callable[[Recorder], bool],
    others: Sequence[Activity],
) -> None:
    stop_event = asyncio.Event()
    team = Team(
        str(environment.event.id),
        environment.packages,
        environment.donors,
        initial_sales,
        recorder,
        stop_event,
        load.timeout_seconds,
    )
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=server.url,
                    timeout=load.timeout_seconds,
                    cookies=CookieJar(NO_COOKIES),
                    limits=CONNECTION_LIMITS,
                )
            )
            for server in servers
        ]
        async with asyncio.TaskGroup() as tasks:
            arrivals = asyncio.Semaphore(MAX_CONCURRENT_ARRIVALS)
            for number, email in enumerate(environment.staff_emails[: load.people]):
                await arrivals.acquire()
                person = Person(team, servers[number % len(servers)].url, number)
                client = clients[number % len(clients)]
                tasks.create_task(_run_person(environment, person, email, client, arrivals.release, load.pause))
            for client in clients:
                rate = load.donors_per_minute / len(clients)
                tasks.create_task(DonorSite(client, environment, recorder, stop_event, rate).serve())
            for activity in others:
                tasks.create_task(activity(recorder, stop_event))
            await asyncio.sleep(load.settle_seconds)
            with usage:
                recorder.is_recording = True
                deadline = time.perf_counter() + load.seconds
                while (remaining := deadline - time.perf_counter()) > 0 and not stop_when(recorder):
                    await asyncio.sleep(min(remaining, POLL_SECONDS))
                recorder.is_recording = False
            stop_event.set()


async def _run_person(
    environment: Environment,
    person: Person,
    email: str,
    client: httpx.AsyncClient,
    on_arrival: Callable[[], None],
    pause: float,
) -> None:
    """Sign in unless an earlier run did, open the page, let the next person in, and work."""
    try:
        with person.team.recorder.catch_errors(SIGN_IN_ACTION):
            if email not in environment.cookies:
                environment.cookies[email] = await sign_in(client, email)
        if email in environment.cookies:
            await person.open(environment.cookies[email])
    finally:
        on_arrival()
    await person.work(pause)


async def sign_in(client: httpx.AsyncClient, email: str) -> str:
    """Return the value of the Cookie header."""
    try:
        response = await client.post("/session/sign-in", data={"email": email, "password": make.PASSWORD})
    except httpx.HTTPError as error:
        raise ActionFailed(f"no answer, {error!r}") from error
    if response.status_code != 303:
        raise ActionFailed(f"{response.status_code} {response.text[:200]}")
    return "; ".join(f"{name}={value}" for name, value in response.cookies.items())


def _list_differences(expected: dict[str, str], stored: dict[str, str]) -> list[str]:
    return [
        f"{email}: stored total {stored.get(email, 'none')}, confirmed total {expected.get(email, 'none')}"
        for email in sorted(expected.keys() | stored.keys())
        if expected.get(email) != stored.get(email)
    ]


def _list_verify_problems() -> list[str]:
    with db.read_session() as session:
        return [str(difference) for difference in verify.verify(session)]


def _list_tracebacks(servers: list[RunningServer], log_sizes: list[int]) -> list[str]:
    """Return the last line of each traceback that the logs got since they had these sizes."""
    new = (
        server.log.read_bytes()[size:].decode(errors="replace") for server, size in zip(servers, log_sizes, strict=True)
    )
    return [f"a traceback in the server's log: {last}" for log in new for last in _find_exception_lines(log)]


def _find_exception_lines(log: str) -> Iterator[str]:
    """Yield the first line after the start of each traceback that is not indented deeper."""
    depth: int | None = None
    for line in log.replace("\\n", "\n").splitlines():  # a JSON log has a traceback in one line
        indent = len(line) - len(line.lstrip())
        if "Traceback (most recent call last)" in line:
            depth = indent
        elif depth is not None and line.strip() and indent <= depth:
            yield line.strip()
            depth = None

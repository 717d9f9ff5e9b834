"""Attacks on a server while people use it: each repeats at a pace of its own and knows which answers are right."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar
from uuid import uuid4

import httpx

from bench import sample_events
from bench.load.recorder import Recorder
from bench.load.run import CONNECTION_LIMITS, NO_COOKIES
from bench.load.staff import wait_for_stop
from bench.load.tab import ActionFailed
from tests.support import image_samples, make
from tests.support.hostile_files import HOSTILE_FILES
from tests.support.sales_file import sale, sales_csv
from ticketing import db
from ticketing.access import passwords
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.models import Event

TIMEOUT_SECONDS = 120.0  # more than any limit of the server, whose own answer is to be seen
MAX_SIGN_IN_SECONDS = 5.0
EXPENSIVE_FILES = ("commas.csv", "many rows.xlsx", "far cell.xlsx")
MAX_FILE_BYTES = 25 * 1024 * 1024 - 1024  # with the multipart boundaries, what an upload may have
GOOD_FILE = "one sale.csv"
SIGN_IN_ACTION = "sign in while others guess"


@dataclass(frozen=True)
class Target:
    """A server, and an event of its own, so that attacks do not change what the others sell.

    The `staff` can sign in with make.PASSWORD, each of the `tokens` belongs to another person. `pictures` and `files`
    are what is uploaded, made beforehand because it takes seconds.
    """

    url: str
    event: Event
    package_id: str
    staff: list[str]
    tokens: list[str]
    pictures: list[bytes]
    files: dict[str, bytes]

    @property
    def port(self) -> int:
        port = httpx.URL(self.url).port
        assert port is not None
        return port

    @property
    def export_path(self) -> str:
        return f"/api/v1/admin/events/{self.event.id}/tickets/sales/export"


@dataclass(frozen=True)
class Attack:
    """`act` makes one round and yields its answers, of which `right` are those that a server may give.

    `parallel` rounds run at a time, each `pause` seconds after the one before, on average.
    """

    name: str
    act: Callable[[], AsyncGenerator[str, None]]
    right: frozenset[str]
    pause: float
    parallel: int = 1


def create_target(url: str, purchases: int) -> Target:
    """Create the event, with enough `purchases` for an export that fits no buffer, and its people."""
    event = sample_events.create_event(purchases)
    password_hash = passwords.hash_password(make.PASSWORD, email="")
    with db.read_session() as session:
        package_id, package_name = next(iter(packages.list_names(session, OPERATOR, event.id).items()))
    return Target(
        url,
        event,
        str(package_id),
        [make.staff(event=event, password_hash=password_hash).email for _ in range(4)],
        [make.token(make.staff(event=event)) for _ in range(5)],
        [image_samples.make_jpeg_with_scans(scans, (1500, 1500)) for scans in (64, 1000)] * 4,
        {name: HOSTILE_FILES[name]()[:MAX_FILE_BYTES] for name in EXPENSIVE_FILES}
        | {GOOD_FILE: sales_csv(sale(package_name))},
    )


def create_client(target: Target) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=target.url, timeout=TIMEOUT_SECONDS, cookies=CookieJar(NO_COOKIES), limits=CONNECTION_LIMITS
    )


async def repeat(attack: Attack, recorder: Recorder, stop_event: asyncio.Event) -> None:
    """Attack until the stop event. Count every answer, and record a wrong one, or none, as an error."""
    while not stop_event.is_set():
        try:
            async with aclosing(attack.act()) as answers:
                async for answer in answers:
                    _record(attack, answer, recorder)
        except (ActionFailed, httpx.HTTPError, OSError, TimeoutError) as error:
            _record(attack, f"no answer: {error!r}"[:200], recorder)
        await wait_for_stop(time.perf_counter() + attack.pause * random.uniform(0.5, 1.5), stop_event)


def _record(attack: Attack, answer: str, recorder: Recorder) -> None:
    recorder.answers[attack.name][answer] += 1
    if answer not in attack.right:
        recorder.record_error(f"{attack.name}: {answer}")


@dataclass
class HttpAttacks:
    """Attacks that need no open page. Each caller of the sign-in form comes from another network."""

    target: Target
    http: httpx.AsyncClient
    recorder: Recorder

    def list_attacks(self) -> list[Attack]:
        victim, refused = self.target.staff[0], frozenset({"422", "429", "503"})
        return [
            Attack("wrong password, known address", partial(self.guess, lambda: victim), refused, 1, parallel=2),
            Attack("wrong password, unknown address", partial(self.guess, _make_email), refused, 1, parallel=2),
            Attack("right password of the known address", partial(self.sign_in, victim), frozenset({"303"}), 5),
            Attack("pictures with many scans, 8 at once", self.send_pictures, frozenset({"200", "422", "503"}), 15),
            Attack(
                "export, read", partial(self.read_export, self.target.tokens[0]), frozenset({"200", "429", "503"}), 5
            ),
        ]

    async def guess(self, find_email: Callable[[], str]) -> AsyncGenerator[str, None]:
        yield await self.post_sign_in(find_email(), "not the password", _make_address())

    async def sign_in(self, email: str) -> AsyncGenerator[str, None]:
        """Sign in like the owner of the address at a new device."""
        start = time.perf_counter()
        status = await self.post_sign_in(email, make.PASSWORD, "203.0.113.7")
        seconds = time.perf_counter() - start
        self.recorder.record_action(SIGN_IN_ACTION, seconds)
        yield status if seconds <= MAX_SIGN_IN_SECONDS else f"{status}, after more than {MAX_SIGN_IN_SECONDS:g} s"

    async def post_sign_in(self, email: str, password: str, address: str) -> str:
        form = {"email": email, "password": password}
        response = await self.http.post("/session/sign-in", data=form, headers={"X-Forwarded-For": address})
        return str(response.status_code)

    async def send_pictures(self) -> AsyncGenerator[str, None]:
        path = f"/api/v1/admin/events/{self.target.event.id}/tickets/packages/{self.target.package_id}/image"
        headers = {"Authorization": f"Bearer {self.target.tokens[0]}"}
        requests = (self.http.post(path, headers=headers, files={"image": each}) for each in self.target.pictures)
        for response in await asyncio.gather(*requests):
            yield str(response.status_code)

    async def read_export(self, token: str) -> AsyncGenerator[str, None]:
        response = await self.http.get(self.target.export_path, headers={"Authorization": f"Bearer {token}"})
        yield str(response.status_code)


def _make_email() -> str:
    return f"{uuid4().hex}@example.org"


def _make_address() -> str:
    return ".".join(str(random.randint(1, 254)) for _ in range(4))

"""A right password while strangers try many: on a real server, with hashes of the real cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support import make
from tests.support.server import RunningServer, run_server
from ticketing.actors import Actor

MAX_ANSWER_SECONDS = 5


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    make.staff("admin")
    with run_server(database, tmp_path_factory.mktemp("server")) as running:
        yield running


def attempt(client: httpx.Client, email: str, address: str, password: str) -> int:
    """Return the status of a sign-in from an address, which the server takes from its proxy on this machine."""
    form = {"email": email, "password": password}
    return client.post("/session/sign-in", data=form, headers={"X-Forwarded-For": address}).status_code


@pytest.mark.parametrize(
    ("tries", "threads", "networks", "is_known_address"),
    [
        pytest.param(1000, 20, 20, True, id="1,000 at one account from 20 networks"),
        pytest.param(60, 60, 1, False, id="60 at once from one network at addresses without an account"),
    ],
)
def test_right_password_from_a_new_address_is_answered(server, tries, threads, networks, is_known_address):
    person: Actor = make.staff(password=make.PASSWORD)
    with httpx.Client(base_url=server.url, timeout=60, limits=httpx.Limits(max_connections=100)) as client:

        def flood(number: int) -> int:
            email = person.email if is_known_address else f"{number}-{person.email}"
            return attempt(client, email, f"10.0.{number % networks}.{number % 250}", f"guess number {number}")

        seconds: list[float] = []
        with ThreadPoolExecutor(threads) as pool:
            foreign = [pool.submit(flood, number) for number in range(tries)]
            while not all(each.done() for each in foreign):
                started_at = time.monotonic()
                with httpx.Client(base_url=server.url, timeout=60) as new_browser:
                    status = attempt(new_browser, person.email, f"192.0.{len(seconds)}.1", make.PASSWORD)
                seconds.append(time.monotonic() - started_at)
                assert status == 303
    statuses = Counter(each.result() for each in foreign)

    assert seconds
    assert max(seconds) < MAX_ANSWER_SECONDS
    if is_known_address:
        assert (statuses[422], statuses[429]) == (5 * networks, tries - 5 * networks)
    else:
        assert statuses[422] + statuses[503] == tries
        assert statuses[503] > 0

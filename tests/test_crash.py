"""PostgreSQL, the app or both are killed during 300 purchases: none is lost, doubled or incomplete.

The server runs as users run it: `streamlit run app.py` with the private PostgreSQL of its data folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database import use_database
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.models import AssignedTicket, Event, Order, Package, PromoCode, Purchase
from ticketing.ops import verify
from ticketing.settings import ROOT

PURCHASES = 300
KILLED_AFTER = 100
CLIENTS = 16


class AppProcess:
    """The app as a process, with its private PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.app: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"TICKETDESK_DATA": str(self.folder), "STREAMLIT_SERVER_HEADLESS": "true"}
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        with (self.folder / "app.log").open("ab") as log:
            self.app = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        wait_until(self.answers)

    def answers(self) -> bool:
        assert self.app is not None
        assert self.app.poll() is None, (self.folder / "app.log").read_text()[-4000:]
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        assert self.app is not None
        self.app.terminate()
        self.app.wait(20)

    def kill_app(self) -> None:
        assert self.app is not None
        self.app.kill()
        self.app.wait(20)

    def kill_postgres(self) -> None:
        server = self.postmaster()
        processes = [server, *server.children()]
        server.kill()
        psutil.wait_procs(processes, 20)  # a new one cannot start on the folder before

    def postmaster(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]))

    def reuse_killed_postgres_pid(self) -> None:
        """Make the id in postmaster.pid that of this process, as in containers, where ids start over."""
        pid_file = self.folder / "postgres" / "postmaster.pid"
        _, rest = pid_file.read_text().split("\n", 1)
        pid_file.write_text(f"{os.getpid()}\n{rest}")

    def database(self) -> str:
        host = (self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        return f"postgresql://postgres:@/postgres?host={host}"


@pytest.fixture(scope="module")
def shared_desk() -> Iterator[AppProcess]:
    """One for all tests: each leaves it running, and sells for an event of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-crash-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user, who must be able to enter
    desk = AppProcess(folder)
    desk.start()
    postmaster = desk.postmaster()
    try:
        yield desk
        postmaster = desk.postmaster()
        desk.stop()
        # The killed app is still listed as a user of the server, which must not keep it running.
        postmaster.wait(20)
    finally:
        if desk.app is not None and desk.app.poll() is None:
            desk.app.kill()
            desk.app.wait()
        if postmaster.is_running():
            postmaster.send_signal(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desk(shared_desk: AppProcess, database: str) -> Iterator[AppProcess]:
    use_database(shared_desk.database())
    yield shared_desk
    use_database(database)


class Buyers:
    """16 clients that buy 300 times, each time with a new idempotency key, as the donor site does."""

    def __init__(self, desk: AppProcess, event: Event, package: Package, promo: PromoCode, token: str) -> None:
        self.address = f"{desk.url}/api/v1/events/{event.id}/tickets/purchases"
        self.bodies = [
            {
                "package_id": str(package.id),
                "quantity": 1 + number % 2,
                "donor": {"name": "Ana Ruiz", "email": f"donor-{number % 200}@example.org"},
                "promo_code": promo.code if number % 3 == 0 else None,
            }
            for number in range(PURCHASES)
        ]
        self.token = token
        self.answered: dict[int, Any] = {}
        self.statuses: dict[int, int] = {}

    def buy(self, *, retry: bool = False) -> None:
        """Buy until the server does not answer or fails; with `retry` repeat the request, else stop."""
        numbers, lock = count(), threading.Lock()

        def client(_: int) -> None:
            with httpx.Client(headers={"Authorization": f"Bearer {self.token}"}, timeout=30) as http:
                while True:
                    with lock:
                        number = next(numbers)
                    if number >= PURCHASES:
                        return
                    answer = self._ask(http, number)
                    while retry and (answer is None or answer.status_code == 503):
                        time.sleep(0.5)
                        answer = self._ask(http, number)
                    if answer is None or answer.status_code >= 500:
                        return
                    assert answer.status_code in {200, 201}, answer.text
                    self.statuses[number] = answer.status_code
                    earlier = self.answered.setdefault(number, answer.json())
                    assert answer.json() == earlier

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(client, range(CLIENTS)))

    def _ask(self, http: httpx.Client, number: int) -> httpx.Response | None:
        try:
            return http.post(self.address, json=self.bodies[number], headers={"Idempotency-Key": f"click-{number}"})
        except httpx.HTTPError:
            return None


def list_stored_purchases(event: Event) -> dict[str, tuple[Purchase, list[str]]]:
    """Verify the database, and return every purchase with its ticket codes by idempotency key."""
    with db.read_session() as session:
        assert verify.verify(session) == []
        tickets: dict[Any, list[str]] = {}
        for row in session.scalars(
            select(AssignedTicket).where(AssignedTicket.event_id == event.id).order_by(AssignedTicket.seat_number)
        ):
            tickets.setdefault(row.purchase_id, []).append(row.code)
        purchases = session.execute(
            select(Order.idempotency_key, Purchase)
            .join(Purchase, Purchase.order_id == Order.id)
            .where(Order.event_id == event.id)
        ).all()
        assert tickets.keys() == {purchase.id for _, purchase in purchases}
        return {str(key): (purchase, tickets[purchase.id]) for key, purchase in purchases}


def test_killed_postgresql_restarts_and_no_purchase_is_lost_or_doubled(desk):
    event = make.event()
    package = make.package(event, seats_per_package=2, quantity_limit=3 * PURCHASES)
    promo = make.promo_code(event, max_total_uses=PURCHASES)
    buyers = Buyers(desk, event, package, promo, make.token(make.staff(role="admin")))
    killed = desk.postmaster()

    buying = threading.Thread(target=buyers.buy, kwargs={"retry": True})
    buying.start()
    wait_until(lambda: len(buyers.answered) >= KILLED_AFTER)
    desk.kill_postgres()
    buying.join(120)

    assert len(buyers.answered) == PURCHASES
    assert desk.postmaster() != killed
    assert {key: str(purchase.id) for key, (purchase, _) in list_stored_purchases(event).items()} == {
        f"click-{number}": answer["id"] for number, answer in buyers.answered.items()
    }


@pytest.mark.parametrize("killed", ["the app and PostgreSQL", "the app"])
def test_kill_during_300_purchases_loses_doubles_or_halves_none(desk, killed):
    event = make.event()
    sold = sum(1 + number % 2 for number in range(PURCHASES))
    package = make.package(event, seats_per_package=2, quantity_limit=sold)
    promo = make.promo_code(event, max_total_uses=PURCHASES)
    buyers = Buyers(desk, event, package, promo, make.token(make.staff(role="admin")))

    buying = threading.Thread(target=buyers.buy)
    buying.start()
    wait_until(lambda: len(buyers.answered) >= KILLED_AFTER)
    desk.kill_app()
    if killed == "the app and PostgreSQL":
        desk.kill_postgres()
    buying.join(60)
    answered = dict(buyers.answered)
    assert KILLED_AFTER <= len(answered) < PURCHASES

    if killed == "the app and PostgreSQL":
        desk.reuse_killed_postgres_pid()
    desk.start()
    use_database(desk.database())
    stored = list_stored_purchases(event)
    for number, answer in answered.items():
        purchase, codes = stored[f"click-{number}"]
        assert (str(purchase.id), str(purchase.total)) == (answer["id"], answer["total"])
        assert codes == [ticket["code"] for ticket in answer["tickets"]]

    buyers.buy()
    assert len(buyers.answered) == PURCHASES
    assert {buyers.statuses[number] for number in answered} == {200}
    assert list(buyers.statuses.values()).count(201) == PURCHASES - len(stored)
    stored = list_stored_purchases(event)
    assert len(stored) == PURCHASES
    with db.read_session() as session:
        assert session.get_one(Package, package.id).sold_count == sold
        assert session.get_one(PromoCode, promo.id).current_uses == len(range(0, PURCHASES, 3))

"""PostgreSQL is gone for half a minute while 20 people work and 500 purchases come in.

Nothing is lost or doubled, every page goes on by itself, and what was typed is still there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from tests.browser.conftest import chromium, drawn, window  # noqa: F401
from tests.support import make
from tests.support.database import use_database
from tests.support.disposable_postgres import OwnPostgres, own_postgres
from tests.support.server import Running, running
from tests.support.websocket_pages import OpenPage
from ticketing import db
from ticketing.actors import Actor
from ticketing.db import migrations
from ticketing.models import Event, Package, Purchase
from ticketing.ops import verify

PURCHASES = 500
CLIENTS = 16
SECONDS_AWAY = 30
SECONDS_OF_PURCHASES = 40
OTHERS = (*[""] * 4, *["packages", "box_office", "promo_codes", "options"] * 3)
PATIENT = 60_000  # milliseconds: other tests run beside this one
AWAY = "The database does not answer."
KEEPS_ITS_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...given) { super(...given); window.sockets.push(this); }
    };
"""


class Buyers:
    """Clients of the donor site's kind, who come all the time and repeat what was not answered under the same key."""

    def __init__(self, server: Running, event: Event, package: Package, token: str) -> None:
        self._address = f"{server.url}/api/v1/events/{event.id}/tickets/purchases"
        self._body = {
            "package_id": str(package.id),
            "quantity": 1,
            "donor": {"name": "Ben", "email": "ben@example.org"},
        }
        self._token = token
        self.answered: dict[str, Any] = {}
        self.refusals: set[tuple[int, str]] = set()
        self.gave_up = threading.Event()

    def buy(self) -> None:
        began = time.monotonic()

        def client(first: int) -> None:
            with httpx.Client(headers={"Authorization": f"Bearer {self._token}"}, timeout=30) as http:
                for number in range(first, PURCHASES, CLIENTS):
                    time.sleep(max(0.0, began + number * SECONDS_OF_PURCHASES / PURCHASES - time.monotonic()))
                    self._buy_once(http, f"click-{number}")

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(client, range(CLIENTS)))

    def _buy_once(self, http: httpx.Client, key: str) -> None:
        while key not in self.answered and not self.gave_up.is_set():
            answer = http.post(self._address, json=self._body, headers={"Idempotency-Key": key})
            if answer.status_code in {200, 201}:
                self.answered[key] = answer.json()
            else:
                assert "retry-after" in answer.headers, answer.text
                self.refusals.add((answer.status_code, answer.json()["code"]))
                time.sleep(1)


@pytest.fixture
def own(database: str) -> Iterator[OwnPostgres]:
    with own_postgres() as postgres:
        use_database(postgres.url)
        migrations.migrate()
        yield postgres
        use_database(database)


@pytest.fixture
def server(own: OwnPostgres, tmp_path: Path) -> Iterator[Running]:
    with running(own.url, tmp_path) as server:
        yield server


@contextmanager
def opened(chromium: Browser, server: Running, person: Actor, path: str) -> Iterator[Page]:  # noqa: F811
    with window(chromium, viewport={"width": 1280, "height": 800}) as page:
        page.add_init_script(KEEPS_ITS_SOCKETS)
        typed = {"email": person.email, "password": make.PASSWORD}
        assert page.context.request.post(f"{server.url}/session/sign-in", form=typed).ok
        page.goto(server.url + path)
        drawn(page).evaluate("() => { window.neverReloaded = true }")
        yield page


def wait_for(what: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def main(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def revenue(page: Page) -> Locator:
    return main(page).get_by_test_id("stMetric").filter(has_text="Revenue")


def banner(page: Page) -> Locator:
    return page.locator(".st-key-away").get_by_role("alert")


def edit(page: Page, package: Package) -> Locator:
    page.locator(f".st-key-card_{package.id}").get_by_role("button", name="Actions").click()
    page.get_by_text("Edit", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value(package.name)
    return dialog


def test_half_a_minute_without_postgresql_loses_nothing_and_every_page_goes_on(chromium, own, server):  # noqa: F811
    event = make.event()
    package = make.package(event, name="Table", price="100")
    people = [make.staff(event=event, password=make.PASSWORD) for _ in range(4)]
    query = f"event={event.id}"
    buyers = Buyers(server, event, package, make.token(make.staff(role="admin")))
    with ExitStack() as all_pages:
        watching, selling, editing, alone = (
            all_pages.enter_context(opened(chromium, server, person, f"{path}?{query}"))
            for person, path in zip(people, ("/", "/box_office", "/packages", "/"), strict=True)
        )
        cookies = [server.cookie_of(person.email) for person in people]
        others = [
            OpenPage(server.url, cookies[number % len(cookies)], page, query, seconds_between_clicks=4 + number % 3)
            for number, page in enumerate(OTHERS)
        ]
        for other in others:
            other.start()
            all_pages.callback(other.close)
        main(selling).get_by_label("Donor's name").fill("Zoë Müller")
        dialog = edit(editing, package)
        dialog.get_by_label("Description").fill("My words.")
        buying = threading.Thread(target=buyers.buy)
        buying.start()
        all_pages.callback(buying.join)
        all_pages.callback(buyers.gave_up.set)
        expect(revenue(watching)).not_to_contain_text("$0", timeout=PATIENT)
        wait_for(lambda: all(other.drawn_at > 0 for other in others))

        own.stop()
        gone = time.monotonic()
        expect(banner(watching)).to_contain_text(AWAY)  # nobody touched that page
        main(selling).get_by_label("Quantity, in packages").fill("3")
        main(selling).get_by_label("Quantity, in packages").press("Tab")
        expect(banner(selling)).to_contain_text(AWAY)
        main(selling).get_by_label("Donor's e-mail address").fill("half@typed")  # the browser alone knows of it
        main(selling).get_by_label("Guests (optional)").fill("Ben Okafor")
        dialog.get_by_role("button", name="Save package").click()
        expect(dialog.get_by_role("alert")).to_contain_text(f"{AWAY} Nothing was saved")
        dialog.get_by_label("Name", exact=True).fill("Big Table")
        alone.evaluate("() => window.sockets.at(-1).close()")  # and cannot come back, since nobody knows who it is
        while time.monotonic() - gone < SECONDS_AWAY:
            selling.wait_for_timeout(250)
        assert len(buyers.answered) < PURCHASES
        assert all(other.drawn_at < gone + 10 for other in others)
        own.start()
        back = time.monotonic()

        expect(banner(selling)).to_have_count(0, timeout=PATIENT)
        expect(main(selling).get_by_text("Total $300.00")).to_be_visible(timeout=PATIENT)
        for field, typed in {
            "Donor's name": "Zoë Müller",
            "Donor's e-mail address": "half@typed",
            "Guests (optional)": "Ben Okafor",
            "Quantity, in packages": "3",
        }.items():
            expect(main(selling).get_by_label(field)).to_have_value(typed)
        expect(dialog.get_by_label("Name", exact=True)).to_have_value("Big Table")
        expect(dialog.get_by_label("Description")).to_have_value("My words.")
        dialog.get_by_role("button", name="Save package").click()
        expect(dialog).to_have_count(0)
        expect(main(editing).get_by_role("heading", name="Big Table")).to_be_visible()

        buying.join(90)
        assert not buying.is_alive()
        for page in (watching, alone):
            expect(revenue(page)).to_contain_text(f"${PURCHASES * 100:,}", timeout=PATIENT)
        wait_for(lambda: all(other.drawn_at > back for other in others))
        viewers = [other for other in others if other.figures]
        assert len(viewers) == OTHERS.count("")
        wait_for(lambda: [each.figures["Revenue"] for each in viewers] == [f"${PURCHASES * 100:,}"] * len(viewers))
        for page in (watching, selling, editing, alone):
            expect(banner(page)).to_have_count(0)
            assert page.evaluate("() => window.neverReloaded")
        told = {alert for other in others for alert in other.alerts}
        assert any(AWAY in alert for alert in told)
        assert not any("Something went wrong" in alert for alert in told)

    assert {code for code, _ in buyers.refusals} == {503}
    assert len(buyers.answered) == PURCHASES
    with db.reading() as session:
        assert verify.verify(session) == []
        stored = session.scalars(select(Purchase).where(Purchase.event_id == event.id)).all()
        assert session.get_one(Package, package.id).sold_count == PURCHASES
    assert {row.idempotency_key: str(row.id) for row in stored} == {
        key: answer["id"] for key, answer in buyers.answered.items()
    }
    assert "unexpected error" not in server.log.read_text()

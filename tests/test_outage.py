"""PostgreSQL is down for half a minute while 20 pages are in use and 500 purchases come in.

No purchase is lost or doubled, every page recovers by itself, and what users typed is still there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from tests.browser.conftest import chromium, wait_until_drawn  # noqa: F401
from tests.support import make
from tests.support.chromium import window
from tests.support.database import use_database
from tests.support.disposable_postgres import DisposablePostgres, run_disposable_postgres
from tests.support.server import RunningServer, run_server
from tests.support.till_page import find_quantity, find_tile, unfold_guests
from tests.support.waiting import wait_until
from tests.support.websocket_pages import OpenPage
from ticketing import db
from ticketing.actors import Actor
from ticketing.db import migrations
from ticketing.models import Event, Order, Package, Purchase
from ticketing.ops import verify

PURCHASES = 500
CLIENTS = 16
OUTAGE_SECONDS = 30
PURCHASING_SECONDS = 40
OTHER_PAGES = (*[""] * 4, *["packages", "box_office", "promo_codes", "options"] * 3)
PAGE_TIMEOUT_MS = 60_000  # other tests run at the same time
OUTAGE_MESSAGE = "The database does not answer."
RECORD_SOCKETS_SCRIPT = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(...args) { super(...args); window.sockets.push(this); }
    };
"""


class Buyers:
    """Clients that buy at a steady rate, and repeat failed requests with the same idempotency key."""

    def __init__(self, server: RunningServer, event: Event, package: Package, token: str) -> None:
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
                    time.sleep(max(0.0, began + number * PURCHASING_SECONDS / PURCHASES - time.monotonic()))
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
def own(database: str) -> Iterator[DisposablePostgres]:
    with run_disposable_postgres() as postgres:
        use_database(postgres.url)
        migrations.migrate()
        yield postgres
        use_database(database)


@pytest.fixture
def server(own: DisposablePostgres, tmp_path: Path) -> Iterator[RunningServer]:
    with run_server(own.url, tmp_path) as server:
        yield server


@contextmanager
def open_page(chromium: Browser, server: RunningServer, person: Actor, path: str) -> Iterator[Page]:  # noqa: F811
    with window(chromium, viewport={"width": 1280, "height": 800}) as page:
        page.add_init_script(RECORD_SOCKETS_SCRIPT)
        typed = {"email": person.email, "password": make.PASSWORD}
        assert page.context.request.post(f"{server.url}/session/sign-in", form=typed).ok
        page.goto(server.url + path)
        wait_until_drawn(page).evaluate("() => { window.neverReloaded = true }")
        yield page


def get_main_area(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def get_revenue_tile(page: Page) -> Locator:
    return get_main_area(page).locator(".tile:has(.label:text-is('Revenue'))")


def get_banner(page: Page) -> Locator:
    return page.locator(".st-key-away").get_by_role("alert")


def open_edit_dialog(page: Page, package: Package) -> Locator:
    page.locator(f".st-key-card_{package.id}").get_by_role("button", name="Actions").click()
    page.get_by_text("Edit", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value(package.name)
    return dialog


def test_outage_of_half_a_minute_loses_nothing_and_pages_recover(chromium, own, server):  # noqa: F811
    event = make.event()
    package = make.package(event, name="Table", price="100")
    people = [make.staff(event=event, password=make.PASSWORD) for _ in range(4)]
    query = f"event={event.id}"
    buyers = Buyers(server, event, package, make.token(make.staff(role="admin")))
    with ExitStack() as all_pages:
        watching, selling, editing, alone = (
            all_pages.enter_context(open_page(chromium, server, person, f"{path}?{query}"))
            for person, path in zip(people, ("/", "/box_office", "/packages", "/"), strict=True)
        )
        cookies = [server.get_session_cookie(person.email) for person in people]
        others = [
            OpenPage(server.url, cookies[number % len(cookies)], page, query, seconds_between_clicks=4 + number % 3)
            for number, page in enumerate(OTHER_PAGES)
        ]
        for other in others:
            other.start()
            all_pages.callback(other.close)
        find_tile(get_main_area(selling), "Table").click()
        unfold_guests(get_main_area(selling))
        get_main_area(selling).get_by_label("Donor's name").fill("Zoë Müller")
        dialog = open_edit_dialog(editing, package)
        dialog.get_by_label("Description").fill("My words.")
        buying = threading.Thread(target=buyers.buy)
        buying.start()
        all_pages.callback(buying.join)
        all_pages.callback(buyers.gave_up.set)
        expect(get_revenue_tile(watching)).not_to_contain_text("$0", timeout=PAGE_TIMEOUT_MS)
        wait_until(lambda: all(other.last_redraw_at > 0 for other in others))

        own.stop()
        stopped_at = time.monotonic()
        expect(get_banner(watching)).to_contain_text(OUTAGE_MESSAGE)  # without any click on that page
        find_quantity(get_main_area(selling), "Table").fill("3")
        expect(get_banner(selling)).to_contain_text(OUTAGE_MESSAGE)
        get_main_area(selling).get_by_label("E-mail address").fill("half@typed")
        get_main_area(selling).get_by_label("Guests (optional)").fill("Ben Okafor")
        dialog.get_by_role("button", name="Save package").click()
        expect(dialog.get_by_role("alert")).to_contain_text(f"{OUTAGE_MESSAGE} Nothing was saved")
        dialog.get_by_label("Name", exact=True).fill("Big Table")
        alone.evaluate(
            "() => window.sockets.at(-1).close()"
        )  # and cannot reconnect, since the session cannot be looked up
        while time.monotonic() - stopped_at < OUTAGE_SECONDS:
            selling.wait_for_timeout(250)
        assert len(buyers.answered) < PURCHASES
        assert all(other.last_redraw_at < stopped_at + 10 for other in others)
        own.start()
        started_at = time.monotonic()

        expect(get_banner(selling)).to_have_count(0, timeout=PAGE_TIMEOUT_MS)
        expect(get_main_area(selling).get_by_text("Record sale, $300.00")).to_be_visible(timeout=PAGE_TIMEOUT_MS)
        for field, typed in {
            "Donor's name": "Zoë Müller",
            "E-mail address": "half@typed",
            "Guests (optional)": "Ben Okafor",
            "Quantity: Table": "3",
        }.items():
            expect(get_main_area(selling).get_by_label(field)).to_have_value(typed)
        expect(dialog.get_by_label("Name", exact=True)).to_have_value("Big Table")
        expect(dialog.get_by_label("Description")).to_have_value("My words.")
        dialog.get_by_role("button", name="Save package").click()
        expect(dialog).to_have_count(0)
        expect(get_main_area(editing).get_by_role("heading", name="Big Table")).to_be_visible()

        buying.join(90)
        assert not buying.is_alive()
        for page in (watching, alone):
            expect(get_revenue_tile(page)).to_contain_text(f"${PURCHASES * 100:,}", timeout=PAGE_TIMEOUT_MS)
        wait_until(lambda: all(other.last_redraw_at > started_at for other in others))
        viewers = [other for other in others if other.figures]
        assert len(viewers) == OTHER_PAGES.count("")
        wait_until(lambda: [each.figures["Revenue"] for each in viewers] == [f"${PURCHASES * 100:,}"] * len(viewers))
        for page in (watching, selling, editing, alone):
            expect(get_banner(page)).to_have_count(0)
            assert page.evaluate("() => window.neverReloaded")
        alerts = {alert for other in others for alert in other.alerts}
        assert any(OUTAGE_MESSAGE in alert for alert in alerts)
        assert not any("Something went wrong" in alert for alert in alerts)

    assert {code for code, _ in buyers.refusals} == {503}
    assert len(buyers.answered) == PURCHASES
    with db.read_session() as session:
        assert verify.verify(session) == []
        stored = session.execute(
            select(Order.idempotency_key, Purchase.id)
            .join(Purchase, Purchase.order_id == Order.id)
            .where(Order.event_id == event.id)
        ).all()
        assert session.get_one(Package, package.id).sold_count == PURCHASES
    assert {key: str(id) for key, id in stored} == {key: answer["id"] for key, answer in buyers.answered.items()}
    assert "unexpected error" not in server.log.read_text()

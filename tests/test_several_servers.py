"""Two app servers behind nginx, with PgBouncer and a replica, from the files of deploy/."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import signal
import socket
import threading
import uuid
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select, text

from tests.browser.conftest import chromium, skip_or_fail, wait_until_drawn, window
from tests.support import deployment, image_samples, make
from tests.support.database import use_database
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.actors import OPERATOR, Actor
from ticketing.db import replica
from ticketing.errors import Unavailable
from ticketing.models import Event, Order, Purchase
from ticketing.ops import verify
from ticketing.reporting import figures
from ui.runtime import reconnect

__all__ = ["chromium"]  # the browser's own fixture
SERVER_NAMES = ("one", "two")
PURCHASES, KILLED_AFTER, CLIENTS = 120, 40, 8


@pytest.fixture(scope="module")
def running() -> Iterator[Deployment]:
    if packages := deployment.list_missing_packages():
        skip_or_fail(f"apt-get install {' '.join(packages)}")
    with deployment.run_deployment() as deployed:
        yield deployed


@pytest.fixture
def desk(running: Deployment, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The deployment, with this process using its primary and its replica."""
    use_database(running.database("primary"))
    monkeypatch.setenv("READ_DATABASE_URL", running.database("replica"))
    replica.stop()
    yield running
    replica.stop()
    use_database(database)


@pytest.fixture
def event(desk: Deployment) -> Event:
    return make.event()


@pytest.fixture
def seller(event: Event) -> Actor:
    return make.staff(event=event, password=make.PASSWORD)


@pytest.fixture
def token(event: Event) -> str:
    return make.token(make.staff(event=event))


def create_direct_client(desk: Deployment, name: str, **how: Any) -> httpx.Client:
    """Return a client of one app server, bypassing nginx."""
    return httpx.Client(base_url=f"http://127.0.0.1:{desk.ports[name]}", timeout=30, **how)


def list_upstreams(desk: Deployment, pattern: str) -> list[str]:
    """Return the servers that answered the requests in nginx's log that match, in order."""
    names = {str(desk.ports[name]): name for name in SERVER_NAMES}
    upstreams = re.findall(
        rf'"\S+ {pattern}" \d+ \d+ \S+ ((?:127\.0\.0\.1:\d+(?:, )?)+)', (desk.folder / "access.log").read_text()
    )
    return [names[tried.rpartition(":")[2]] for tried in upstreams]


def export_sales(desk: Deployment, event: Event, token: str) -> list[dict[str, str]]:
    answer = httpx.get(
        f"{desk.url}/api/v1/admin/events/{event.id}/tickets/sales/export", headers=get_auth_headers(token), timeout=30
    )
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def get_auth_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def list_export_databases(desk: Deployment, event: Event) -> list[str]:
    """Return the databases whose log has the export of this event."""
    return [
        name
        for name in ("primary", "replica")
        for entry in re.split(r"^\d{4}-", desk.log(name), flags=re.MULTILINE)
        if "COPY (" in entry and event.id.hex in entry
    ]


@pytest.mark.parametrize("cookie", ["ticketdesk_session", "_xsrf=1; __Host-ticketdesk_session"])
def test_users_stick_to_one_server_and_use_both_together(desk, cookie):
    place = make.unique("nowhere")
    with httpx.Client(base_url=desk.url) as browser:
        for visit in range(2):
            for number in range(23):  # odd, so that round robin would switch servers
                browser.get(f"/{place}/{number}-{visit}", headers={"Cookie": f"{cookie}=person-{number}"})

    wait_until(lambda: len(list_upstreams(desk, f"/{place}/.*")) == 46)
    seen = [set(list_upstreams(desk, rf"/{place}/{number}-\d")) for number in range(23)]
    assert {len(servers) for servers in seen} == {1}
    assert set.union(*seen) == set(SERVER_NAMES)


def test_requests_of_one_token_go_to_both_servers(desk, event, token):
    path = f"/api/v1/events/{event.id}/tickets/packages"
    with httpx.Client(base_url=desk.url, headers=get_auth_headers(token)) as program:
        assert {program.get(path).status_code for _ in range(4)} == {200}

    assert set(wait_until(lambda: len(seen := list_upstreams(desk, path)) == 4 and seen)) == set(SERVER_NAMES)


def test_invitation_secret_is_in_no_nginx_log(desk):
    secret = uuid.uuid4().hex
    httpx.get(f"{desk.url}/session/invitation", params={"code": secret})

    wait_until(lambda: list_upstreams(desk, "/session/invitation"))
    with socket.create_connection(("127.0.0.1", desk.ports["nginx"]), timeout=10) as too_large:
        headers = "Host: localhost\r\nContent-Length: 99999999\r\n\r\n"
        too_large.sendall(f"POST /session/invitation?code={secret} HTTP/1.1\r\n{headers}".encode())
        assert b" 413 " in too_large.recv(4096)  # nginx writes this to its error log, too
    assert secret not in (desk.folder / "access.log").read_text() + desk.log("nginx")


def test_sign_in_and_sign_out_hold_on_both_servers(desk, seller):
    with create_direct_client(desk, "one") as one, create_direct_client(desk, "two") as two:
        typed = {"email": seller.email, "password": make.PASSWORD}
        assert one.post("/session/sign-in", data=typed).status_code == 303
        two.cookies = one.cookies
        page = f"/export/{seller.staff_id}/purchases.csv"
        assert [client.get(page).status_code for client in (one, two)] == [404, 404]

        cookie = one.cookies["ticketdesk_session"]
        assert two.post("/session/sign-out").status_code == 303
        one.cookies.set("ticketdesk_session", cookie)
        assert one.get(page).status_code == 401


def test_wrong_passwords_are_counted_across_servers(desk, seller):
    with create_direct_client(desk, "one") as one, create_direct_client(desk, "two") as two:
        wrong = {"email": seller.email, "password": "not the password"}
        answers = [client.post("/session/sign-in", data=wrong).status_code for client in (one, two, one, two, one, two)]

    assert answers == [422] * 5 + [429]


def test_picture_uploaded_to_one_server_is_served_by_the_other(desk, event, token):
    package = make.package(event)
    path = f"/api/v1/admin/events/{event.id}/tickets/packages/{package.id}/image"
    with (
        create_direct_client(desk, "one", headers=get_auth_headers(token)) as one,
        create_direct_client(desk, "two", headers=get_auth_headers(token)) as two,
    ):
        sent = one.post(
            path, files={"image": ("table.png", image_samples.make_image_file(), "image/png")}, data={"alt": "A table"}
        )
        assert sent.status_code == 200, sent.text
        fetched = [client.get(sent.json()["image_url"]) for client in (one, two)]

    assert [answer.status_code for answer in fetched] == [200, 200]
    assert fetched[0].content == fetched[1].content


def test_connections_are_shared_between_transactions(desk):
    address = desk.database("pgbouncer").rpartition("/")[0] + "/pgbouncer"
    with psycopg.connect(address, autocommit=True, cursor_factory=psycopg.ClientCursor) as console:
        cursor = console.execute("SHOW POOLS")
        names = [column.name for column in cursor.description]
        pools = [dict(zip(names, row, strict=True)) for row in cursor]

    (pool,) = [each for each in pools if each["database"] == "ticketdesk"]
    assert pool["pool_mode"] == "transaction"
    assert pool["cl_active"] > 0
    prepared = "SELECT count(*) FROM pg_prepared_statements"
    with psycopg.connect(desk.database("pgbouncer"), autocommit=True, prepare_threshold=None) as connection:
        assert connection.execute(prepared).fetchone() == (0,)


def test_reports_and_exports_are_read_from_the_replica(desk, event, token):
    make.purchase(event, make.package(event))
    assert len(export_sales(desk, event, token)) == 1
    summary = httpx.get(
        f"{desk.url}/api/v1/admin/events/{event.id}/tickets/sales/summary", headers=get_auth_headers(token), timeout=30
    )

    assert summary.json()["purchases"] == 1
    assert list_export_databases(desk, event) == ["replica"]
    assert get_figures_source(event) == "replica"


def get_figures_source(event: Event) -> str:
    """Return which database `replica.read` of this process uses."""

    def work(session: db.Session) -> bool:
        assert figures.get_figures(session, OPERATOR, event.id)
        return bool(session.scalar(text("SELECT pg_is_in_recovery()")))

    return "replica" if replica.read(work) else "primary"


@pytest.fixture
def lagging_replica(desk: Deployment) -> Iterator[None]:
    """A replica that receives WAL and does not replay it."""
    desk.run_as_superuser("replica", "SELECT pg_wal_replay_pause()")
    wait_until(lambda: desk.run_as_superuser("replica", "SELECT pg_get_wal_replay_pause_state()") == "paused")
    yield
    desk.run_as_superuser("replica", "SELECT pg_wal_replay_resume()")


def test_export_contains_the_latest_sale_while_the_replica_lags(desk, event, token, lagging_replica):
    package = make.package(event)
    for number in range(1, 4):
        bought = make.purchase(event, package)
        rows = export_sales(desk, event, token)
        assert str(bought.purchase.id) in [row["purchase_id"] for row in rows]
        assert len(rows) == number
        assert replica.read(lambda s: figures.get_figures(s, OPERATOR, event.id)).purchases == number

    assert list_export_databases(desk, event) == ["primary"] * 3
    state = replica.state()
    assert state.condition == "behind"
    assert state.lag_bytes > 0
    assert state.seconds > 0


def test_replica_is_read_again_once_it_caught_up(desk, event):
    wait_until(lambda: desk.health("one")["replica"]["condition"] == "following")
    wait_until(lambda: get_figures_source(event) == "replica")


def test_primary_is_read_while_the_replica_is_away(desk, event, token):
    package = make.package(event)
    make.purchase(event, package)
    desk.stop("replica", signal.SIGINT)
    try:
        assert replica.read(lambda s: figures.get_figures(s, OPERATOR, event.id)).purchases == 1
        assert replica.state() == replica.State("away")
        assert len(export_sales(desk, event, token)) == 1
        assert list_export_databases(desk, event) == ["primary"]
        wait_until(lambda: desk.health("one")["replica"]["condition"] == "away" and desk.health("one")["ready"])
    finally:
        desk.start_postgres("replica")

    wait_until(lambda: get_figures_source(event) == "replica")
    assert replica.state().condition == "following"


def test_report_canceled_by_the_replica_is_read_from_the_primary(desk, event):
    wait_until(lambda: get_figures_source(event) == "replica")
    seen = []

    def work(session: db.Session) -> int:
        seen.append(session.scalar(text("SELECT pg_is_in_recovery()")))
        if seen[-1]:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return figures.get_figures(session, OPERATOR, event.id).purchases

    assert replica.read(work) == 0
    assert seen == [True, False]


def test_primary_without_wal_functions_is_read_for_everything(desk, event):
    address = f"host={desk.folder} port={desk.ports['primary']} user=postgres dbname=ticketdesk"
    with psycopg.connect(address, autocommit=True) as superuser:
        superuser.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        try:
            assert get_figures_source(event) == "primary"
            assert replica.state() == replica.State("away")
        finally:
            superuser.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


@pytest.mark.parametrize("has_begun", [False, True])
def test_export_canceled_by_the_replica_restarts_unless_a_chunk_was_sent(desk, event, has_begun):
    wait_until(lambda: get_figures_source(event) == "replica")

    async def chunks(connection: psycopg.AsyncConnection[Any]) -> AsyncGenerator[bytes, None]:
        (is_replica,) = await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone()
        if has_begun:
            yield b"begun "
        if is_replica:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        yield b"whole"

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in replica.stream(chunks)])

    with ThreadPoolExecutor(1) as other_thread:
        streamed = other_thread.submit(asyncio.run, collect())
        if has_begun:
            with pytest.raises(Unavailable):
                streamed.result()
        else:
            assert streamed.result() == b"whole"


class Buyers:
    """The donor site, which repeats each purchase with the same idempotency key until a server answers."""

    def __init__(self, desk: Deployment, event: Event, token: str) -> None:
        package = make.package(event, quantity_limit=PURCHASES)
        self.address = f"{desk.url}/api/v1/events/{event.id}/tickets/purchases"
        self.body = {"package_id": str(package.id), "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}}
        self.token = token
        self.answered: dict[str, Any] = {}

    def buy(self) -> None:
        with ThreadPoolExecutor(CLIENTS) as clients:
            keys = [f"click-{number}" for number in range(PURCHASES)]
            list(clients.map(lambda key: wait_until(lambda: self._is_bought(key)), keys))

    def _is_bought(self, key: str) -> bool:
        headers = get_auth_headers(self.token) | {"Idempotency-Key": key}
        try:
            answer = httpx.post(self.address, json=self.body, headers=headers, timeout=30)
        except httpx.HTTPError:
            answer = None
        if answer is None or answer.status_code in (502, 504):
            return False
        assert answer.status_code in (200, 201), answer.text
        self.answered[key] = answer.json()
        return True


def find_paid_orders(page: Page) -> Any:
    return page.locator(".tile").get_by_text(re.compile(r"^[\d,]+ paid orders?$"))


def test_killed_server_loses_no_purchase_and_its_pages_reconnect_to_the_other(
    desk: Deployment, chromium: Browser, event: Event, seller: Actor, token: str
) -> None:
    buyers = Buyers(desk, event, token)
    make.purchase(event, make.package(event))
    with window(chromium, viewport={"width": 1280, "height": 800}) as page:
        typed = {"email": seller.email, "password": make.PASSWORD}
        assert page.context.request.post(f"{desk.url}/session/sign-in", form=typed).ok
        page.goto(f"{desk.url}/sales?event={event.id}")
        expect(find_paid_orders(wait_until_drawn(page))).to_have_text("1 paid order")
        expect(page.get_by_text(reconnect.CONNECTION_LOST_MESSAGE)).to_have_count(0)
        box_office = page.context.new_page()
        box_office.goto(f"{desk.url}/box_office?event={event.id}")
        wait_until_drawn(box_office).get_by_label("Donor's name").fill("Half typed")
        expect(box_office.get_by_role("button", name="Start over")).to_be_visible()  # it is stored
        killed = list_upstreams(desk, "/_stcore/host-config")[-1]
        buying = threading.Thread(target=buyers.buy)
        buying.start()
        wait_until(lambda: len(buyers.answered) >= KILLED_AFTER)
        before = len(buyers.answered)
        desk.stop(killed, signal.SIGKILL)
        try:
            # Without a click the pages reconnect to the other server, say so, and show the sales since.
            for each in (page, box_office):
                expect(each.get_by_text(reconnect.CONNECTION_LOST_MESSAGE)).to_be_visible()
            expect(wait_until_drawn(box_office).get_by_label("Donor's name")).to_have_value("Half typed")
            buying.join(60)
            expect(find_paid_orders(page)).to_have_text(f"{PURCHASES + 1} paid orders")
            make.purchase(event, make.package(event))
            expect(find_paid_orders(page)).to_have_text(f"{PURCHASES + 2} paid orders")
        finally:
            desk.start_app(killed)
            wait_until(lambda: desk.is_app_ready(killed))

    assert before < PURCHASES
    assert len(buyers.answered) == PURCHASES
    with db.read_session() as session:
        assert verify.verify(session) == []
        stored = session.execute(
            select(Order.idempotency_key, Purchase.id)
            .join(Purchase, Purchase.order_id == Order.id)
            .where(Order.event_id == event.id, Order.idempotency_key.is_not(None))
        ).all()
    assert {key: str(id) for key, id in stored} == {key: answer["id"] for key, answer in buyers.answered.items()}


def test_nginx_refuses_a_flood_of_forms_and_serves_everything_else(desk):
    """Last in this file: afterwards the forms of this machine are refused for a while."""
    codes = [httpx.post(f"{desk.url}/session/sign-out", timeout=30).status_code for _ in range(200)]
    assert (set(codes), codes.count(303) > 50) == ({303, 429}, True)
    assert {httpx.get(f"{desk.url}/session/style.css").status_code for _ in range(100)} == {200}

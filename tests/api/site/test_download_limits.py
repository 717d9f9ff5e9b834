"""How many downloads run at once, and what they answer while the database does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from sqlalchemy.engine import make_url

from api.site import streamed_csv
from api.site.streamed_csv import MAX_DOWNLOADS
from tests.support import make
from tests.support.database import use_database
from tests.support.disposable_postgres import DisposablePostgres, run_disposable_postgres
from tests.support.metric_values import assert_increases, get_value
from tests.support.problems import assert_problem
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.db import backup, migrations
from ticketing.db.replica import RESERVED_CONNECTIONS
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import csv_export
from ticketing.reporting.downloads import Download

pytestmark = pytest.mark.system  # pg_dump

RUNNING = "ticketdesk_downloads_running"


def export(call, event, verb="GET"):
    return call(verb, f"/admin/events/{event.id}/tickets/sales/export")


@contextmanager
def run_downloads(programs, event, *, each) -> Iterator[list[Future]]:
    """Run downloads that wait for a table, and let them go on at the end."""
    with ThreadPoolExecutor(len(programs) * each) as threads, psycopg.connect(db.libpq_url()) as held:
        held.execute("LOCK TABLE purchases IN ACCESS EXCLUSIVE MODE")
        before = get_value(RUNNING)
        futures = [threads.submit(export, program, event) for program in programs for _ in range(each)]
        wait_until(lambda: get_value(RUNNING) == before + len(futures))
        yield futures
        held.rollback()


@pytest.fixture
def sold(event):
    make.purchase(event, make.package(event))
    return event


@pytest.fixture
def admins(program):
    return [program(make.staff(role="admin")) for _ in range(MAX_DOWNLOADS // 2 + 1)]


def test_third_download_of_a_person_is_refused_whatever_the_way(admins, program, browser, sign_in, sold):
    person = sign_in(role="admin")
    with run_downloads([program(person)], sold, each=2) as running:
        with assert_increases(1, "ticketdesk_refusals_total", code="rate_limited", reason=""):
            problem = assert_problem(export(program(person), sold), 429, "rate_limited")
        from_browser = browser.get(f"/export/{sold.id}/guests.csv")
        audit_log = browser.get(f"/export/{sold.id}/audit.csv")
        of_another = export(admins[0], sold, "HEAD")

    sentence = "2 of your downloads are still running. Wait until one has ended, or cancel one. Try again in 5 seconds."
    assert problem["detail"] == sentence
    for answer in (from_browser, audit_log):
        assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (429, sentence, "5")
    assert of_another.status_code == 405
    assert [future.result().status_code for future in running] == [200, 200]
    assert export(program(person), sold).status_code == 200
    assert get_value(RUNNING) == 0


def test_ninth_download_of_a_server_is_refused(admins, sold):
    *busy, other = admins
    with run_downloads(busy, sold, each=2) as running:
        refused = export(other, sold)

    problem = assert_problem(refused, 503, "too_busy")
    assert problem["detail"] == "This server is sending as many downloads as it can at once. Try again in a moment."
    assert refused.headers["retry-after"] == "5"
    assert [future.result().status_code for future in running] == [200] * 8
    assert export(other, sold).status_code == 200


def test_download_that_takes_too_long_gives_its_slot_back(sold, monkeypatch):
    monkeypatch.setattr(streamed_csv, "MAX_DOWNLOAD_SECONDS", 0.2)
    with db.read_session() as session:
        export = csv_export.build_sales_export(session, OPERATOR, sold.id, PurchaseFilter())
    response = streamed_csv.StreamedCsv(Download(OPERATOR, sold.id, "purchases.csv", export), "purchases", {})

    async def wait_forever(*_message) -> None:
        await asyncio.Event().wait()

    with assert_increases(1, "ticketdesk_downloads_total", kind="purchases", outcome="canceled"):
        asyncio.run(response({"type": "http", "method": "GET"}, wait_forever, wait_forever))
    assert get_value(RUNNING) == 0


def test_page_of_a_refused_download_tries_again_by_itself(admins, browser, sign_in, sold):
    sign_in(role="admin")
    with run_downloads(admins[:-1], sold, each=2):
        answer = browser.get(f"/export/{sold.id}/purchases.csv", headers={"Accept": "text/html"})

    assert (answer.status_code, answer.headers["refresh"]) == (503, "5")
    assert "as many downloads as it can at once. This page tries again by itself." in answer.text


def test_head_request_of_a_download_reads_no_rows(browser, sign_in, sold):
    sign_in(role="admin")
    with psycopg.connect(db.libpq_url()) as held:
        held.execute("LOCK TABLE purchases IN ACCESS EXCLUSIVE MODE")
        answer = browser.head(f"/export/{sold.id}/purchases.csv")

    assert (answer.status_code, answer.content) == (200, b"")
    assert "attachment" in answer.headers["content-disposition"]


@pytest.fixture
def postgres_of_its_own(database: str) -> Iterator[DisposablePostgres]:
    """A PostgreSQL with the tables, and a role `clerk` without special rights."""
    with run_disposable_postgres() as postgres:
        use_database(postgres.url)
        migrations.migrate()
        with psycopg.connect(postgres.url) as connection:
            connection.execute("CREATE ROLE clerk LOGIN; GRANT pg_read_all_data, pg_write_all_data TO clerk")
        yield postgres
        use_database(database)


def list_sessions(connection):
    """Return the process ids of the sessions that count against PostgreSQL's max_connections."""
    return {
        row[0] for row in connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
    }


def test_last_connections_of_the_database_are_kept_for_a_backup(program, postgres_of_its_own, tmp_path):
    url = postgres_of_its_own.url
    call, event = program(make.staff(role="admin")), make.event()
    use_database(make_url(url).set(username="clerk").render_as_string(hide_password=False))
    assert export(call, event).status_code == 200
    with psycopg.connect(url, autocommit=True) as asking, ExitStack() as others:
        (usable,) = asking.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        ).fetchone()

        def leave(count):
            wait_until(lambda: len(list_sessions(asking)) <= usable - count)
            for _ in range(usable - count - len(list_sessions(asking))):
                others.enter_context(psycopg.connect(url))

        def try_export():
            before = list_sessions(asking)
            answer = export(call, event)
            wait_until(lambda: list_sessions(asking) <= before)  # a session ends a little later than its connection
            return answer

        try_export()
        leave(RESERVED_CONNECTIONS + 1)
        assert try_export().status_code == 200
        leave(RESERVED_CONNECTIONS)
        assert_problem(try_export(), 503, "too_busy")
        assert backup.create(tmp_path / "gala.backup").events == 1
        leave(0)
        assert_problem(try_export(), 503, "too_busy")

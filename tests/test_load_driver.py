"""The load driver tells the truth: it acts for real, counts every purchase, and cannot pass with the product broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from bench.load.environment import Environment, create_environment, start_servers
from bench.load.recorder import Recorder
from bench.load.run import Load, run_load
from tests.support.database import DatabaseServer, use_database
from tests.support.server import RunningServer, find_free_port
from ticketing import db
from ticketing.models import Purchase

WHAT_STAFF_DO = {
    "choose what is sold", "go to Box office", "go to Guests", "go to Packages", "go to Purchasers", "go to Sales",
    "open a package's form", "record a sale", "save a package", "search a purchaser", "switch the guests' view",
    "switch the sales page",
}  # fmt: skip
WHAT_DONORS_DO = {f"Donor site: {what}" for what in ("list packages", "try a code", "buy", "buy again")}
PEOPLE = 5


@pytest.fixture(scope="module")
def desk(
    postgres: DatabaseServer, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Environment, RunningServer]]:
    """An event with people, on a server and a database of this file's own."""
    use_database(postgres.create())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TICKETDESK_SECRET", "known to this file alone")
        scene = create_environment(PEOPLE, purchases=200)
        with start_servers(tmp_path_factory.mktemp("load")) as (server,):
            yield scene, server
    use_database(database)


def test_people_and_a_donor_site_at_work_make_no_error_and_every_purchase_is_accounted_for(desk):
    scene, server = desk
    before = scene.sold()

    load = Load(PEOPLE, seconds=60, pause=0.2, donors_per_minute=300, settle_seconds=0)
    outcome = run_load(
        scene, [server], load, stop_when=lambda ledger: ledger.action_seconds.keys() >= WHAT_STAFF_DO | WHAT_DONORS_DO
    )

    assert outcome.errors == {}
    assert outcome.recorder.sold == {email: total for email, total in scene.sold().items() if email not in before}
    assert outcome.recorder.action_seconds.keys() >= WHAT_STAFF_DO | WHAT_DONORS_DO
    assert channels(scene, set(outcome.recorder.sold)) == {"online", "card_terminal"}
    assert outcome.usage.server_cpu > 0
    assert outcome.usage.connections > 0


def test_a_purchase_stored_otherwise_than_its_buyer_was_told_is_an_error(desk):
    scene, server = desk
    with changed(
        "CREATE FUNCTION to_somebody_else() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN NEW.purchaser_email := concat(''x'', NEW.purchaser_email); RETURN NEW; END';"
        "CREATE TRIGGER to_somebody_else BEFORE INSERT ON purchases FOR EACH ROW EXECUTE FUNCTION to_somebody_else()",
        back="DROP TRIGGER to_somebody_else ON purchases",
    ):
        errors = run_load(
            scene, [server], Load(1, seconds=60, pause=9, donors_per_minute=600, settle_seconds=0), stop_when=has_sold
        ).errors

    assert any("and was told nothing" in error for error in errors), errors
    assert any("bought for nothing" in error for error in errors), errors


def test_a_page_that_breaks_is_an_error(desk):
    scene, server = desk
    with changed(
        "ALTER TABLE events RENAME COLUMN revenue_goal TO goal",
        back="ALTER TABLE events RENAME COLUMN goal TO revenue_goal",
    ):
        errors = run_load(
            scene,
            [server],
            Load(1, seconds=60, pause=0, donors_per_minute=0, settle_seconds=0),
            stop_when=has_failed_twice,
        ).errors

    assert any("Something went wrong" in error for error in errors), errors
    assert any(error.startswith("open Ticket Desk: ") for error in errors), errors
    assert any("in the server's log: " in error and "revenue_goal" in error for error in errors), errors


def test_a_server_that_is_gone_is_an_error(desk):
    scene, server = desk
    gone = replace(server, url=f"http://localhost:{find_free_port()}")

    errors = run_load(
        scene, [gone], Load(1, seconds=60, pause=9, donors_per_minute=600, settle_seconds=0), stop_when=has_failed_twice
    ).errors

    assert any("no connection" in error for error in errors), errors
    assert any("no answer" in error for error in errors), errors


def has_sold(ledger: Recorder) -> bool:
    return bool(ledger.sold)


def has_failed_twice(ledger: Recorder) -> bool:
    return len(ledger.errors) > 1


def channels(scene: Environment, donors: set[str]) -> set[str]:
    with db.read_session() as session:
        sold = session.event_query_params(Purchase).filter(Purchase.event_id == scene.event.id)
        return {purchase.channel for purchase in sold if purchase.purchaser_email in donors}


@contextmanager
def changed(statements: str, *, back: str) -> Iterator[None]:
    """The database, behind the app's back."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statements)
        try:
            yield
        finally:
            connection.execute(back)

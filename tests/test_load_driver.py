"""The load driver acts for real, counts every purchase, and reports errors of a broken product."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import select

from bench.load.environment import Environment, create_environment, start_servers
from bench.load.recorder import Recorder
from bench.load.run import Load, run_load
from tests.support.database import DatabaseServer, use_database
from tests.support.server import RunningServer, find_free_port
from ticketing import db
from ticketing.models import Purchase

pytestmark = pytest.mark.system  # runs a server

STAFF_ACTIONS = {
    "choose what is sold",
    "go to Box office",
    "go to Guests",
    "go to Packages",
    "go to Purchasers",
    "go to Sales",
    "open a package's form",
    "record a sale",
    "save a package",
    "search a purchaser",
    "switch the guests' view",
    "switch the sales page",
}
DONOR_ACTIONS = {f"Donor site: {action}" for action in ("list packages", "try a code", "buy", "buy again")}
PEOPLE = 5


@pytest.fixture(scope="module")
def running_event(
    postgres: DatabaseServer, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Environment, RunningServer]]:
    """An event with staff, on a server and a database for this module."""
    use_database(postgres.create())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKETDESK_SECRET", "secret of this module, and long enough")
        environment = create_environment(PEOPLE, purchases=200)
        with start_servers(tmp_path_factory.mktemp("load")) as (server,):
            yield environment, server
    use_database(database)


def test_run_without_errors_accounts_for_every_purchase(running_event):
    environment, server = running_event
    before = environment.read_purchase_totals()

    load = Load(PEOPLE, seconds=60, pause=0.2, donors_per_minute=300, settle_seconds=0)
    outcome = run_load(
        environment,
        [server],
        load,
        stop_when=lambda recorder: recorder.action_seconds.keys() >= STAFF_ACTIONS | DONOR_ACTIONS,
    )

    assert outcome.errors == {}
    stored = environment.read_purchase_totals().items()
    assert outcome.recorder.sold == {email: total for email, total in stored if email not in before}
    assert outcome.recorder.action_seconds.keys() >= STAFF_ACTIONS | DONOR_ACTIONS
    assert list_channels(environment, set(outcome.recorder.sold)) == {"online", "card_terminal"}
    assert outcome.usage.server_cpu > 0
    assert outcome.usage.connections > 0


def test_purchase_stored_differently_than_confirmed_is_an_error(running_event):
    environment, server = running_event
    with changed_schema(
        "CREATE FUNCTION change_donor() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN NEW.purchaser_email := concat(''x'', NEW.purchaser_email); RETURN NEW; END';"
        "CREATE TRIGGER change_donor BEFORE INSERT ON purchases FOR EACH ROW EXECUTE FUNCTION change_donor()",
        undo="DROP TRIGGER change_donor ON purchases",
    ):
        errors = run_load(
            environment,
            [server],
            Load(1, seconds=60, pause=9, donors_per_minute=600, settle_seconds=0),
            stop_when=has_sold,
        ).errors

    assert any("confirmed total none" in error for error in errors), errors
    assert any("stored total none" in error for error in errors), errors


def test_broken_page_is_an_error(running_event):
    environment, server = running_event
    with changed_schema(
        "ALTER TABLE events RENAME COLUMN revenue_goal TO goal",
        undo="ALTER TABLE events RENAME COLUMN goal TO revenue_goal",
    ):
        errors = run_load(
            environment,
            [server],
            Load(1, seconds=60, pause=0, donors_per_minute=0, settle_seconds=0),
            stop_when=has_failed_twice,
        ).errors

    assert any("Something went wrong" in error for error in errors), errors
    assert any(error.startswith("open Ticket Desk: ") for error in errors), errors
    assert any("in the server's log: " in error and "revenue_goal" in error for error in errors), errors


def test_unreachable_server_is_an_error(running_event):
    environment, server = running_event
    unreachable = replace(server, url=f"http://localhost:{find_free_port()}")

    errors = run_load(
        environment,
        [unreachable],
        Load(1, seconds=60, pause=9, donors_per_minute=600, settle_seconds=0),
        stop_when=has_failed_twice,
    ).errors

    assert any("no connection" in error for error in errors), errors
    assert any("no answer" in error for error in errors), errors


def has_sold(recorder: Recorder) -> bool:
    return bool(recorder.sold)


def has_failed_twice(recorder: Recorder) -> bool:
    return len(recorder.errors) > 1


def list_channels(environment: Environment, donors: set[str]) -> set[str]:
    with db.read_session() as session:
        purchases = session.scalars(select(Purchase).where(Purchase.event_id == environment.event.id))
        return {purchase.channel for purchase in purchases if purchase.purchaser_email in donors}


@contextmanager
def changed_schema(statements: str, *, undo: str) -> Iterator[None]:
    """Change the database without the app, and change it back."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statements)
        try:
            yield
        finally:
            connection.execute(undo)

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from tests import make
from ticketing import db
from ticketing.models import Base
from ticketing.settings import ROOT


def head():
    return ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_current_head()


def versions():
    with db.reading() as session:
        return session.scalars(text("SELECT version_num FROM alembic_version")).all()


def tables():
    with db.engine().connect() as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_database_gets_every_table(database_without_schema):
    assert tables() == set()
    db.migrate()
    assert tables() == set(Base.metadata.tables) | {"alembic_version"}
    assert versions() == [head()]
    make.purchase(event := make.event(), make.package(event))


def test_migrating_twice_is_migrating_once(database_without_schema):
    db.migrate()
    event = make.event()
    db.migrate()
    assert versions() == [head()]
    assert make.package(event).display_order == 1


def test_two_servers_that_start_at_once_migrate_one_after_the_other(database_without_schema):
    def start(_):
        return subprocess.run(
            [sys.executable, "-c", "from ticketing import db; db.migrate()"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )

    with ThreadPoolExecutor(2) as pool:
        finished = list(pool.map(start, range(2)))
    assert [(done.returncode, done.stderr) for done in finished] == [(0, ""), (0, "")]
    assert versions() == [head()]


def test_a_server_waits_for_the_one_that_migrates(database_without_schema):
    with psycopg.connect(db.libpq_url(), autocommit=True) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_lock(%s)", [db.MIGRATION_LOCK])
        migrating = pool.submit(db.migrate)
        with pytest.raises(TimeoutError):
            migrating.result(timeout=0.5)
        assert tables() == set()
        other.execute("SELECT pg_advisory_unlock(%s)", [db.MIGRATION_LOCK])
        migrating.result(timeout=30)
    assert versions() == [head()]


def test_the_migrations_lead_to_exactly_what_the_models_say(empty_database):
    with db.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_alembic_check_finds_nothing_to_do(empty_database):
    command.check(Config(ROOT / "alembic.ini"))


def test_there_is_one_line_of_migrations():
    assert len(ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_heads()) == 1

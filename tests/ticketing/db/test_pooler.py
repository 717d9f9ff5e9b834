"""TICKETDESK_POOLER: nothing depends on session state. See also tests/test_several_servers.py."""

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from ticketing import db
from ticketing.db import pooler


@pytest.fixture
def pooled(empty_database, monkeypatch):
    """A separate database used as behind a pooler; the returned function sets the database's default settings."""
    monkeypatch.setenv("TICKETDESK_POOLER", "transaction")
    db.dispose()

    def set_defaults(**values: str) -> None:
        with psycopg.connect(empty_database, autocommit=True) as connection:
            database = sql.Identifier(connection.info.dbname)
            for name, value in values.items():
                statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
                connection.execute(statement.format(database, sql.Identifier(name), sql.Literal(value)))
        db.dispose()

    yield set_defaults
    db.dispose()


def count_prepared_statements() -> int:
    with db.engine().connect() as connection:
        for number in range(10):
            connection.execute(text("SELECT CAST(:number AS int)"), {"number": number})
        return connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))


def test_role_with_all_settings_passes(pooled):
    pooled(**db.SESSION_SETTINGS)
    pooler.check()


@pytest.mark.parametrize(
    ("name", "value"),
    [("timezone", "America/New_York"), *((limit, "0") for limit in db.SESSION_SETTINGS if limit != "timezone")],
)
def test_missing_setting_is_refused_with_the_statement_that_sets_it(pooled, name, value):
    pooled(**db.SESSION_SETTINGS | {name: value})
    with pytest.raises(pooler.PoolerMisconfigured) as refused:
        pooler.check()

    sentence = str(refused.value)
    assert f"lack {name}." in sentence
    assert f"SET {name} = '{db.SESSION_SETTINGS[name]}';" in sentence
    assert sentence.count("ALTER ROLE") == 1


def test_limits_may_have_other_values(pooled):
    pooled(**db.SESSION_SETTINGS | {"statement_timeout": "5s"})
    pooler.check()


def test_without_a_pooler_every_session_sets_its_own_limits(empty_database, monkeypatch):
    monkeypatch.delenv("TICKETDESK_POOLER", raising=False)
    db.dispose()
    pooler.check()
    with db.read_session() as session:
        current = {
            name: session.scalar(text("SELECT current_setting(:name)"), {"name": name}) for name in db.SESSION_SETTINGS
        }
    assert current == db.SESSION_SETTINGS | {"idle_in_transaction_session_timeout": "1min"}


def test_statements_are_prepared_only_without_a_pooler(pooled, monkeypatch):
    assert count_prepared_statements() == 0
    monkeypatch.delenv("TICKETDESK_POOLER")
    db.dispose()
    assert count_prepared_statements() > 0


def test_unknown_kind_of_pooler_is_refused(monkeypatch):
    monkeypatch.setenv("TICKETDESK_POOLER", "statement")
    with pytest.raises(ValueError, match=r"TICKETDESK_POOLER is transaction, not statement"):
        pooler.check()

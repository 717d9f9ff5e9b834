"""The statement that stores an order is short enough for the driver to keep its parsed form."""

import pytest
from psycopg import _queries
from sqlalchemy.dialects.postgresql import psycopg

from ticketing.sales import order_sql

pytestmark = pytest.mark.unit


def test_driver_parses_the_statement_once():
    compiled = order_sql.RESERVE_AND_STORE.compile(dialect=psycopg.dialect())
    assert len(str(compiled)) <= _queries.MAX_CACHED_STATEMENT_LENGTH
    assert len(compiled.params) <= _queries.MAX_CACHED_STATEMENT_PARAMS

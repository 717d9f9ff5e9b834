"""The server runs as the restricted role of docs/operations/security.md."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from tests.support import make
from tests.support.database import DatabaseServer, use_database
from tests.support.sales_file import read_table
from ticketing import db, imports
from ticketing.access import rate_limits
from ticketing.catalog import packages
from ticketing.db import migrations
from ticketing.ops import verify
from ticketing.sales import corrections
from ticketing.settings import ROOT

ROLE = f"ticketdesk_server_{os.getpid()}"  # roles belong to the whole PostgreSQL, which other test runs may share


def list_grant_statements() -> list[str]:
    """Return the document's SQL statements, with a role name of this test run."""
    document = (ROOT / "docs/operations/security.md").read_text()
    [block] = re.findall(r"```sql\n(.*?)```", document, re.DOTALL)
    return [each for each in block.replace("ticketdesk_server", ROLE).split(";") if each.strip()]


@pytest.fixture
def as_server(postgres: DatabaseServer, database: str) -> Iterator[None]:
    """Use a migrated database as the role."""
    url = postgres.create()
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in list_grant_statements():
            owner.execute(statement)
        use_database(make_url(url).set(username=ROLE, password="choose-one").render_as_string(hide_password=False))
        try:
            yield
        finally:
            use_database(database)
            owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(ROLE)))
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(ROLE)))


def test_documented_role_can_do_all_work_and_alter_no_table(as_server):
    migrations.migrate()  # as every start does; there is nothing to do
    event = make.event()
    ana = make.staff(role="admin", password=make.PASSWORD)
    package = make.package(event, ana, name="Couple", price="100")
    promo_code = make.promo_code(event, ana)
    make.option(package, ana, is_required=False)
    bought = make.purchase(event, package, ana, promo_code=promo_code.code).purchase
    db.write(lambda s: corrections.void(s, ana, event.id, bought.id, "Entered twice"))
    file = (
        b"ticket_type,purchaser_name,purchaser_email,quantity,total_amount,purchase_date,external_sale_id\n"
        b"Couple,Ben Okafor,ben@example.org,1,100.00,2026-10-01,A1\n"
    )
    db.write(lambda s: imports.run(s, ana, event.id, "sales.csv", read_table("sales.csv", file)))
    unsold = make.package(event, ana)
    db.write(lambda s: packages.delete(s, ana, event.id, unsold.id))
    db.write(lambda s: rate_limits.consume(s, rate_limits.PROMO_CODE_REFUSALS, rate_limits.caller_key(ana)))
    with db.read_session() as session:
        assert session.scalar(text("SELECT current_user")) == ROLE
        assert verify.verify(session) == []
    for forbidden in (
        "UPDATE audit_log SET actor = 'Zoe'",
        "DELETE FROM audit_seals",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TABLE purchases",
        "TRUNCATE purchases",
        "CREATE TABLE mine (id int)",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        with pytest.raises(DBAPIError) as refusal:
            db.write(lambda s, forbidden=forbidden: s.execute(text(forbidden)))
        assert isinstance(refusal.value.orig, errors.InsufficientPrivilege), forbidden

"""The audit log: what each entry holds, and that it cannot be changed."""

import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from tests.support import make
from ticketing import audit, db
from ticketing.actors import OPERATOR
from ticketing.audit import Change
from ticketing.catalog import packages
from ticketing.models import AuditEntry


def list_entries(event):
    with db.read_session() as session:
        return session.scalars(select(AuditEntry).where(AuditEntry.event_id == event.id).order_by(AuditEntry.id)).all()


def test_entry_has_actor_time_action_subject_and_both_values(event):
    ana = make.staff(event=event, name="Ana Ruiz")
    package = make.package(event, ana, name="Gold", price="100")
    before = datetime.now(UTC)
    db.write(lambda s: packages.update(s, ana, event.id, package.id, {"price": "120"}, seen_version=1))
    row = list_entries(event)[-1]
    assert (row.actor, row.staff_id, row.via) == ("Ana Ruiz", ana.staff_id, "app")
    assert (row.action, row.field, row.old_value, row.new_value) == ("package.changed", "price", "100.00", "120.00")
    assert (row.subject_type, row.subject_id, row.subject_name, row.subject_version) == (
        "package",
        package.id,
        "Gold",
        2,
    )
    assert before <= row.occurred_at <= datetime.now(UTC)


def test_entries_of_one_change_share_a_change_id(event):
    package = make.package(event)
    values = {"price": "120", "description": "New"}
    db.write(lambda s: packages.update(s, OPERATOR, event.id, package.id, values, seen_version=1))
    changed = [row for row in list_entries(event) if row.action == "package.changed"]
    assert {row.field for row in changed} == {"price", "description"}
    assert len({row.change_id for row in changed}) == 1
    assert len({row.change_id for row in list_entries(event)}) == 3


def test_entries_distinguish_command_line_and_api_tokens(event):
    make.package(event)
    assert {row.via for row in list_entries(event)} == {"command_line"}


def test_entry_is_rolled_back_with_its_change(event):
    before = len(list_entries(event))

    def work(session):
        packages.create(session, OPERATOR, event.id, make.package_draft())
        raise LookupError

    with pytest.raises(LookupError):
        db.write(work)
    assert len(list_entries(event)) == before
    with db.read_session() as session:
        assert packages.list_page(session, OPERATOR, event.id)[1] == 0


def test_change_is_rolled_back_when_its_entry_cannot_be_written(event):
    def work(session):
        package = packages.create(session, OPERATOR, event.id, make.package_draft())
        session.execute(text("UPDATE audit_log SET actor = 'somebody else' WHERE subject_id = :id"), {"id": package.id})

    with pytest.raises(IntegrityError, match="cannot be changed"):
        db.write(work)
    with db.read_session() as session:
        assert packages.list_page(session, OPERATOR, event.id)[1] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "UPDATE audit_log SET actor = 'nobody' WHERE false",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE false",
        "TRUNCATE audit_log",
        "TRUNCATE audit_log RESTART IDENTITY CASCADE",
        "TRUNCATE events CASCADE",
        "TRUNCATE staff CASCADE",
        "MERGE INTO audit_log USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
        "SET session_replication_role = replica; DELETE FROM audit_log",
    ],
)
def test_database_refuses_to_change_the_audit_log(event, statement):
    before = [(row.id, row.actor) for row in list_entries(event)]
    assert before
    with psycopg.connect(db.libpq_url()) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)
    assert [(row.id, row.actor) for row in list_entries(event)] == before


def test_event_with_audit_entries_cannot_be_deleted(event):
    with pytest.raises(IntegrityError):
        db.write(lambda session: session.execute(text("DELETE FROM events WHERE id = :id"), {"id": event.id}))


def test_entry_may_have_no_field(event):
    db.write(lambda session: audit.record(session, OPERATOR, event.id, "event.looked_at", event))
    row = list_entries(event)[-1]
    assert (row.action, row.field, row.old_value, row.new_value) == ("event.looked_at", None, None, None)


def test_only_different_values_are_changes(event):
    assert audit.changes_between(event, {"name": event.name, "venue": "Town Hall"}) == [
        Change("venue", event.venue, "Town Hall")
    ]


def test_values_are_stored_as_the_api_formats_them(event):
    changes = [Change("starts_at", None, event.starts_at), Change("id", None, event.id), Change("tags", None, ["a"])]
    db.write(lambda session: audit.record(session, OPERATOR, event.id, "event.changed", event, changes))
    assert [row.new_value for row in list_entries(event)[-3:]] == [event.starts_at.isoformat(), str(event.id), ["a"]]


def test_changes_of_other_records_are_not_listed(event):
    package, other = make.package(event, price="100"), make.package(event, price="100")
    db.write(lambda s: packages.update(s, OPERATOR, event.id, other.id, {"price": "1"}, seen_version=1))
    with db.read_session() as session:
        assert audit.changes_since(session, event.id, package.id, 1) == []
        assert len(audit.changes_since(session, event.id, other.id, 1)) == 1
        assert audit.changes_since(session, uuid.uuid4(), other.id, 1) == []

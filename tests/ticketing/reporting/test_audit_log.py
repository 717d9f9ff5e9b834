"""Audit log: filters, order, pages, permissions and CSV export."""

import asyncio
import csv
import io
import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from tests.support import make
from ticketing import audit, db
from ticketing.actors import OPERATOR
from ticketing.audit import Change
from ticketing.catalog import packages
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.reporting import audit_log, csv_export
from ticketing.reporting.audit_log import AuditFilter

COLUMNS = (
    "occurred_at", "person", "via", "action", "record", "record_id", "field", "before", "after", "entry", "change_id",
    "restores",
)  # fmt: skip


@pytest.fixture
def gold(event, ana):
    return make.package(event, ana, name="Gold", price="100")


def read_changes(event, actor=OPERATOR, page=1, per_page=20, **fields):
    """Return (actor, action, record, *fields) of each matching change, newest first, and the number of changes."""
    with db.read_session() as session:
        changes, total = audit_log.list_changes(
            session, actor, event and event.id, AuditFilter(**fields), page=page, per_page=per_page
        )
    rows = [
        (each.first.actor, each.first.action, each.first.subject_name, *(entry.field for entry in each.entries))
        for each in changes
    ]
    return rows, total


def read_csv_rows(event, actor=OPERATOR, **fields):
    with db.read_session() as session:
        export = audit_log.build_export(session, actor, event and event.id, AuditFilter(**fields))

    async def read():
        return b"".join([chunk async for chunk in csv_export.stream(export)])

    return list(csv.DictReader(io.StringIO(asyncio.run(read()).decode("utf-8-sig"))))


def test_fields_are_grouped_by_change_newest_first(event, ana, gold):
    make.change_package(ana, gold, price="120", quantity_limit=5)
    rows, total = read_changes(event)
    assert rows[0] == ("Ana Ruiz", "package.changed", "Gold", "price", "quantity_limit")
    assert [each[1] for each in rows] == ["package.changed", "package.created", "event.created"]
    assert total == 3


def test_page_counts_changes_not_entries(event, ana, gold):
    for version in range(1, 6):
        make.change_package(ana, gold, version, price=f"{version}.50", quantity_limit=version)
    first, total = read_changes(event, per_page=3)
    second, _ = read_changes(event, page=2, per_page=3)
    third, _ = read_changes(event, page=3, per_page=3)
    assert total == 7
    assert [len(each) for each in (first, second, third)] == [3, 3, 1]
    assert [each[1] for each in (*first, *second, *third)] == [
        *["package.changed"] * 5,
        "package.created",
        "event.created",
    ]


def test_interleaved_transactions_stay_separate_changes(event, ana, gold):
    """Two concurrent transactions get alternating entry numbers."""
    with db.Session(db.engine()) as one, db.Session(db.engine()) as other:
        for session, field in ((one, "a"), (other, "b"), (one, "c"), (other, "d")):
            change_id = uuid.UUID(int=1 if session is one else 2)
            audit.record(session, OPERATOR, event.id, "event.looked_at", event, [Change(field, 1, 2)], change_id)
        other.commit()
        one.commit()
    rows, total = read_changes(event, actions=("event.looked_at",))
    assert sorted(each[3:] for each in rows) == [("a", "c"), ("b", "d")]
    assert total == 2


def test_filters_work_alone_and_combined(event, ana, gold):
    ben = make.staff(event=event, name="Ben Okafor")
    silver = make.package(event, ben, name="Silver")
    make.change_package(ben, gold, price="1")
    make.change_package(ana, gold, 2, price="2")
    assert [each[:3] for each in read_changes(event, people=(ben.staff_id,))[0]] == [
        ("Ben Okafor", "package.changed", "Gold"),
        ("Ben Okafor", "package.created", "Silver"),
    ]
    assert read_changes(event, people=(audit_log.WITHOUT_ACCOUNT,))[0][0][:2] == ("Operator", "event.created")
    assert read_changes(event, people=(ben.staff_id, audit_log.WITHOUT_ACCOUNT))[1] == 3
    assert read_changes(event, records=(silver.id,))[1] == 1
    assert read_changes(event, records=(silver.id, gold.id))[1] == 4
    assert read_changes(event, actions=("package.created", "event.created"))[1] == 3
    everything = {"people": (ben.staff_id,), "records": (gold.id,), "actions": ("package.changed",)}
    assert read_changes(event, **everything)[1] == 1
    assert read_changes(event, **everything, last_day=date(2026, 1, 1))[1] == 0


def test_days_follow_event_time_zone_and_include_both_ends(event):
    """New York is five hours behind: 04:59 UTC is the day before, 05:00 is the day."""
    moments = {
        "before": "2026-12-05T04:59:59.999999Z",
        "first": "2026-12-05T05:00Z",
        "last": "2026-12-07T04:59:59.999999Z",
        "after": "2026-12-07T05:00Z",
    }
    with db.engine().begin() as connection:
        for name, moment in moments.items():
            connection.execute(
                text(
                    "INSERT INTO audit_log (occurred_at, event_id, actor, via, action, subject_type, subject_id,"
                    " subject_name, change_id) VALUES (:moment, :event, 'Ana', 'app', 'event.looked_at', 'event',"
                    " :event, :name, gen_random_uuid())"
                ),
                {"moment": moment, "event": event.id, "name": name},
            )
    action = {"actions": ("event.looked_at",)}
    days = {"first_day": date(2026, 12, 5), "last_day": date(2026, 12, 6)}
    assert [each[2] for each in read_changes(event, **action, **days)[0]] == ["last", "first"]
    assert [each[2] for each in read_changes(event, **action, first_day=date(2026, 12, 7))[0]] == ["after"]
    assert [each[2] for each in read_changes(event, **action, last_day=date(2026, 12, 4))[0]] == ["before"]
    assert [row["occurred_at"] for row in read_csv_rows(event, **action, **days)] == [
        "2026-12-06T23:59:59-05:00",
        "2026-12-05T00:00:00-05:00",
    ]


class TestPermissions:
    def test_log_of_another_event_is_not_found(self, event, ana, gold):
        stranger = make.staff(event=make.event())
        for read in (read_changes, read_csv_rows):
            with pytest.raises(NotFound):
                read(event, stranger)
        assert read_changes(event, make.staff("viewer", event))[1] == 2

    @pytest.mark.parametrize("role", ["viewer", "coordinator"])
    def test_office_log_is_for_admins_only(self, event, role):
        person = make.staff(role, event)
        for read in (read_changes, read_csv_rows):
            with pytest.raises(NotAllowed):
                read(None, person)
        with db.read_session() as session, pytest.raises(NotAllowed):
            audit_log.list_people(session, person, None)

    def test_office_log_has_only_entries_without_event(self, event, admin):
        person = make.staff("viewer", event, password=make.PASSWORD, name="Vera")
        assert ("Operator", "staff.added", "Vera", "email", "role") in read_changes(None, admin)[0]
        assert read_changes(event, admin, records=(person.staff_id,)) == ([], 0)
        assert read_changes(None, admin, actions=("event.created",)) == ([], 0)


def test_choices_are_people_and_records_with_entries(event, ana, gold):
    make.staff(event=event, name="Did nothing")
    db.write(lambda s: packages.delete(s, ana, event.id, gold.id))
    with db.read_session() as session:
        assert audit_log.list_people(session, ana, event.id) == {
            ana.staff_id: "Ana Ruiz",
            audit_log.WITHOUT_ACCOUNT: "The operator",
        }
        assert audit_log.list_record_names(session, ana, event.id, {gold.id, uuid.uuid4()}) == {gold.id: "Gold"}
        assert audit_log.list_record_names(session, ana, event.id, set()) == {}


def test_package_log_includes_options_and_survives_deletion(event, ana, gold):
    make.option(gold, ana, label="Any allergies?")
    make.package(event, ana, name="Silver")
    with db.read_session() as session:
        changes, total = audit_log.list_package_changes(session, ana, event.id, gold.id)
    assert [each.first.action for each in changes] == ["option.created", "package.created"]
    assert total == 2
    db.write(lambda s: packages.delete(s, ana, event.id, gold.id))
    with db.read_session() as session:
        assert audit_log.list_package_changes(session, ana, event.id, gold.id)[0][0].first.action == "package.deleted"
        for other_id in (uuid.uuid4(), make.promo_code(event).id, make.package(make.event()).id):
            with pytest.raises(NotFound):
                audit_log.list_package_changes(session, ana, event.id, other_id)


class TestExport:
    def test_has_one_row_per_matching_entry(self, event, ana, gold):
        make.change_package(ana, gold, price="120", quantity_limit=5)
        (limit, price) = read_csv_rows(event, people=(ana.staff_id,), actions=("package.changed",))
        assert tuple(price) == COLUMNS
        assert (price["person"], price["via"], price["record"]) == ("Ana Ruiz", "app", "Gold")
        assert (price["field"], price["before"], price["after"]) == ("price", "100.00", "120.00")
        assert (limit["field"], limit["before"], limit["after"]) == ("quantity_limit", "", "5")
        assert price["change_id"] == limit["change_id"]
        assert len(read_csv_rows(event)) == 5 + 7 + 2

    def test_escapes_formulas(self, event, ana):
        evil = make.package(event, make.staff(event=event, name="=HYPERLINK(1)"), name="@SUM(1)")
        make.change_package(ana, evil, name="-1+1", description=" =2+2")
        rows = {row["field"]: row for row in read_csv_rows(event, actions=("package.changed",))}
        assert (rows["name"]["before"], rows["name"]["after"]) == ("'@SUM(1)", "'-1+1")
        assert rows["name"]["record"] == "'-1+1"
        assert rows["description"]["after"] == "'=2+2"
        assert {row["person"] for row in read_csv_rows(event, actions=("package.created",))} == {"'=HYPERLINK(1)"}

    def test_lists_are_joined_by_commas(self, event, gold):
        make.option(gold, option_type="multi_select", choices=["Fish", "=Meat"], label="Menu")
        after = {row["field"]: row["after"] for row in read_csv_rows(event, actions=("option.created",))}
        assert (after["choices"], after["is_required"]) == ("Fish, =Meat", "true")


@pytest.mark.parametrize(
    "audit_filter",
    [
        audit_log.ALL_CHANGES,
        AuditFilter(people=(uuid.uuid4(), "-"), records=(uuid.uuid4(),), actions=("package.changed", "event.created")),
        AuditFilter(first_day=date(2026, 1, 1), last_day=date(2026, 1, 1) + timedelta(days=1)),
    ],
)
def test_parse_is_inverse_of_to_query(audit_filter):
    assert audit_log.parse(audit_log.to_query(audit_filter)) == audit_filter


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"person": "ana"}, "person"),
        ({"record": "1"}, "record"),
        ({"action": "changed"}, "action"),
        ({"action": "package.changed,"}, "action"),
        ({"from": "today"}, "from"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "to"),
        ({"persons": "-"}, "persons"),
    ],
)
def test_invalid_parameter_is_refused_by_name(query, name):
    with pytest.raises(InvalidInput) as error:
        audit_log.parse(query)
    assert list(error.value.fields) == [name]

"""The audit log has every download of rows before its first byte: who, which rows and columns, and how many."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import AuditEntry
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import csv_export


def list_entries(person):
    """Return the downloads of a person: the name of the file, and its fields."""
    with db.read_session() as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.staff_id == person.staff_id, AuditEntry.action == "file.downloaded")
        ).all()
    found = {}
    for row in rows:
        found.setdefault((row.subject_name, row.event_id, row.via), {})[row.field] = row.new_value
    return found


@pytest.fixture
def person(sign_in):
    return sign_in(role="admin")


@pytest.fixture
def sold(event):
    table = make.package(event, name="Table", seats_per_package=3)
    make.purchase(event, table)
    make.purchase(event, table, payment_status="pending")
    return table


@pytest.mark.parametrize(
    ("address", "rows", "filters", "has_people"),
    [
        ("purchases.csv", 2, "", True),
        ("purchases.csv?sort=oldest", 2, "", True),
        ("purchases.csv?status=pending&columns=total,package", 1, "status: pending", False),
        ("purchases.csv?status=refunded", 0, "status: refunded", True),
        ("guests.csv", 6, "", True),
        ("guests.csv?columns=ticket_code", 6, "", False),
        ("guests.xlsx?status=completed&columns=ticket_code,guest_name", 3, "status: completed", True),
        ("purchases.xlsx?columns=total", 2, "", False),
    ],
)
def test_entry_has_file_filters_rows_and_whether_it_names_people(
    browser, person, event, sold, address, rows, filters, has_people
):
    assert browser.get(f"/export/{event.id}/{address}").status_code == 200
    ((name, event_id, via),) = found = list_entries(person)
    assert (name, event_id, via) == (address.partition("?")[0], event.id, "app")
    entry = found[name, event_id, via]
    assert (entry["rows"], entry["filters"], entry["has_people"]) == (rows, filters, has_people)
    columns = address.partition("columns=")[2]
    assert not columns or entry["columns"] == columns.split(",")


def test_packages_are_named(browser, person, event, sold):
    browser.get(f"/export/{event.id}/purchases.csv?package={sold.id}")
    ((_, entry),) = list_entries(person).items()
    assert entry["filters"] == "package: Table"


@pytest.mark.parametrize("is_office", [False, True])
def test_downloads_of_the_audit_log_are_entries_of_it(browser, person, event, is_office):
    address = "office" if is_office else event.id
    assert browser.get(f"/export/{address}/audit.csv").status_code == 200
    assert [(name, event_id) for name, event_id, _ in list_entries(person)] == [
        ("audit.csv", None if is_office else event.id)
    ]


def test_download_over_the_api_is_recorded(browser, event, sold):
    person = make.staff(role="admin")
    headers = {"Authorization": f"Bearer {make.token(person)}"}
    assert browser.get(f"/api/v1/admin/events/{event.id}/tickets/sales/export", headers=headers).status_code == 200
    assert [(name, via) for name, _, via in list_entries(person)] == [("purchases.csv", "api")]


@pytest.mark.parametrize("address", ["purchases.csv?status=unknown", "purchases.csv?columns=password"])
def test_refused_download_is_not_recorded(browser, person, event, address):
    assert browser.get(f"/export/{event.id}/{address}").status_code == 422
    browser.head(f"/export/{event.id}/purchases.csv")
    assert list_entries(person) == {}


def test_without_an_entry_there_is_no_file(browser, person, event, sold):
    """As when the primary takes no changes: the rows could still be read."""
    db.write(
        lambda s: s.execute(
            text("ALTER TABLE audit_log ADD CONSTRAINT no_downloads CHECK (action <> 'file.downloaded') NOT VALID")
        )
    )
    try:
        answer = browser.get(f"/export/{event.id}/purchases.csv")
    finally:
        db.write(lambda s: s.execute(text("ALTER TABLE audit_log DROP CONSTRAINT no_downloads")))
    assert answer.status_code == 500
    assert b"purchase_id" not in answer.content
    assert list_entries(person) == {}


def test_number_is_that_of_the_rows_that_are_sent(event, sold):
    """A sale between the count and the rows is in neither."""

    async def collect():
        return b"".join([chunk async for chunk in csv_export.stream(export, on_count)])

    def on_count(rows):
        counted.append(rows)
        make.purchase(event, sold)

    counted = []
    with db.read_session() as session:
        export = csv_export.build_sales_export(session, OPERATOR, event.id, ALL_PURCHASES)
    assert asyncio.run(collect()).count(b"\n") - 1 == counted[0] == 2

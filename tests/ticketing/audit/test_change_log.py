"""Each committed change is one log line with ids, and without anything that people typed."""

from __future__ import annotations

import ast
import json
import logging
from collections import Counter

import pytest
from sqlalchemy import select

from tests.support import every_table, make
from tests.support.metric_values import assert_increases
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import audit, db, logs
from ticketing.access import staff
from ticketing.actors import OPERATOR
from ticketing.audit import Change
from ticketing.catalog import packages
from ticketing.models import AuditEntry, Purchase
from ticketing.sales import corrections
from ticketing.settings import ROOT
from ui.audit import sentences


@pytest.fixture
def lines(caplog):
    """Return the lines of changes written so far, each as a collector receives it."""
    caplog.set_level(logging.INFO, logger="ticketing.changes")
    formatter = logs.create_formatter("json")

    def list_lines():
        return [json.loads(formatter.format(each)) for each in caplog.records if each.name == "ticketing.changes"]

    return list_lines


def list_functions_that_insert_entries() -> list[str]:
    return [
        f"{file.relative_to(ROOT)}: {function.name}"
        for file in sorted((ROOT / "ticketing").rglob("*.py"))
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and (
            ast.unparse(node) == "insert(AuditEntry)"
            or ast.unparse(node.func) == "AuditEntry"
            or any(isinstance(each, ast.Constant) and "INTO audit_log" in str(each.value) for each in node.args)
        )
    ]


def test_one_function_writes_all_audit_entries():
    assert list_functions_that_insert_entries() == ["ticketing/audit/__init__.py: record_all"]


@pytest.mark.parametrize("action", sorted(sentences.ACTION_TEXTS))
def test_every_action_is_a_line_with_ids_and_without_values(event, ana, lines, action):
    typed = [
        Change("name", "Zoë Müller", "zoe@example.org"),
        Change("seat 1", None, "Cem"),
        Change("seat 2", None, "Ed"),
    ]
    with assert_increases(1, "ticketdesk_changes_total", action=action):
        db.write(lambda s: audit.record(s, ana, event.id, action, event, typed))
    (line,) = lines()
    assert {key: line[key] for key in ("level", "action", "subject", "actor", "event", "via", "fields")} == {
        "level": "INFO",
        "action": action,
        "subject": str(event.id),
        "actor": str(ana.staff_id),
        "event": str(event.id),
        "via": "app",
        "fields": ["name", "seat"],
    }
    assert line["message"] == f"{action} {event.id}: name seat"


def test_each_change_of_every_kind_is_one_line_and_names_nobody(empty_database, lines):
    every_table.fill()
    with db.read_session() as session:
        entries = session.scalars(select(AuditEntry)).all()
        purchases = session.scalars(select(Purchase).where(Purchase.import_batch_id.is_(None))).all()
    changes = {(entry.change_id, entry.subject_id, entry.action) for entry in entries}
    expected = Counter((action, str(subject_id)) for _, subject_id, action in changes)
    expected.update(("purchase.recorded", str(purchase.id)) for purchase in purchases)
    assert len(expected) > 40
    assert Counter((line["action"], line["subject"]) for line in lines()) == expected
    written = json.dumps(lines())
    people = {entry.subject_name for entry in entries if entry.subject_type in ("purchase", "staff", "token")}
    people |= {value for purchase in purchases for value in (purchase.purchaser_name, purchase.purchaser_email)}
    assert people
    assert [each for each in people if each in written] == []


def test_line_is_written_after_the_commit_and_not_for_a_rolled_back_change(event, lines):
    def work(session):
        packages.create(session, OPERATOR, event.id, make.package_draft())
        assert [line for line in lines() if line["action"] == "package.created"] == []
        raise LookupError

    with pytest.raises(LookupError):
        db.write(work)
    assert [line for line in lines() if line["action"] == "package.created"] == []


def test_retried_change_is_one_line(event, lines):
    attempts = []

    def work(session):
        packages.create(session, OPERATOR, event.id, make.package_draft())
        attempts.append(1)
        if len(attempts) < 3:
            raise db.RetryTransaction

    db.write(work)
    assert [line["action"] for line in lines() if line["action"] == "package.created"] == ["package.created"]


def test_sale_is_a_line_with_package_channel_and_quantity(event, ana, lines):
    package = make.package(event, ana)
    recorded = make.purchase(event, package, ana, channel="cash", quantity=3)
    line = lines()[-1]
    values = f"order={recorded.order.id} package={package.id} channel=cash quantity=3"
    assert line["message"] == f"purchase.recorded {recorded.purchase.id}: {values}"
    assert (line["actor"], line["event"], line["package"], line["quantity"]) == (
        str(ana.staff_id),
        str(event.id),
        str(package.id),
        3,
    )


def test_repeated_sale_is_no_further_line(event, lines):
    package, email = make.package(event), make.email()
    for _ in range(2):
        make.purchase(event, package, donor_email=email, idempotency_key="one-click")
    assert [line["action"] for line in lines()].count("purchase.recorded") == 1


def test_void_and_import_lines_say_what_happened(event, ana, lines):
    table = make.package(event, ana)
    sold = make.purchase(event, table, ana, channel="cash").purchase
    db.write(lambda s: corrections.void(s, ana, event.id, sold.id, "Ana Ruiz paid twice."))
    run_import(event, sales_csv(sale(table), sale(table)))
    void, imported = lines()[-2:]
    assert void["message"] == f"purchase.voided {sold.id}: void_reason payment_status=voided"
    assert (imported["action"], imported["rows_imported"]) == ("import.completed", 2)


def test_changed_role_is_in_the_line(lines):
    admin, ben = make.staff("admin"), make.staff("viewer")
    db.write(lambda s: staff.update(s, admin, ben.staff_id, {"role": "coordinator"}, seen_version=None))
    line = lines()[-1]
    assert (line["action"], line["role"], line["actor"]) == ("staff.changed", "coordinator", str(admin.staff_id))
    assert line["message"] == f"staff.changed {ben.staff_id}: role=coordinator"

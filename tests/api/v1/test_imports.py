"""Imports over HTTP: list them, and undo one."""

from __future__ import annotations

import uuid

from tests.support import make
from tests.support.database_state import get_sold_count, snapshot
from tests.support.import_screen import list_purchases
from tests.support.problems import assert_problem, field_messages
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import corrections


def path_of(event, batch_id, end=""):
    return f"/admin/events/{event.id}/tickets/imports/{batch_id}{end}"


def test_import_is_listed_previewed_and_undone(call, event, ana):
    package = make.package(event)
    batch_id = run_import(event, sales_csv(sale(package), sale(package, quantity=2)), ana).batch_id
    [item] = call("GET", f"/admin/events/{event.id}/tickets/imports").json()["items"]
    assert item.pop("created_at").endswith(("-04:00", "-05:00"))
    assert item == {
        "id": str(batch_id),
        "file_name": "sales.csv",
        "imported_by": "Ana Ruiz",
        "rows_imported": 2,
        "rows_skipped": 0,
        "orders": 2,
        "revenue": "300.00",
        "statuses_changed": 0,
        "id_prefix": "",
        "undone_at": None,
        "undone_by": None,
        "undo_reason": None,
    }
    effect = {
        "purchases": 2, "orders": 2, "packages": 3, "promo_uses": 0, "revenue": "300.00", "changed_count": 0,
        "changed": [], "changes_token": "",
    }  # fmt: skip
    assert call("GET", path_of(event, batch_id, "/undo")).json() == effect
    assert get_sold_count(package) == 3
    answer = call("POST", path_of(event, batch_id, "/undo"), {"reason": "Wrong year"})
    assert (answer.status_code, answer.json()) == (200, effect)
    assert get_sold_count(package) == 0
    [item] = call("GET", f"/admin/events/{event.id}/tickets/imports").json()["items"]
    assert item["undo_reason"] == "Wrong year"
    before = snapshot(event)
    assert_problem(call("POST", path_of(event, batch_id, "/undo"), {"reason": "Again"}), 409, "conflict")
    assert snapshot(event) == before


def test_changed_purchases_are_undone_with_their_token_only(call, event):
    result = run_import(event, sales_csv(sale(make.package(event), payment_status="pending")))
    [purchase] = list_purchases(event)
    db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, purchase.id, "completed", seen_version=1))
    path, before = path_of(event, result.batch_id, "/undo"), snapshot(event)
    assert_problem(call("POST", path, {"reason": "Wrong year"}), 409, "changed_since_import")
    assert snapshot(event) == before
    preview = call("GET", path).json()
    assert [(each["id"], each["changed_by"]) for each in preview["changed"]] == [(str(purchase.id), "Operator")]
    answer = call("POST", path, {"reason": "Wrong year", "changes_token": preview["changes_token"]})
    assert (answer.status_code, answer.json()["purchases"]) == (200, 1)


def test_reason_is_required_and_an_unknown_import_does_not_exist(call, event):
    batch_id = run_import(event, sales_csv(sale(make.package(event)))).batch_id
    answer = call("POST", path_of(event, batch_id, "/undo"), {"reason": " "})
    assert set(field_messages(answer)) == {"reason"}
    assert_problem(call("POST", path_of(event, uuid.uuid4(), "/undo"), {"reason": "x"}), 404, "not_found")

"""A file of sales over HTTP: checked, and imported with the token of its check."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous import TimestampSigner

from api.v1 import import_files
from api.v1.import_mapping import ImportMapping
from tests.support import make, seller_files
from tests.support.database_state import get_sold_count, snapshot
from tests.support.import_screen import list_purchases
from tests.support.mapped_import import POSITIONS, propose_mapping
from tests.support.problems import assert_problem, field_messages
from tests.support.sales_file import check_import, run_import, sale, sales_csv
from tests.support.workbooks import make_workbook, sheet
from ticketing import db
from ticketing.access import staff
from ticketing.actors import OPERATOR
from ticketing.file_reader.columns import REQUIRED_COLUMNS
from ticketing.imports import files
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.options import ImportOptions
from ticketing.models import AuditEntry
from ticketing.sales import corrections
from ticketing.work_queue import MAX_WAITING

FOREIGN_COLUMNS = {
    "external_sale_id": ["Order"],
    "purchase_date": ["Paid at"],
    "purchaser_name": ["Buyer"],
    "purchaser_email": ["Mail"],
    "ticket_type": ["Item"],
    "quantity": ["Count"],
    "total_amount": ["Sum"],
    "payment_status": ["State"],
}


@pytest.fixture
def package(event):
    return make.package(event, name="Gold table", price="1500")


@pytest.fixture
def send(call, event):
    """Return a function that sends a file: `send("/check", content, mapping={...}, token="...")`."""

    def do(end, content, name="sales.csv", *, by=call, to=event, **form):
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in form.items()}
        return by.client.post(
            f"/api/v1/admin/events/{to.id}/tickets/imports{end}",
            files={"file": (name, content)},
            data=texts,
            headers={"Authorization": f"Bearer {by.token}"},
        )

    return do


def foreign_csv(**cells):
    """Return a file of another program with one sale, in which everything has to be asked."""
    row = {
        "Order": "A1", "Paid at": "03/04/2026", "Buyer": "Ana Ruiz", "Mail": "ana@example.org", "Item": "Gold",
        "Count": "1", "Sum": "1.500", "State": "on the list",
    } | cells  # fmt: skip
    return f"{','.join(row)}\n{','.join(row.values())}\n".encode()


def test_own_columns_are_checked_then_imported_with_the_token(send, call, event, admin, package):
    content = sales_csv(sale(package, quantity=2, total_amount="2900"))
    before = snapshot(event)

    answer = send("/check", content)

    assert answer.status_code == 200, answer.text
    checked = answer.json()
    assert snapshot(event) == before
    assert {name: checked[name] for name in ("rows", "to_import", "to_skip", "packages", "revenue")} == {
        "rows": 1, "to_import": 1, "to_skip": 0, "packages": 2, "revenue": "2900.00",
    }  # fmt: skip
    assert (checked["mapping_source"], checked["mapping"], checked["choices"]) == (
        "own_columns",
        ImportMapping(id_prefix="").model_dump(mode="json"),
        [],
    )
    [warning] = checked["warnings"]
    assert (warning["row"], warning["column"], warning["title"], warning["sheet"]) == (
        2, "total_amount", "total_amount", None,
    )  # fmt: skip
    lifetime = datetime.fromisoformat(checked["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < lifetime <= timedelta(minutes=60)

    done = send("", content, token=checked["token"])

    assert done.status_code == 201, done.text
    imported = done.json()
    assert (imported["rows_imported"], imported["rows_skipped"], imported["rows_voided"]) == (1, 0, 0)
    assert get_sold_count(package) == 2
    [listed] = call("GET", f"/admin/events/{event.id}/tickets/imports").json()["items"]
    assert (listed["id"], listed["file_name"], listed["imported_by"]) == (
        imported["batch_id"], "sales.csv", admin.name,
    )  # fmt: skip
    with db.read_session() as session:
        entry = session.query(AuditEntry).filter_by(event_id=event.id, action="import.completed").one()
    assert (entry.actor, entry.via) == (admin.name, "api")


def test_same_token_twice_finds_every_sale_here_already(send, event, package):
    content = sales_csv(sale(package))
    token = send("/check", content).json()["token"]
    assert send("", content, token=token).status_code == 201
    before = snapshot(event)
    again = send("", content, token=token)
    assert (again.status_code, again.json()["batch_id"], again.json()["rows_skipped"]) == (200, None, 1)
    assert snapshot(event) == before


def test_problems_are_those_of_the_page_and_give_no_token(send, event, package):
    content = sales_csv(sale(package, quantity=0), sale("Gold", purchaser_email="ana"))
    checked = send("/check", content).json()
    assert (checked["problem_count"], checked["token"], checked["expires_at"]) == (3, None, None)
    assert [(each["row"], each["column"], each["message"]) for each in checked["problems"]] == [
        (each.row, each.column, each.message) for each in check_import(event, content).problems
    ]


def test_at_most_1000_problems_are_listed_and_all_are_counted(send, event):
    checked = send("/check", sales_csv(*[sale("Gold")] * 1001)).json()
    assert checked["problem_count"] > 1000
    assert len(checked["problems"]) == 1000


def test_proposed_mapping_has_to_be_sent_back(send, event):
    make.package(event, name="Ticket", price="50")
    make.package(event, name="Table for ten", price="1000")
    positions = seller_files.to_csv(POSITIONS)
    checked = send("/check", positions).json()
    assert (checked["mapping_source"], checked["token"]) == ("proposed", None)
    proposal = propose_mapping(event, positions)
    assert checked["mapping"]["columns"] == {column: list(titles) for column, titles in proposal.columns.items()}
    mapping = checked["mapping"] | {"time_zone": "America/New_York"}

    sent = send("/check", positions, mapping=mapping).json()

    assert (sent["mapping_source"], sent["choices"], sent["problems"]) == ("sent", [], [])
    done = send("", positions, mapping=mapping, token=sent["token"])
    assert (done.status_code, done.json()["rows_imported"]) == (201, sent["to_import"])
    saved = send("/check", positions).json()
    assert (saved["mapping_source"], saved["to_skip"]) == ("saved", sent["to_import"])
    assert saved["mapping"] == sent["mapping"]
    assert send("", positions, token=saved["token"]).status_code == 200


def test_open_choices_are_listed_until_each_is_made(send, event, package):
    content = foreign_csv(**{"Paid at": "03/04/2026 10:00"})
    open_mapping = {"columns": FOREIGN_COLUMNS}
    made = {
        "mapping.date_order": {"date_order": "day_first"},
        "mapping.decimal_signs.total_amount": {"decimal_signs": {"total_amount": "comma"}},
        "mapping.time_zone": {"time_zone": "UTC"},
        "mapping.packages": {"packages": {"Gold": str(package.id)}},
        "mapping.statuses": {"statuses": {"On_the list": "pending"}},
    }
    checked = send("/check", content, mapping=open_mapping).json()
    assert checked["token"] is None
    listed = {each["field"]: each for each in checked["choices"]}
    assert set(listed) == set(made)
    assert listed["mapping.date_order"]["example"] == "03/04/2026 10:00"
    assert set(listed["mapping.date_order"]["options"]) == {"day_first", "month_first"}
    assert (listed["mapping.packages"]["words"], listed["mapping.statuses"]["words"]) == (["Gold"], ["on the list"])
    for left_out in made:
        mapping = open_mapping | {
            name: value for field in made if field != left_out for name, value in made[field].items()
        }
        some = send("/check", content, mapping=mapping).json()
        assert ([each["field"] for each in some["choices"]], some["token"]) == ([left_out], None)
    mapping = open_mapping | {name: value for choice in made.values() for name, value in choice.items()}
    token = send("/check", content, mapping=mapping).json()["token"]
    assert send("", content, mapping=mapping, token=token).status_code == 201
    [purchase] = list_purchases(event)
    assert (purchase.purchased_at, str(purchase.total), purchase.payment_status) == (
        datetime(2026, 4, 3, 10, tzinfo=UTC),
        "1500.00",
        "pending",
    )


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ("{", "mapping"),
        ("[]", "mapping"),
        ({"titles": {}}, "mapping.titles"),
        ({"columns": {"price": ["Sum"]}}, "mapping.columns"),
        ({"columns": {"notes": []}}, "mapping.columns.notes"),
        ({"columns": {"notes": ["Remark"]}}, "mapping.columns.notes"),
        ({"columns": {}, "constants": {"external_sale_id": "A"}}, "mapping.constants"),
        ({"columns": {}, "constants": {"notes": "a\u0000b"}}, "mapping.constants.notes"),
        ({"columns": {}, "packages": {"Gold": "01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"}}, "mapping.packages.Gold"),
        ({"columns": {}, "statuses": {"paid": "voided"}}, "mapping.statuses.paid"),
        ({"columns": {}, "time_zone": "localtime"}, "mapping.time_zone"),
        ({"columns": {}, "date_order": "year_first"}, "mapping.date_order"),
        ({"columns": {}, "decimal_signs": {"notes": "point"}}, "mapping.decimal_signs"),
        ({"columns": {}, "amount_scopes": {"quantity": "row"}}, "mapping.amount_scopes"),
        ({"time_zone": "UTC"}, "mapping.time_zone"),
    ],
)
def test_invalid_mapping_names_its_field(send, event, package, mapping, field):
    answer = send("/check", foreign_csv(), mapping=mapping)
    assert list(field_messages(answer)) == [field]


def test_left_out_column_of_refunds_needs_a_meaning(send, event, package):
    columns = {name: [name] for name in (*REQUIRED_COLUMNS, "payment_status")}
    content = sales_csv(sale(package, **{"Amount Refunded": "0"}), sale(package, **{"Amount Refunded": "1500"}))
    own = send("/check", content).json()
    assert ([each["field"] for each in own["choices"]], own["token"]) == (["mapping.uses.Amount Refunded"], None)
    mapping = {"columns": columns | {"payment_status": ["external_sale_id"]}, "uses": {"Amount": "ignore"}}
    assert list(field_messages(send("/check", content, mapping=mapping))) == ["mapping.uses.Amount"]
    del columns["payment_status"]
    open_choice = send("/check", content, mapping={"columns": columns}).json()
    assert [(each["field"], each["example"]) for each in open_choice["choices"]] == [
        ("mapping.uses.Amount Refunded", "1500")
    ]
    chosen = send("/check", content, mapping={"columns": columns, "uses": {"Amount Refunded": "refunded"}}).json()
    assert (chosen["choices"], chosen["problems"], chosen["token"] is None) == ([], [], False)
    assert [(each["label"], each["total"]) for each in chosen["summary"]["by_status"]] == [
        ("completed", "1500.00"),
        ("refunded", "1500.00"),
    ]


def test_refund_at_the_seller_is_listed_and_taken_over_on_request(send, event, package):
    row = sale(package)
    run_import(event, sales_csv(row))
    content = sales_csv(row | {"payment_status": "refunded"})
    checked = send("/check", content).json()
    [change] = checked["status_changes"]
    assert (change["row"], change["current"], change["status"], change["revenue"]) == (
        2, "completed", "refunded", "-1500.00",
    )  # fmt: skip
    assert (checked["status_change_count"], checked["to_skip"]) == (1, 1)
    assert send("", content, token=checked["token"]).json()["statuses_changed"] == 0
    mapping = {"changes_statuses": True}
    token = send("/check", content, mapping=mapping).json()["token"]
    answer = send("", content, mapping=mapping, token=token)
    assert (answer.status_code, answer.json()["statuses_changed"]) == (201, 1)
    assert [each.payment_status for each in list_purchases(event)] == ["refunded"]


def test_number_of_another_seller_needs_a_prefix(send, event, package):
    row = sale(package)
    run_import(event, sales_csv(row))
    content = sales_csv(row | {"purchaser_email": make.email("bo")})
    checked = send("/check", content).json()
    assert (checked["other_sales"], checked["problem_count"], checked["token"]) == (1, 1, None)
    assert list(field_messages(send("/check", content, mapping={"id_prefix": "a b"}))) == ["mapping.id_prefix"]
    mapping = {"id_prefix": "shop2"}
    token = send("/check", content, mapping=mapping).json()["token"]
    assert send("", content, mapping=mapping, token=token).json()["rows_imported"] == 1
    again = send("/check", content).json()  # under the prefix of the earlier file with these columns
    assert (again["mapping"]["id_prefix"], again["to_skip"], again["problem_count"]) == ("shop2", 1, 0)
    assert send("/check", content, mapping={"id_prefix": ""}).json()["other_sales"] == 1


def test_every_choice_of_the_page_has_a_field():
    switches = {each.name for each in fields(ImportOptions)}
    assert set(ImportMapping.model_fields) == {each.name for each in fields(ColumnMapping)} | switches | {"sheets"}


def test_switches_and_sheets_are_part_of_what_was_checked(send, event, package):
    row = sale(package, purchase_date="2001-01-01T10:00:00")
    content = make_workbook(Sales=sheet(list(row), list(row.values())), Other=sheet(["a", "b"], ["1", "2"]))
    refused = send("/check", content, "sales.xlsx").json()
    assert ([each["column"] for each in refused["problems"]], refused["token"]) == (["purchase_date"], None)
    assert [(each["name"], each["is_read"]) for each in refused["sheets"]] == [("Sales", True), ("Other", False)]
    mapping = {"accept_dates": True, "sheets": ["Sales"]}
    token = send("/check", content, "sales.xlsx", mapping=mapping).json()["token"]
    assert_problem(send("", content, "sales.xlsx", token=token), 409, "check_outdated")
    assert send("", content, "sales.xlsx", token=token, mapping=mapping).status_code == 201


def test_voided_sale_is_left_out_unless_switched_on(send, event, package):
    content = sales_csv(sale(package))
    run_import(event, content)
    [purchase] = list_purchases(event)
    db.write(lambda session: corrections.void(session, OPERATOR, event.id, purchase.id, "Typed twice"))
    checked = send("/check", content).json()
    assert (checked["to_import"], checked["voided_count"], len(checked["voided"])) == (0, 1, 1)
    assert send("/check", content, mapping={"imports_voided": True}).json()["to_import"] == 1


@pytest.mark.parametrize("name", ["mapping", "file", "event", "expired", "forged", "missing"])
def test_token_of_something_else_imports_nothing(send, event, package, name, monkeypatch):
    content = sales_csv(sale(package))
    form = {"token": send("/check", content).json()["token"]}
    to = event
    match name:
        case "mapping":
            form["mapping"] = {"accept_dates": True}
        case "file":
            content += b"\n"
        case "event":
            to = make.event()
        case "expired":
            signed_at = TimestampSigner.get_timestamp
            monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: signed_at(self) - 3602)
            form["token"] = send("/check", content).json()["token"]
        case "forged":
            form["token"] = form["token"][:-2] + "xx"
        case "missing":
            form = {}
    before = snapshot(event)
    answer = send("", content, to=to, **form)
    if name in ("forged", "missing"):
        assert set(field_messages(answer)) == {"token"}
    else:
        assert_problem(answer, 409, "check_outdated")
    assert snapshot(event) == before


def test_token_of_another_person_is_refused(send, program, event, package):
    content = sales_csv(sale(package))
    token = send("/check", content).json()["token"]
    before = snapshot(event)
    other = program(make.staff("coordinator", event))
    assert_problem(send("", content, by=other, token=token), 403, "not_allowed")
    assert snapshot(event) == before


def test_problems_that_came_after_the_check_are_answered_by_row(send, event, package):
    content = sales_csv(sale(package))
    token = send("/check", content).json()["token"]
    make.change_package(OPERATOR, package, name="Silver table")
    before = snapshot(event)
    refused = assert_problem(send("", content, token=token), 409, "import_refused")
    assert [(each["row"], each["column"]) for each in refused["rows"]] == [(2, "ticket_type")]
    assert snapshot(event) == before


def test_unreadable_or_missing_file_is_422(send, call, event):
    assert set(field_messages(send("/check", b"%PDF-1.7\n"))) == {"file"}
    path = f"/api/v1/admin/events/{event.id}/tickets/imports/check"
    headers = {"Authorization": f"Bearer {call.token}"}
    assert set(field_messages(call.client.post(path, data={"file": "x"}, headers=headers))) == {"file"}
    twice = [("file", ("a.csv", b"a")), ("file", ("b.csv", b"b"))]
    assert set(field_messages(call.client.post(path, files=twice, headers=headers))) == {"file"}


def test_mapping_may_be_sent_as_a_file(call, event, package):
    answer = call.client.post(
        f"/api/v1/admin/events/{event.id}/tickets/imports/check",
        files={
            "file": ("sales.csv", foreign_csv()),
            "mapping": ("mapping.json", b'{"columns": {"notes": ["Remark"]}}'),
        },
        headers={"Authorization": f"Bearer {call.token}"},
    )
    assert list(field_messages(answer)) == ["mapping.columns.notes"]


@pytest.mark.parametrize("queue", [import_files.QUEUE, files.QUEUE], ids=["over HTTP", "of pages"])
def test_full_queue_refuses_a_file_with_retry_after(send, event, package, monkeypatch, queue):
    monkeypatch.setattr(queue, "_waiting", MAX_WAITING)  # a fault that would need five slow files at the same time
    with queue.slot():
        answer = send("/check", sales_csv(sale(package)))
    assert_problem(answer, 503, "queue_full")
    assert answer.headers["retry-after"] == "30"


def test_deactivated_person_imports_nothing(send, program, event, package):
    seller = make.staff("coordinator", event)
    content, by = sales_csv(sale(package)), program(seller)
    token = send("/check", content, by=by).json()["token"]
    db.write(lambda session: staff.deactivate(session, OPERATOR, seller.staff_id))
    before = snapshot(event)
    assert send("", content, by=by, token=token).status_code == 401
    assert snapshot(event) == before


def test_hostile_titles_are_shown_and_never_stored(send, event, package):
    content = "a\u0001b,Mail\n1,ana@example.org\n".encode()
    checked = send("/check", content).json()
    assert checked["titles"] == ["a\ufffdb", "Mail"]
    assert checked["problem_count"] > 0

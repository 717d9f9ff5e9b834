"""Undo of an import: everything it brought goes back once, and a corrected file can be imported."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support import make
from tests.support.database_state import assert_refused, get_sold_count, get_use_count
from tests.support.mapped_import import run as run_mapped
from tests.support.sales_file import check_import, run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ticketing.imports import batches
from ticketing.imports.batches import ChangedSinceImport
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.models import AuditEntry, DailySales, ImportBatch, Order, PromoUse, Purchase
from ticketing.ops import verify
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import figures, purchase_list
from ticketing.sales import corrections, guests, sale_details

pytestmark = pytest.mark.usefixtures("database_of_module")


def undo(event, batch_id, actor=OPERATOR, *, reason="Wrong year", **more):
    return db.write(lambda s: batches.undo(s, actor, event.id, batch_id, reason, **more))


def preview(event, batch_id, actor=OPERATOR):
    with db.read_session() as session:
        return batches.preview_undo(session, actor, event.id, batch_id)


def list_purchases(event):
    with db.read_session() as session:
        query = select(Purchase).where(Purchase.event_id == event.id).order_by(Purchase.id)
        return session.scalars(query).all()


def find_purchase(event, external_id, status=None):
    [found] = [
        each
        for each in list_purchases(event)
        if each.external_sale_id == external_id and status in (None, each.payment_status)
    ]
    return found


def void(event, purchase, actor=OPERATOR):
    return db.write(lambda s: corrections.void(s, actor, event.id, purchase.id, "Bought twice"))


def list_differences(event):
    with db.Session(db.engine()) as session:
        return [each for each in verify.verify(session) if each.event_id == event.id]


def test_everything_goes_back_once_and_figures_agree(event, ana):
    table, seat, promo = make.package(event, seats_per_package=10), make.package(event), make.promo_code(event)
    make.purchase(event, table, quantity=2)
    make.purchase(event, seat, promo_code=promo.code)
    result = run_import(
        event,
        sales_csv(
            sale(table, external_sale_id="A", quantity=3, promo_code=promo.code),
            sale(seat, external_sale_id="B", payment_status="pending", promo_code=promo.code),
            sale(seat, external_sale_id="C", payment_status="failed"),
            sale(seat, external_sale_id="D", payment_status="refunded", purchase_date="2026-09-01T12:00:00"),
        ),
        ana,
    )
    assert (get_sold_count(table), get_sold_count(seat), get_use_count(promo)) == (5, 2, 3)
    returned = undo(event, result.batch_id, ana, reason="  Wrong   year ")
    assert (returned.purchases, returned.orders, returned.packages, returned.promo_uses) == (4, 4, 4, 2)
    assert (returned.revenue, returned.changed_count) == (Decimal(300), 0)
    assert (get_sold_count(table), get_sold_count(seat), get_use_count(promo)) == (2, 1, 1)
    imported = [each for each in list_purchases(event) if each.import_batch_id]
    with db.read_session() as session:
        batch = session.get(ImportBatch, result.batch_id)
        shown = figures.get_figures(session, ana, event.id)
        counted = session.execute(
            select(DailySales.payment_status, func.sum(DailySales.purchases), func.sum(DailySales.orders))
            .where(DailySales.event_id == event.id, DailySales.channel == "import", DailySales.purchases > 0)
            .group_by(DailySales.payment_status)
        ).all()
    assert shown.revenue == Decimal("290.00")
    assert [tuple(row) for row in counted] == [("voided", 4, 4)]
    assert (batch.undone_by, batch.undo_reason) == ("Ana Ruiz", "Wrong year")
    assert {(each.payment_status, each.void_reason, each.voided_at) for each in imported} == {
        ("voided", "Wrong year", batch.undone_at)
    }
    assert abs(batch.undone_at - datetime.now(UTC)).total_seconds() < 60
    assert list_differences(event) == []


def test_lines_of_an_order_return_one_promo_use_and_one_of_them_leads_it(event):
    table, seat, promo = make.package(event, name="Table"), make.package(event, name="Seat"), make.promo_code(event)
    titles = {
        "external_sale_id": "Order", "ticket_type": "Ticket", "purchaser_name": "Name", "purchaser_email": "Email",
        "total_amount": "Paid", "purchase_date": "Date", "promo_code": "Code", "payment_status": "Status",
    }  # fmt: skip
    mapping = ColumnMapping({ours: (title,) for ours, title in titles.items()}, {}, {}, combine=True)
    lines = ["Order,Ticket,Name,Email,Paid,Date,Code,Status"]
    lines += [
        f"7,{name},Ana,ana@example.org,{paid},2026-10-01T12:00:00Z,{promo.code},completed"
        for name, paid in (("Table", 100), ("Seat", 60))
    ]
    result = run_mapped(event, "\n".join(lines).encode(), mapping)
    assert get_use_count(promo) == 1
    returned = undo(event, result.batch_id)
    assert (returned.purchases, returned.orders, returned.promo_uses) == (2, 1, 1)
    assert (get_use_count(promo), get_sold_count(table), get_sold_count(seat)) == (0, 0, 0)
    assert [(each.leads_order, each.version) for each in list_purchases(event)] == [(True, 2), (False, 2)]
    with db.read_session() as session:
        order = session.scalars(select(Order).where(Order.event_id == event.id)).one()
        use = session.get(PromoUse, order.id)
    assert order.version == 2
    assert use.given_back_at is not None
    assert list_differences(event) == []


def test_corrected_file_imports_and_its_own_import_can_be_undone(event):
    package = make.package(event, quantity_limit=1)
    for year in (2025, 2026):
        result = run_import(
            event, sales_csv(sale(package, external_sale_id="A", purchase_date=f"{year}-10-01T12:00:00"))
        )
        assert (result.rows_imported, result.rows_skipped, result.rows_voided) == (1, 0, 0)
        assert get_sold_count(package) == 1
        undo(event, result.batch_id)
        assert get_sold_count(package) == 0
    assert [each.external_sale_id for each in list_purchases(event)] == ["A", "A"]


def test_audit_log_has_one_entry(event, ana):
    result = run_import(event, sales_csv(sale(make.package(event)), sale(make.package(event))))
    with db.read_session() as session:
        last = session.scalar(select(func.max(AuditEntry.id)))
    undo(event, result.batch_id, ana)
    with db.read_session() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.id > last)).all()
    assert {(each.action, each.subject_id, each.subject_name, each.actor) for each in entries} == {
        ("import.undone", result.batch_id, "sales.csv", "Ana Ruiz")
    }
    assert len({each.change_id for each in entries}) == 1
    assert {each.field: each.new_value for each in entries} == {"purchases_voided": 2, "undo_reason": "Wrong year"}


def test_changed_purchases_are_undone_only_when_confirmed_as_they_are(event, ana):
    package = make.package(event)
    ids = ("named", "moved", "voided", "corrected", "untouched")
    result = run_import(event, sales_csv(*(sale(package, external_sale_id=each) for each in ids)))
    named, moved, corrected = (find_purchase(event, each) for each in ("named", "moved", "corrected"))
    void(event, find_purchase(event, "voided"))
    db.write(lambda s: corrections.change_status(s, ana, event.id, moved.id, "refunded", seen_version=1))
    seen = preview(event, result.batch_id)
    assert (seen.purchases, seen.packages, seen.revenue) == (4, 3, Decimal(300))
    assert [(each.id, each.changed_by, each.payment_status) for each in seen.changed] == [
        (moved.id, "Ana Ruiz", "refunded")
    ]
    with assert_refused(ChangedSinceImport, event) as refusal:
        undo(event, result.batch_id)
    assert refusal.value.preview.changes_token == seen.changes_token
    db.write(lambda s: guests.name_guests(s, ana, event.id, named.id, {1: {"name": "Ben"}}, seen_version=1))
    note = {"notes": "Near the stage"}
    db.write(lambda s: sale_details.correct(s, ana, event.id, corrected.order_id, note, {}, seen_version=1))
    with assert_refused(ChangedSinceImport, event) as refusal:
        undo(event, result.batch_id, confirmed=seen.changes_token)
    assert {each.id: each.changed_by for each in refusal.value.preview.changed} == {
        each.id: "Ana Ruiz" for each in (named, moved, corrected)
    }
    undo(event, result.batch_id, confirmed=refusal.value.preview.changes_token)
    assert {each.payment_status for each in list_purchases(event)} == {"voided"}
    assert find_purchase(event, "voided").void_reason == "Bought twice"
    assert get_sold_count(package) == 0
    assert list_differences(event) == []


def test_second_undo_is_refused(event):
    package = make.package(event)
    result = run_import(event, sales_csv(sale(package)))
    undo(event, result.batch_id)
    with assert_refused(Conflict, event) as refusal:
        undo(event, result.batch_id)
    assert "was undone by" in str(refusal.value)
    with pytest.raises(Conflict):
        preview(event, result.batch_id)


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501])
def test_undo_takes_a_reason(event, reason):
    result = run_import(event, sales_csv(sale(make.package(event))))
    with assert_refused(InvalidInput, event) as refusal:
        undo(event, result.batch_id, reason=reason)
    assert set(refusal.value.fields) == {"reason"}


def test_strangers_viewers_and_other_events_are_refused(event):
    result = run_import(event, sales_csv(sale(make.package(event))))
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        for call in (undo, preview):
            with assert_refused(kind, event):
                call(event, result.batch_id, actor)
    for there, batch_id in ((make.event(), result.batch_id), (event, uuid.uuid4())):
        with assert_refused(NotFound, event):
            undo(there, batch_id)


def test_voided_sale_is_known_and_left_out_until_it_is_wanted(event, ana):
    package = make.package(event)
    content = sales_csv(sale(package, external_sale_id="A"), sale(package, external_sale_id="B"))
    run_import(event, content)
    void(event, find_purchase(event, "A"), ana)
    assert (get_sold_count(package), find_purchase(event, "A").external_sale_id) == (1, "A")
    checked = check_import(event, content)
    now = datetime.now(UTC)
    assert (checked.to_import, checked.to_skip, len(checked.voided), checked.problems) == (0, 1, 1, ())
    assert checked.voided[0].row == 2
    assert checked.voided[0].message.startswith("A was voided here on ")
    assert checked.voided[0].message.endswith(f"{now:%b} {now.day}, {now:%Y} by Ana Ruiz. The row is left out.")
    left_out = run_import(event, content)
    assert (left_out.batch_id, left_out.rows_skipped, left_out.rows_voided) == (None, 1, 1)
    result = run_import(event, content, imports_voided=True)
    assert (result.rows_imported, result.rows_skipped, result.rows_voided) == (1, 1, 0)
    assert (get_sold_count(package), find_purchase(event, "A", "completed").version) == (2, 1)
    assert check_import(event, content).to_skip == 2
    assert list_differences(event) == []


def test_sale_voided_before_its_import_was_undone_stays_known(event):
    package = make.package(event)
    content = sales_csv(sale(package, external_sale_id="A"), sale(package, external_sale_id="B"))
    result = run_import(event, content)
    void(event, find_purchase(event, "A"))
    undo(event, result.batch_id)
    checked = check_import(event, content)
    assert (checked.to_import, checked.to_skip, len(checked.voided)) == (1, 0, 1)


def test_list_has_orders_and_revenue_of_each_import(event):
    package = make.package(event)
    rows = [sale(package), sale(package, payment_status="pending"), sale(package, payment_status="refunded")]
    run_import(event, sales_csv(*rows))
    with db.read_session() as session:
        [batch], total = batches.list_batches(session, OPERATOR, event.id)
    assert (total, batch.rows_imported, batch.orders, batch.revenue) == (1, 3, 3, Decimal(100))


def test_export_and_history_show_the_undo(event):
    result = run_import(event, sales_csv(sale(make.package(event))))
    undo(event, result.batch_id)
    [purchase] = list_purchases(event)
    with db.read_session() as session:
        rows, _ = purchase_list.list_purchases(session, OPERATOR, event.id, ALL_PURCHASES)
        history = purchase_list.get_details(session, OPERATOR, event.id, purchase.id).history
    assert [row.purchase.payment_status for row in rows] == ["voided"]
    assert [(each.field, each.new) for each in history] == [(None, None), ("void_reason", "Wrong year")]

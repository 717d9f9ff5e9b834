"""A number that is here already is the same sale only with the same buyer, package and total."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import assert_refused, get_use_count
from tests.support.known_shop import create_shop
from tests.support.sale_corrections import assert_verified, correct
from tests.support.sales_file import (
    check_import,
    list_problem_cells,
    read_data,
    read_table,
    run_import,
    sale,
    sales_csv,
)
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotFound
from ticketing.imports import batches, prefixes
from ticketing.models import AuditEntry, ImportBatch, Order, Package, Purchase
from ticketing.sales import corrections

pytestmark = pytest.mark.usefixtures("database_of_module")
FIRST_SHOP = read_data("import_cases/16-first-shop.csv")
SECOND_SHOP = read_data("import_cases/16b-second-shop.csv")


def change(content, **values):
    """Return the file with other values: by column, those of the rows by external id."""
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    for column, by_id in values.items():
        for row in rows:
            row[column] = by_id.get(row["external_sale_id"], row.get(column, ""))
    return sales_csv(*rows)


def find(event, external_id):
    with db.read_session() as session:
        is_wanted = (Purchase.event_id == event.id) & (Purchase.external_sale_id == external_id)
        return session.scalars(select(Purchase).where(is_wanted, Purchase.payment_status != "voided")).one()


def list_sales(event):
    with db.read_session() as session:
        query = select(Purchase).where(Purchase.event_id == event.id).order_by(Purchase.external_sale_id)
        return [(each.external_sale_id, str(each.total), each.payment_status) for each in session.scalars(query)]


def set_status(event, external_id, status):
    purchase = find(event, external_id)
    return db.write(
        lambda s: corrections.change_status(s, OPERATOR, event.id, purchase.id, status, seen_version=purchase.version)
    )


def void(event, external_id):
    return db.write(lambda s: corrections.void(s, OPERATOR, event.id, find(event, external_id).id, "Twice"))


class TestOtherSales:
    def test_16_second_shop_is_refused_and_imported_under_its_prefix(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        checked = check_import(event, SECOND_SHOP)
        assert list_problem_cells(checked) == [(2, "external_sale_id"), (3, "external_sale_id")]
        assert (checked.to_skip, checked.other_sales, checked.other_reports) == (0, 2, ())
        assert checked.problems[0].message == (
            "1001 is here already: Seat to ada@example.org for $100.00, from sales.csv. If these are another seller's "
            "numbers, enter a prefix for this file."
        )
        with assert_refused(imports.ImportRefused, event):
            run_import(event, SECOND_SHOP)
        assert run_import(event, SECOND_SHOP, id_prefix="shop2").rows_imported == 3
        assert list_sales(event) == [
            ("1001", "100.00", "completed"), ("1002", "100.00", "completed"), ("shop2:1001", "1000.00", "completed"),
            ("shop2:1002", "500.00", "completed"), ("shop2:1003", "500.00", "completed"),
        ]  # fmt: skip
        again = run_import(event, SECOND_SHOP, id_prefix="shop2")
        assert (again.batch_id, again.rows_skipped, run_import(event, FIRST_SHOP).rows_skipped) == (None, 3, 2)
        assert_verified(event)

    @pytest.mark.parametrize(
        ("column", "value"),
        [("purchaser_email", "eve@example.org"), ("ticket_type", "Table"), ("total_amount", "99.99")],
    )
    def test_other_buyer_package_or_total_is_a_problem(self, column, value):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        checked = check_import(event, change(FIRST_SHOP, **{column: {"1002": value}}))
        assert (list_problem_cells(checked), checked.to_skip) == ([(3, "external_sale_id")], 1)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("purchaser_email", "BEN@EXAMPLE.ORG"), ("purchaser_name", "Benjamin Ito"), ("notes", "Vegan"),
            ("purchase_date", "2026-09-01"), ("total_amount", "100.00"), ("ticket_type", "SEAT"),
            ("ticket_type", "Renamed since"),
        ],
    )  # fmt: skip
    def test_other_spelling_name_note_or_date_is_the_same_sale(self, column, value):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        checked = check_import(event, change(FIRST_SHOP, **{column: {"1002": value}}))
        assert (checked.problems, checked.to_skip, checked.to_import) == ((), 2, 0)

    @pytest.mark.parametrize(
        ("column", "value"), [("purchaser_email", "n/a"), ("total_amount", "about 100"), ("payment_status", "odd")]
    )
    def test_row_that_cannot_be_compared_is_a_problem(self, column, value):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        checked = check_import(event, change(FIRST_SHOP, **{column: {"1002": value}}))
        assert (list_problem_cells(checked), checked.to_skip) == ([(3, column)], 1)

    def test_corrected_buyer_is_not_compared(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        order = db.write(lambda s: s.get(Order, find(event, "1001").order_id))
        correct(order, {"donor.email": "ada.lim@example.org"}, seen_version=1)
        assert find(event, "1001").purchaser_email == "ada.lim@example.org"
        assert check_import(event, FIRST_SHOP).to_skip == 2
        corrected = change(FIRST_SHOP, purchaser_email={"1001": "ada.lim@example.org"})
        assert check_import(event, corrected).other_sales == 1

    def test_voided_sale_of_another_buyer_is_a_problem_until_it_is_wanted(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        void(event, "1001")
        other = change(FIRST_SHOP, purchaser_email={"1001": "eve@example.org"})
        assert [each.row for each in check_import(event, FIRST_SHOP).voided] == [2]
        checked = check_import(event, other)
        assert (list_problem_cells(checked), checked.other_sales) == ([(2, "external_sale_id")], 1)
        assert run_import(event, other, imports_voided=True).rows_imported == 1

    def test_undone_import_is_compared_with_nothing(self):
        event = create_shop()
        done = run_import(event, FIRST_SHOP)
        db.write(lambda s: batches.undo(s, OPERATOR, event.id, done.batch_id, "Wrong shop"))
        assert run_import(event, SECOND_SHOP).rows_imported == 3


class TestPrefix:
    @pytest.mark.parametrize("prefix", ["shop 2", "a:b", "a/b", "ä", "x" * 21])
    def test_prefix_that_cannot_be_stored_is_refused(self, prefix):
        event = create_shop()
        for call in (check_import, run_import):
            with assert_refused(InvalidInput, event) as refusal:
                call(event, FIRST_SHOP, id_prefix=prefix)
            assert set(refusal.value.fields) == {"id_prefix"}

    def test_longest_prefix_and_number_fit(self):
        event = create_shop()
        longest = 200 - 21
        for length, problems in ((longest, []), (longest + 1, [(2, "external_sale_id")])):
            content = sales_csv(sale("Seat", external_sale_id="9" * length))
            assert list_problem_cells(check_import(event, content, id_prefix="x" * 20)) == problems

    def test_prefix_and_header_are_kept_with_the_import(self):
        event = create_shop()
        run_import(event, FIRST_SHOP, id_prefix="north")
        with db.read_session() as session:
            batch = session.scalars(select(ImportBatch).where(ImportBatch.event_id == event.id)).one()
        assert (batch.id_prefix, len(batch.header_hash)) == ("north", 32)


class TestProposedPrefix:
    def propose(self, event, content, actor=OPERATOR):
        with db.read_session() as session:
            return prefixes.propose_prefix(session, actor, event.id, read_table("sales.csv", content), None)

    def test_prefix_of_the_last_import_with_this_header_is_proposed(self):
        event = create_shop()
        assert self.propose(event, FIRST_SHOP) == ""
        done = run_import(event, FIRST_SHOP, id_prefix="north")
        assert self.propose(event, SECOND_SHOP) == "north"
        assert self.propose(event, FIRST_SHOP.replace(b"external_sale_id", b"external_sale_id,notes")) == ""
        db.write(lambda s: batches.undo(s, OPERATOR, event.id, done.batch_id, "Wrong shop"))
        assert self.propose(event, FIRST_SHOP) == ""

    def test_of_several_prefixes_it_is_that_of_the_shop_whose_sales_are_here(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        run_import(event, SECOND_SHOP, id_prefix="shop2")
        new = sale("Seat", external_sale_id="2001")
        for content, prefix in ((FIRST_SHOP, ""), (SECOND_SHOP, "shop2"), (sales_csv(new), "shop2")):
            assert self.propose(event, content) == prefix
        longer = sales_csv(new, *csv.DictReader(io.StringIO(FIRST_SHOP.decode())))
        assert self.propose(event, longer) == ""

    def test_strangers_learn_no_prefix(self):
        event = create_shop()
        with pytest.raises(NotFound):
            self.propose(event, FIRST_SHOP, make.staff())


REFUNDED = change(FIRST_SHOP, payment_status={"1001": "refunded"})


class TestStatusChanges:
    def test_refund_at_the_seller_is_offered_and_made_only_when_wanted(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        seat = find(event, "1001").package_id
        checked = check_import(event, REFUNDED)
        [offered] = checked.status_changes
        assert (offered.row, offered.external_sale_id, offered.current, offered.status) == (
            2, "1001", "completed", "refunded",
        )  # fmt: skip
        assert (offered.revenue, offered.packages, checked.to_skip, checked.problems) == (Decimal(-100), 1, 2, ())
        assert run_import(event, REFUNDED).batch_id is None
        assert find(event, "1001").payment_status == "completed"
        done = run_import(event, REFUNDED, changes_statuses=True)
        assert (done.rows_imported, done.rows_skipped, done.statuses_changed) == (0, 2, 1)
        sold = find(event, "1001")
        assert (sold.payment_status, sold.imported_status, sold.version) == ("refunded", "refunded", 2)
        with db.read_session() as session:
            assert session.get(Package, seat).sold_count == 1
        again = run_import(event, REFUNDED, changes_statuses=True)
        assert (again.batch_id, again.rows_skipped, again.statuses_changed) == (None, 2, 0)
        assert_verified(event)

    def test_change_is_audited_like_one_by_hand(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)
        done = run_import(event, REFUNDED, changes_statuses=True)
        with db.read_session() as session:
            purchase_id = find(event, "1001").id
            [entry] = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == purchase_id))
            imported = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == done.batch_id)).all()
        assert (entry.action, entry.old_value, entry.new_value, entry.subject_version) == (
            "purchase.status_changed", "completed", "refunded", 2,
        )  # fmt: skip
        assert entry.subject_name.startswith("Ada Lim (order ")
        assert {each.field: each.new_value for each in imported} == {"rows_imported": 0, "statuses_changed": 1}

    @pytest.mark.parametrize(
        ("before", "here", "after", "offered"),
        [
            ("pending", None, "completed", ("completed",)),
            ("pending", None, "failed", ("failed",)),
            ("pending", None, "refunded", ("completed", "refunded")),
            ("completed", None, "refunded", ("refunded",)),
            # Staff were first, or changed what the file still says.
            ("completed", "refunded", "refunded", ()),
            ("completed", "refunded", "completed", ()),
            ("pending", "completed", "pending", ()),
            ("pending", "completed", "refunded", ("refunded",)),
            ("pending", "failed", "pending", ()),
        ],
    )
    def test_only_what_went_on_at_the_seller_is_offered(self, before, here, after, offered):
        event = create_shop()
        run_import(event, change(FIRST_SHOP, payment_status={"1001": before}))
        if here:
            set_status(event, "1001", here)
        content = change(FIRST_SHOP, payment_status={"1001": after})
        checked = check_import(event, content)
        assert tuple(step for each in checked.status_changes for step in each.steps) == offered
        assert [each for each in checked.warnings if each.column == "payment_status"] == []
        run_import(event, content, changes_statuses=True)
        assert find(event, "1001").payment_status == (after if offered else here)
        assert_verified(event)

    @pytest.mark.parametrize(
        ("before", "here", "after"),
        [("failed", None, "completed"), ("completed", None, "pending"), ("pending", "failed", "completed")],
    )
    def test_status_that_cannot_be_taken_is_a_warning(self, before, here, after):
        event = create_shop()
        run_import(event, change(FIRST_SHOP, payment_status={"1001": before}))
        if here:
            set_status(event, "1001", here)
        checked = check_import(event, change(FIRST_SHOP, payment_status={"1001": after}))
        [warning] = [each for each in checked.warnings if each.column == "payment_status"]
        assert warning.message.startswith(f"1001 is {after} in the file and {here or before} here, and stays so.")
        assert (checked.status_changes, checked.to_skip) == ((), 2)

    def test_refunded_package_and_use_can_be_sold_again_in_the_same_file(self):
        event = create_shop(quantity_limit=2)
        promo = make.promo_code(event, code="EARLY10", max_total_uses=1)
        content = change(FIRST_SHOP, promo_code={"1001": "EARLY10"})
        run_import(event, content)
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        rows[0]["payment_status"] = "refunded"
        resold = sales_csv(*rows, rows[1] | {"external_sale_id": "1003", "promo_code": "EARLY10"})
        assert list_problem_cells(check_import(event, resold)) == [(4, "promo_code"), (4, "quantity")]
        done = run_import(event, resold, changes_statuses=True)
        assert (done.rows_imported, done.statuses_changed, get_use_count(promo)) == (1, 1, 1)
        assert_verified(event)

    def test_changes_and_import_are_one_transaction(self):
        event = create_shop()
        run_import(event, FIRST_SHOP)

        def fail(stored, total):
            raise InvalidInput({"file": "Stopped."})

        longer = sales_csv(
            *csv.DictReader(io.StringIO(REFUNDED.decode())), sale("Seat", external_sale_id="1003", payment_status="")
        )
        with assert_refused(InvalidInput, event):
            run_import(event, longer, progress=fail, changes_statuses=True)
        assert run_import(event, longer, changes_statuses=True).rows_imported == 1

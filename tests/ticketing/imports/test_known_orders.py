"""Orders that are here already, of which a file has other lines, or which another report of the seller brought."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.support import make, seller_files
from tests.support.known_shop import create_shop
from tests.support.mapped_import import propose_mapping
from tests.support.sale_corrections import assert_verified
from tests.support.sales_file import list_problem_cells, read_table
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.imports.options import ImportOptions
from ticketing.models import Package, Purchase
from ticketing.sales import corrections

pytestmark = pytest.mark.usefixtures("database_of_module")


class TestOtherReports:
    """pretix has one report with a row for each order and one with a row for each position."""

    ORDERS = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.PRETIX_ORDERS,
            seller_files.pretix_order("ABCDE", "600.00", 2),
            seller_files.pretix_order("FGHIJ", "100.00", 1),
        )
    )
    POSITIONS = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.PRETIX_POSITIONS,
            seller_files.pretix_position("ABCDE", 1, "Seat", "100.00"),
            seller_files.pretix_position("ABCDE", 2, "Table", "500.00"),
            seller_files.pretix_position("FGHIJ", 1, "Seat", "100.00"),
        )
    )

    def read(self, event, content, name):
        """Return what `imports.check` and `run` take: orders are sales of the package that staff choose for all."""
        mapping = propose_mapping(event, content)
        if "ticket_type" not in mapping.columns:
            mapping = replace(mapping, constants=mapping.constants | {"ticket_type": "Seat", "quantity": "1"})
        return name, read_table(name, content), mapping

    @pytest.mark.parametrize(
        ("first", "second", "rows"),
        [(POSITIONS, ORDERS, [2]), (ORDERS, POSITIONS, [2, 3])],
        ids=["orders", "positions"],
    )
    def test_orders_are_here_from_another_report(self, first, second, rows):
        event = create_shop()
        file = self.read(event, first, "first.csv")
        db.write(lambda s: imports.run(s, OPERATOR, event.id, *file))
        with db.read_session() as session:
            checked = imports.check(session, OPERATOR, event.id, *self.read(event, second, "second.csv"))
            again = imports.check(session, OPERATOR, event.id, *file)
        assert list_problem_cells(checked) == [(row, "external_sale_id") for row in rows]
        assert (checked.to_import, checked.to_skip, checked.other_reports) == (0, 1, ("first.csv",))
        assert "That is another report of the same orders." in checked.problems[0].message
        assert (again.to_import, again.problems) == (0, ())


def positions(*rows):
    return seller_files.to_csv(
        seller_files.build_rows(
            seller_files.PRETIX_POSITIONS,
            *(
                seller_files.pretix_position("ABCDE", place, name, price, **more)
                for place, (name, price, more) in enumerate(rows)
            ),
        )
    )


class TestLinesOfOrders:
    SEAT, TABLE = ("Seat", "100.00", {}), ("Table", "500.00", {})

    def check(self, event, content):
        with db.read_session() as session:
            file = read_table("export", content), propose_mapping(event, content)
            return imports.check(session, OPERATOR, event.id, "export", *file)

    def import_lines(self, *rows):
        event, content = create_shop(), positions(*rows)
        file = read_table("export", content), propose_mapping(event, content)
        db.write(lambda s: imports.run(s, OPERATOR, event.id, "export", *file))
        return event

    def test_line_that_was_added_at_the_seller_is_a_new_sale(self):
        event = self.import_lines(self.SEAT)
        checked = self.check(event, positions(self.SEAT, self.TABLE))
        assert (checked.to_import, checked.to_skip, checked.problems) == (1, 1, ())

    def test_line_that_was_exchanged_is_a_problem(self):
        event = self.import_lines(self.SEAT)
        checked = self.check(event, positions(self.TABLE))
        assert list_problem_cells(checked) == [(2, "external_sale_id")]
        assert "If the seller changed this sale" in checked.problems[0].message
        two = self.import_lines(self.SEAT, self.TABLE)
        assert self.check(two, positions(self.TABLE)).to_skip == 1

    def test_added_line_of_another_buyer_is_a_problem(self):
        event = self.import_lines(self.SEAT)
        other = {"Email": "eve@example.org"}
        checked = self.check(event, positions(("Seat", "100.00", other), ("Table", "500.00", other)))
        assert list_problem_cells(checked) == [(2, "external_sale_id"), (3, "external_sale_id")]
        assert (checked.to_import, checked.other_sales) == (0, 2)

    def test_total_of_an_order_is_compared_when_its_split_follows_new_prices(self):
        event = self.import_lines(("Seat", "", {}), ("Table", "600.00", {}))
        content = positions(("Seat", "", {}), ("Table", "600.00", {}))
        seat = db.write(
            lambda s: s.scalars(select(Package).where(Package.name == "Seat", Package.event_id == event.id)).one()
        )
        make.change_package(OPERATOR, seat, price="300.00")
        checked = self.check(event, content)
        assert (checked.to_skip, checked.problems) == (2, ())
        changed = self.check(event, positions(("Seat", "", {}), ("Table", "600.01", {})))
        assert changed.other_sales == 2

    def test_line_that_was_paid_since_is_offered_alone(self):
        pending = {"Status": "Pending"}
        event = self.import_lines(("Seat", "100.00", pending), ("Table", "500.00", pending))
        checked = self.check(event, positions(("Seat", "100.00", {"Status": "Paid"}), ("Table", "500.00", pending)))
        assert [(each.row, each.current, each.status) for each in checked.status_changes] == [
            (2, "pending", "completed")
        ]

    def test_seats_refunded_since_are_a_warning_and_imported_apart_after_a_void(self):
        paid, canceled = ("Seat", "100.00", {}), ("Seat", "100.00", {"Status": "Canceled"})
        event = self.import_lines(paid, paid, paid)
        later = positions(paid, canceled, paid)
        checked = self.check(event, later)
        assert (checked.to_import, checked.problems, checked.status_changes) == (0, (), ())
        [warning] = [each for each in checked.warnings if each.kind == "status_stays"]
        assert warning.message.startswith("A part of ABCDE is not completed in the file, and all of it is completed")
        assert self.check(event, positions(paid, paid)).other_sales == 1
        with db.read_session() as session:
            [sold] = session.scalars(select(Purchase).where(Purchase.event_id == event.id))
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, sold.id, "Refunded in part"))
        file = read_table("export", later), propose_mapping(event, later), ImportOptions(imports_voided=True)
        assert db.write(lambda s: imports.run(s, OPERATOR, event.id, "export", *file)).rows_imported == 2
        assert_verified(event)

    def test_line_of_which_the_rest_was_refunded_is_offered(self):
        paid, refunded = ("Seat", "100.00", {}), ("Seat", "100.00", {"Status": "Refunded"})
        event = self.import_lines(paid, refunded)
        again = self.check(event, positions(paid, refunded))
        assert (again.to_import, again.to_skip, again.problems, again.status_changes) == (0, 2, (), ())
        checked = self.check(event, positions(refunded, refunded))
        [offered] = checked.status_changes
        assert (offered.current, offered.status, str(offered.revenue)) == ("completed", "refunded", "-100.00")
        assert (checked.problems, checked.to_import) == ((), 0)

    def test_lines_of_every_status_are_here_and_stay_known_when_they_are_voided(self):
        rows = [("Seat", "100.00", {"Status": status}) for status in ("Paid", "Refunded", "Canceled")]
        event = self.import_lines(*rows, self.TABLE)
        checked = self.check(event, positions(*rows, self.TABLE))
        assert (checked.to_import, checked.to_skip, checked.problems) == (0, 4, ())
        with db.read_session() as session:
            sold = session.scalars(select(Purchase).where(Purchase.event_id == event.id)).all()
        assert len({each.external_sale_id for each in sold}) == 4
        db.write(lambda s: corrections.void_order(s, OPERATOR, event.id, sold[0].order_id, "Twice", seen_version=None))
        checked = self.check(event, positions(*rows, self.TABLE))
        assert (checked.to_import, checked.to_skip, len(checked.voided)) == (0, 0, 4)

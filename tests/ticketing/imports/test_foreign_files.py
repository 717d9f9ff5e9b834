"""Files of pretix and Eventbrite, from the proposed mapping to stored sales, and a second import of each."""

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support import make, seller_files
from tests.support.database_state import assert_refused, get_sold_count
from tests.support.mapped_import import POSITIONS, check, propose_mapping, run
from tests.support.sales_file import create_gala, read_data, read_table
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.imports import ImportRefused, column_mapping
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.models import AssignedTicket, ImportMapping, Package, Purchase
from ticketing.ops import verify

pytestmark = [
    pytest.mark.usefixtures("database_of_module"),
    pytest.mark.system,
]  # each file is read in a process of its own


def list_purchases(event):
    """Return each purchase as: id, package, quantity, total, status."""
    with db.read_session() as session:
        found = session.execute(
            select(Purchase.external_sale_id, Package.name, Purchase.quantity, Purchase.total, Purchase.payment_status)
            .join(Package, Package.id == Purchase.package_id)
            .where(Purchase.event_id == event.id)
        )
        return sorted(tuple(row) for row in found)


def get_purchase(event, external_sale_id):
    with db.read_session() as session:
        query = select(Purchase).where(Purchase.event_id == event.id, Purchase.external_sale_id == external_sale_id)
        return session.scalars(query).one()


def list_guests(event):
    with db.read_session() as session:
        named = session.execute(
            select(Package.name, AssignedTicket.seat_number, AssignedTicket.guest_name, AssignedTicket.guest_email)
            .join(Purchase, Purchase.id == AssignedTicket.purchase_id)
            .join(Package, Package.id == Purchase.package_id)
            .where(AssignedTicket.event_id == event.id, AssignedTicket.guest_name.is_not(None))
        )
        return sorted(tuple(row) for row in named)


def list_violations():
    with db.read_session() as session:
        return verify.verify(session)


def assert_second_import_stores_nothing(event, content, mapping):
    before = list_purchases(event)
    checked = check(event, content, mapping)
    assert (checked.to_import, checked.to_skip, checked.problems) == (0, len(before), ())
    done = run(event, content, mapping)
    assert (done.batch_id, done.rows_imported, done.rows_skipped, list_purchases(event)) == (
        None,
        0,
        len(before),
        before,
    )


def test_pretix_positions_become_one_purchase_for_each_order_and_package(empty_database):
    event = make.event()
    ticket = make.package(event, name="Ticket", price="50.00")
    table = make.package(event, name="Table for ten", price="1000.00", seats_per_package=10)
    content = seller_files.to_csv(POSITIONS)
    mapping = propose_mapping(event, content)
    checked = check(event, content, mapping)
    assert (checked.rows, checked.to_import, checked.problems) == (7, 4, ())
    assert (checked.packages, checked.revenue) == (6, Decimal("2195.00"))
    assert run(event, content, mapping).rows_imported == 4
    assert list_purchases(event) == sorted(
        [
            ("ABCDE", "Ticket", 3, Decimal("145.00"), "completed"),
            (f"FGHIJ/{table.id.hex[-8:]}", "Table for ten", 2, Decimal("2000.00"), "completed"),
            (f"FGHIJ/{ticket.id.hex[-8:]}", "Ticket", 1, Decimal("50.00"), "completed"),
            ("KLMNO", "Ticket", 1, Decimal("50.00"), "failed"),
        ]
    )
    assert (get_sold_count(ticket), get_sold_count(table), list_violations()) == (4, 2, [])
    assert_second_import_stores_nothing(event, content, mapping)


def test_attendees_become_guests_of_their_seats(empty_database):
    event = make.event()
    make.package(event, name="Ticket", price="50.00")
    make.package(event, name="Table for ten", price="1000.00", seats_per_package=10)
    content = seller_files.to_csv(POSITIONS)
    run(event, content, propose_mapping(event, content))
    assert list_guests(event) == [
        ("Table for ten", 1, "Cy Poe", None),
        ("Table for ten", 11, "Di Orr", None),
        ("Ticket", 1, "Ana Ruiz", "ana@example.org"),
        ("Ticket", 1, "Ed Fox", None),
        ("Ticket", 3, "Bo Li", None),
    ]
    with db.read_session() as session:
        seats_named = select(func.sum(Purchase.seats_named)).where(Purchase.event_id == event.id)
        assert session.scalar(seats_named) == 5
    assert list_violations() == []


def test_order_is_recognized_when_a_later_file_has_more_or_fewer_of_its_rows(event):
    make.package(event, name="Ticket", price="50.00")
    table = make.package(event, name="Table", price="1000.00")
    one = [seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00")]
    two = [*one, seller_files.pretix_position("ABCDE", 2, "Table", "1000.00")]

    def file(*positions):
        return seller_files.to_csv(seller_files.build_rows(seller_files.PRETIX_POSITIONS, *positions))

    mapping = propose_mapping(event, file(*two))
    assert mapping.combine
    run(event, file(*one), mapping)
    assert run(event, file(*two), mapping).rows_imported == 1
    assert [(row[0], row[1]) for row in list_purchases(event)] == [
        ("ABCDE", "Ticket"),
        (f"ABCDE/{table.id.hex[-8:]}", "Table"),
    ]
    for part in (one, two, two[1:], two[::-1]):
        again_rows = check(event, file(*part), mapping)
        assert (again_rows.to_import, again_rows.to_skip) == (0, len(part))


def test_renamed_package_is_still_the_same(event):
    package = make.package(event, name="Ticket")
    other = make.package(event, name="Table")
    rows = [
        seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00"),
        seller_files.pretix_position("ABCDE", 2, "Table", "9.00"),
    ]
    content = seller_files.to_csv(seller_files.build_rows(seller_files.PRETIX_POSITIONS, *rows))
    mapping = propose_mapping(event, content)
    run(event, content, mapping)
    db.write(lambda session: packages.update(session, OPERATOR, event.id, package.id, {"name": "Seat"}, seen_version=1))
    renamed = seller_files.to_csv(
        seller_files.build_rows(seller_files.PRETIX_POSITIONS, rows[0] | {"Product": "Early ticket"}, rows[1])
    )
    matched = mapping.packages | {"Early ticket": package.id, "Table": other.id}
    mapping = ColumnMapping(mapping.columns, mapping.constants, matched, "iso", True)
    assert check(event, renamed, mapping).to_skip == 2


def test_pretix_orders_are_sales_of_the_package_chosen_for_all_rows(event):
    package = make.package(event, name="Ticket", price="50.00")
    content = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.PRETIX_ORDERS,
            seller_files.pretix_order("ABCDE", "101.50", 2, Fees="1.50", **{"Phone number": "+49301234567"}),
            seller_files.pretix_order("FGHIJ", "50.00", 1, Status="Pending", Comment="At the door"),
            seller_files.pretix_order("KLMNO", "50.00", 1, Status="Expired"),
        ),
        delimiter=";",
    )
    mapping = propose_mapping(event, content)
    assert mapping.constants == {"ticket_type": "Ticket"}
    checked = check(event, content, mapping)
    assert (checked.problems, checked.to_import, checked.revenue) == ((), 3, Decimal("101.50"))
    assert [(warning.row, warning.column) for warning in checked.warnings] == [(2, "total_amount")]
    run(event, content, mapping)
    assert [row[2:] for row in list_purchases(event)] == [
        (2, Decimal("101.50"), "completed"),
        (1, Decimal("50.00"), "pending"),
        (1, Decimal("50.00"), "failed"),
    ]
    first = get_purchase(event, "ABCDE")
    assert (first.fee, first.purchaser_name, first.purchaser_phone) == (Decimal("1.50"), "Ana Ruiz", "+49301234567")
    assert first.purchased_at.isoformat() == "2026-10-01T22:30:00+00:00"
    assert get_sold_count(package) == 3
    assert_second_import_stores_nothing(event, content, mapping)


def test_eventbrite_orders_are_imported_with_both_fees(event):
    make.package(event, name="Ticket", price="50.00")
    content = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.EVENTBRITE_ORDERS,
            seller_files.eventbrite_order("14572631913", 2, "107.50"),
            seller_files.eventbrite_order("14572638553", 1, "50.00", **{"Payment status": "Refunded/Canceled"}),
        )
    )
    mapping = propose_mapping(event, content)
    run(event, content, mapping)
    assert list_purchases(event) == [
        ("14572631913", "Ticket", 2, Decimal("107.50"), "completed"),
        ("14572638553", "Ticket", 1, Decimal("50.00"), "refunded"),
    ]
    first = get_purchase(event, "14572631913")
    assert (first.fee, first.purchaser_name) == (Decimal("7.50"), "John Frye")
    assert_second_import_stores_nothing(event, content, mapping)


def test_eventbrite_attendees_are_combined_by_their_status(event):
    ticket = make.package(event, name="Ticket", price="50.00")
    content = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.EVENTBRITE_ATTENDEES,
            seller_files.eventbrite_attendee("11211912243", "1", "Ticket", "$50.00"),
            seller_files.eventbrite_attendee(
                "11211912243", "2", "Ticket", "$50.00", **{"Attendee Status": "Checked In"}
            ),
            seller_files.eventbrite_attendee("11211912243", "3", "Ticket", "$0.00", **{"Attendee Status": "Refunded"}),
            seller_files.eventbrite_attendee("11211987213", "4", "Ticket", "$50.00", **{"Attendee Status": "Deleted"}),
        )
    )
    mapping = propose_mapping(event, content)
    assert (mapping.date_order, mapping.combine) == ("month_first", True)
    checked = check(event, content, mapping)
    assert checked.problems == ()
    assert [str(warning) for warning in checked.warnings] == [
        "row 4, total_amount: $0.00 is not 1 x $50.00, which is $50.00. The total from the file is kept."
    ]
    run(event, content, mapping)
    assert [(external_id[:11], *line) for external_id, *line in list_purchases(event)] == [
        ("11211912243", "Ticket", 2, Decimal("100.00"), "completed"),
        ("11211912243", "Ticket", 1, Decimal("0.00"), "refunded"),
        ("11211987213", "Ticket", 1, Decimal("50.00"), "failed"),
    ]
    assert get_sold_count(ticket) == 2
    first = get_purchase(event, "11211912243")
    assert (first.purchaser_name, first.purchaser_email) == ("Bo Li", "11211912243@example.org")
    assert first.purchased_at.isoformat() == "2025-11-30T03:28:00+00:00"
    assert sorted(row[2] for row in list_guests(event)) == ["Jane Doe 1", "Jane Doe 2", "Jane Doe 3", "Jane Doe 4"]
    assert_second_import_stores_nothing(event, content, mapping)


def test_workbook_and_csv_of_the_same_positions_are_the_same_sales(event):
    make.package(event, name="Ticket", price="50.00")
    make.package(event, name="Table for ten", price="1000.00", seats_per_package=10)
    price = POSITIONS[0].index("Price")
    numbers = [[float(cell) if place == price else cell for place, cell in enumerate(row)] for row in POSITIONS[1:]]
    workbook = seller_files.to_workbook([POSITIONS[0], *numbers])
    mapping = propose_mapping(event, workbook)
    assert run(event, workbook, mapping).rows_imported == 4
    assert check(event, seller_files.to_csv(POSITIONS), mapping).to_skip == 4


def test_problem_of_a_later_row_of_an_order_refuses_the_import(event):
    make.package(event, name="Ticket", price="50.00")
    content = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.PRETIX_POSITIONS,
            seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00"),
            seller_files.pretix_position("ABCDE", 2, "Ticket", "fifty"),
            seller_files.pretix_position("FGHIJ", 1, "Unknown", "50.00", Status="Partially refunded"),
        )
    )
    mapping = propose_mapping(event, content)
    with assert_refused(ImportRefused, event) as refused:
        run(event, content, mapping)
    assert [(each.row, each.column) for each in refused.value.check.problems] == [
        (3, "total_amount"),
        (4, "payment_status"),
        (4, "ticket_type"),
    ]


def test_required_column_that_is_not_mapped_is_a_problem_of_the_header(event):
    make.package(event, name="Ticket")
    content = b"Order,Who\nA,Ana\n"
    problems = check(
        event, content, ColumnMapping({"external_sale_id": ("Order",), "purchaser_name": ("Who",)})
    ).problems
    assert {(problem.row, problem.column) for problem in problems} == {
        (1, "ticket_type"),
        (1, "purchaser_email"),
        (1, "quantity"),
        (1, "total_amount"),
        (1, "purchase_date"),
    }


def test_foreign_file_without_a_mapping_lacks_our_columns(event):
    content = seller_files.to_csv(POSITIONS)
    missing = [problem for problem in check(event, content, None).problems if problem.row == 1]
    assert "ticket_type" in {problem.column for problem in missing}


def test_own_file_has_the_same_check_under_its_proposed_mapping(empty_database):
    event = create_gala()
    content = read_data("sales.csv")
    mapping = propose_mapping(event, content)
    assert not column_mapping.is_needed(read_table("sales.csv", content))
    assert check(event, content, mapping) == check(event, content, None)
    assert check(event, read_data("sales-dirty.csv"), None).problems


def test_mapping_is_saved_by_the_import_and_found_by_the_header(event):
    make.package(event, name="Ticket")
    make.package(event, name="Table for ten")
    content = seller_files.to_csv(POSITIONS)
    table = read_table("export", content)
    mapping = propose_mapping(event, content)

    def get_saved_mapping(other):
        with db.read_session() as session:
            return imports.find_saved_mapping(session, OPERATOR, other.id, table)

    assert get_saved_mapping(event) is None
    check(event, content, mapping)
    assert get_saved_mapping(event) is None
    run(event, content, mapping)
    assert get_saved_mapping(event) == mapping
    assert get_saved_mapping(make.event()) is None
    shorter = ColumnMapping({**mapping.columns, "notes": ()}, {}, mapping.packages, "day_first", True)
    more = [
        *POSITIONS,
        seller_files.build_rows(
            seller_files.PRETIX_POSITIONS, seller_files.pretix_position("ZZZZZ", 1, "Ticket", "50")
        )[1],
    ]
    run(event, seller_files.to_csv(more), shorter)
    assert get_saved_mapping(event).date_order == "day_first"


def test_refused_import_saves_no_mapping(event):
    content = seller_files.to_csv(POSITIONS)
    with pytest.raises(ImportRefused):
        run(event, content, propose_mapping(event, content))
    with db.read_session() as session:
        found = select(func.count()).select_from(ImportMapping).where(ImportMapping.event_id == event.id)
        assert session.scalar(found) == 0

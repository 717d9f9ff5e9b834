"""Files of pretix and Eventbrite, from proposal to stored sales, and the same file once more."""

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support import make, seller_files
from tests.support.database_state import assert_refused, get_sold_count
from tests.support.sales_file import create_gala, read_data, sale, sales_csv
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.imports import ImportRefused, column_mapping, files
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.models import AssignedTicket, ImportBatch, ImportMapping, Package, Purchase
from ticketing.ops import verify


def proposed(event, content):
    with db.read_session() as session:
        names = {
            each.id: each.name
            for each in session.scalars(
                select(Package).where(Package.event_id == event.id).order_by(Package.display_order)
            )
        }
    return column_mapping.propose(files.read("export", content), names)


def check(event, content, mapping, actor=OPERATOR):
    with db.read_session() as session:
        return imports.check(session, actor, event.id, "export", content, mapping)


def run(event, content, mapping, actor=OPERATOR):
    return db.write(lambda session: imports.run(session, actor, event.id, "export", content, mapping))


def bought(event):
    """Every purchase as: id, package, quantity, total, status."""
    with db.read_session() as session:
        found = session.execute(
            select(Purchase.external_sale_id, Package.name, Purchase.quantity, Purchase.total, Purchase.payment_status)
            .join(Package, Package.id == Purchase.package_id)
            .where(Purchase.event_id == event.id)
        )
        return sorted(tuple(row) for row in found)


def purchase(event, external_sale_id):
    with db.read_session() as session:
        wanted = Purchase.event_id == event.id, Purchase.external_sale_id == external_sale_id
        return session.scalars(select(Purchase).where(*wanted)).one()


def guests(event):
    with db.read_session() as session:
        named = session.execute(
            select(Package.name, AssignedTicket.seat_number, AssignedTicket.guest_name, AssignedTicket.guest_email)
            .join(Purchase, Purchase.id == AssignedTicket.purchase_id)
            .join(Package, Package.id == Purchase.package_id)
            .where(AssignedTicket.event_id == event.id, AssignedTicket.guest_name.is_not(None))
        )
        return sorted(tuple(row) for row in named)


def verified():
    with db.read_session() as session:
        return verify.verify(session)


def again(event, content, mapping):
    """A second import stores nothing and finds no problem."""
    before = bought(event)
    checked = check(event, content, mapping)
    assert (checked.to_import, checked.to_skip, checked.problems) == (0, len(before), ())
    done = run(event, content, mapping)
    assert (done.batch_id, done.rows_imported, done.rows_skipped, bought(event)) == (None, 0, len(before), before)


POSITIONS = seller_files.build_rows(
    seller_files.PRETIX_POSITIONS,
    seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00", "Ana Ruiz", **{"Attendee email": "ana@example.org"}),
    seller_files.pretix_position("ABCDE", 2, "Ticket", "50.00", ""),
    seller_files.pretix_position("ABCDE", 3, "Ticket", "45.00", "Bo Li"),
    seller_files.pretix_position("FGHIJ", 1, "Table for ten", "1000.00", "Cy Poe"),
    seller_files.pretix_position("FGHIJ", 2, "Table for ten", "1000.00", "Di Orr"),
    seller_files.pretix_position("FGHIJ", 3, "Ticket", "50.00", "Ed Fox"),
    seller_files.pretix_position("KLMNO", 1, "Ticket", "50.00", Status="Canceled"),
)


def test_the_positions_of_pretix_become_purchases_of_an_order_and_package(empty_database):
    event = make.event()
    ticket = make.package(event, name="Ticket", price="50.00")
    table = make.package(event, name="Table for ten", price="1000.00", seats_per_package=10)
    content = seller_files.to_csv(POSITIONS)
    mapping = proposed(event, content)
    checked = check(event, content, mapping)
    assert (checked.rows, checked.to_import, checked.problems) == (7, 4, ())
    assert (checked.packages, checked.revenue) == (6, Decimal("2195.00"))
    assert run(event, content, mapping).rows_imported == 4
    assert bought(event) == sorted(
        [
            ("ABCDE", "Ticket", 3, Decimal("145.00"), "completed"),
            (f"FGHIJ/{table.id.hex[-8:]}", "Table for ten", 2, Decimal("2000.00"), "completed"),
            (f"FGHIJ/{ticket.id.hex[-8:]}", "Ticket", 1, Decimal("50.00"), "completed"),
            ("KLMNO", "Ticket", 1, Decimal("50.00"), "failed"),
        ]
    )
    assert (get_sold_count(ticket), get_sold_count(table), verified()) == (4, 2, [])
    again(event, content, mapping)


def test_attendees_are_the_guests_of_the_seats_they_bought(empty_database):
    event = make.event()
    make.package(event, name="Ticket", price="50.00")
    make.package(event, name="Table for ten", price="1000.00", seats_per_package=10)
    content = seller_files.to_csv(POSITIONS)
    run(event, content, proposed(event, content))
    assert guests(event) == [
        ("Table for ten", 1, "Cy Poe", None), ("Table for ten", 11, "Di Orr", None),
        ("Ticket", 1, "Ana Ruiz", "ana@example.org"), ("Ticket", 1, "Ed Fox", None), ("Ticket", 3, "Bo Li", None),
    ]  # fmt: skip
    with db.read_session() as session:
        seats_named = select(func.sum(Purchase.seats_named)).where(Purchase.event_id == event.id)
        assert session.scalar(seats_named) == 5
    assert verified() == []


def test_an_order_is_known_again_when_a_later_file_has_only_part_of_it_or_more(event):
    make.package(event, name="Ticket", price="50.00")
    table = make.package(event, name="Table", price="1000.00")
    one = [seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00")]
    two = [*one, seller_files.pretix_position("ABCDE", 2, "Table", "1000.00")]

    def file(*positions):
        return seller_files.to_csv(seller_files.build_rows(seller_files.PRETIX_POSITIONS, *positions))

    mapping = proposed(event, file(*two))
    assert mapping.combine
    run(event, file(*one), mapping)
    assert run(event, file(*two), mapping).rows_imported == 1
    assert [(row[0], row[1]) for row in bought(event)] == [("ABCDE", "Ticket"), (f"ABCDE/{table.id.hex[-8:]}", "Table")]
    for part in (one, two, two[1:], two[::-1]):
        again_rows = check(event, file(*part), mapping)
        assert (again_rows.to_import, again_rows.to_skip) == (0, len(part))


def test_a_package_that_was_renamed_here_or_there_is_still_the_same(event):
    package = make.package(event, name="Ticket")
    other = make.package(event, name="Table")
    rows = [
        seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00"),
        seller_files.pretix_position("ABCDE", 2, "Table", "9.00"),
    ]
    content = seller_files.to_csv(seller_files.build_rows(seller_files.PRETIX_POSITIONS, *rows))
    mapping = proposed(event, content)
    run(event, content, mapping)
    db.write(lambda session: packages.update(session, OPERATOR, event.id, package.id, {"name": "Seat"}, seen_version=1))
    renamed = seller_files.to_csv(
        seller_files.build_rows(seller_files.PRETIX_POSITIONS, rows[0] | {"Product": "Early ticket"}, rows[1])
    )
    matched = mapping.packages | {"Early ticket": package.id, "Table": other.id}
    mapping = ColumnMapping(mapping.columns, mapping.constants, matched, "iso", True)
    assert check(event, renamed, mapping).to_skip == 2


def test_the_orders_of_pretix_are_sales_of_the_one_package_that_is_chosen_for_all(event):
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
    mapping = proposed(event, content)
    assert mapping.constants == {"ticket_type": "Ticket"}
    checked = check(event, content, mapping)
    assert (checked.problems, checked.to_import, checked.revenue) == ((), 3, Decimal("101.50"))
    assert [(warning.row, warning.column) for warning in checked.warnings] == [(2, "total_amount")]
    run(event, content, mapping)
    assert [row[2:] for row in bought(event)] == [
        (2, Decimal("101.50"), "completed"), (1, Decimal("50.00"), "pending"), (1, Decimal("50.00"), "failed"),
    ]  # fmt: skip
    first = purchase(event, "ABCDE")
    assert (first.fee, first.purchaser_name, first.purchaser_phone) == (Decimal("1.50"), "Ana Ruiz", "+49301234567")
    assert first.purchased_at.isoformat() == "2026-10-01T22:30:00+00:00"
    assert get_sold_count(package) == 3
    again(event, content, mapping)


def test_the_orders_of_eventbrite_are_imported_with_both_fees(event):
    make.package(event, name="Ticket", price="50.00")
    content = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.EVENTBRITE_ORDERS,
            seller_files.eventbrite_order("14572631913", 2, "107.50"),
            seller_files.eventbrite_order("14572638553", 1, "50.00", **{"Payment status": "Refunded/Canceled"}),
        )
    )
    mapping = proposed(event, content)
    run(event, content, mapping)
    assert bought(event) == [
        ("14572631913", "Ticket", 2, Decimal("107.50"), "completed"),
        ("14572638553", "Ticket", 1, Decimal("50.00"), "refunded"),
    ]
    first = purchase(event, "14572631913")
    assert (first.fee, first.purchaser_name) == (Decimal("7.50"), "John Frye")
    again(event, content, mapping)


def test_the_attendees_of_eventbrite_are_combined_and_those_refunded_left_out(event):
    make.package(event, name="Ticket", price="50.00")
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
    mapping = proposed(event, content)
    assert (mapping.date_order, mapping.combine) == ("month_first", True)
    checked = check(event, content, mapping)
    assert checked.problems == ()
    assert [str(warning) for warning in checked.warnings] == [
        "row 4, payment_status: This row is refunded while others of 11211912243 stand. It is left out."
    ]
    run(event, content, mapping)
    assert bought(event) == [
        ("11211912243", "Ticket", 2, Decimal("100.00"), "completed"),
        ("11211987213", "Ticket", 1, Decimal("50.00"), "failed"),
    ]
    first = purchase(event, "11211912243")
    assert (first.purchaser_name, first.purchaser_email) == ("Bo Li", "11211912243@example.org")
    assert first.purchased_at.isoformat() == "2024-11-30T03:28:00+00:00"
    assert sorted(row[2] for row in guests(event)) == ["Jane Doe 1", "Jane Doe 2", "Jane Doe 4"]
    again(event, content, mapping)


def test_one_workbook_and_one_csv_of_the_same_positions_are_the_same_sales(event):
    make.package(event, name="Ticket", price="50.00")
    make.package(event, name="Table for ten", price="1000.00", seats_per_package=10)
    price = POSITIONS[0].index("Price")
    numbers = [[float(cell) if place == price else cell for place, cell in enumerate(row)] for row in POSITIONS[1:]]
    workbook = seller_files.to_workbook([POSITIONS[0], *numbers])
    mapping = proposed(event, workbook)
    assert run(event, workbook, mapping).rows_imported == 4
    assert check(event, seller_files.to_csv(POSITIONS), mapping).to_skip == 4


def test_a_later_row_of_an_order_tells_its_own_problem_and_nothing_is_stored(event):
    make.package(event, name="Ticket", price="50.00")
    content = seller_files.to_csv(
        seller_files.build_rows(
            seller_files.PRETIX_POSITIONS,
            seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00"),
            seller_files.pretix_position("ABCDE", 2, "Ticket", "fifty"),
            seller_files.pretix_position("FGHIJ", 1, "Unknown", "50.00", Status="Partially refunded"),
        )
    )
    mapping = proposed(event, content)
    with assert_refused(ImportRefused, event) as refused:
        run(event, content, mapping)
    assert [(each.row, each.column) for each in refused.value.check.problems] == [
        (3, "total_amount"), (4, "payment_status"), (4, "ticket_type"),
    ]  # fmt: skip


def test_a_column_that_nobody_chose_is_a_problem_of_the_header(event):
    make.package(event, name="Ticket")
    content = b"Order,Who\nA,Ana\n"
    problems = check(
        event, content, ColumnMapping({"external_sale_id": ("Order",), "purchaser_name": ("Who",)})
    ).problems
    assert {(problem.row, problem.column) for problem in problems} == {
        (1, "ticket_type"), (1, "purchaser_email"), (1, "quantity"), (1, "total_amount"), (1, "purchase_date"),
    }  # fmt: skip


def test_without_a_mapping_a_foreign_file_is_judged_by_our_columns(event):
    content = seller_files.to_csv(POSITIONS)
    missing = [problem for problem in check(event, content, None).problems if problem.row == 1]
    assert "ticket_type" in {problem.column for problem in missing}


def test_our_own_file_gives_the_same_under_the_mapping_that_is_proposed_for_it(empty_database):
    event = create_gala()
    content = read_data("sales.csv")
    mapping = proposed(event, content)
    assert not column_mapping.is_needed(files.read("sales.csv", content))
    assert check(event, content, mapping) == check(event, content, None)
    assert check(event, read_data("sales-dirty.csv"), None).problems


def test_a_mapping_is_remembered_with_the_import_and_found_by_the_header(event):
    make.package(event, name="Ticket")
    make.package(event, name="Table for ten")
    content = seller_files.to_csv(POSITIONS)
    table = files.read("export", content)
    mapping = proposed(event, content)

    def remembered(of):
        with db.read_session() as session:
            return imports.find_saved_mapping(session, OPERATOR, of.id, table)

    assert remembered(event) is None
    check(event, content, mapping)
    assert remembered(event) is None
    run(event, content, mapping)
    assert remembered(event) == mapping
    assert remembered(make.event()) is None
    shorter = ColumnMapping({**mapping.columns, "notes": ()}, {}, mapping.packages, "day_first", True)
    more = [
        *POSITIONS,
        seller_files.build_rows(
            seller_files.PRETIX_POSITIONS, seller_files.pretix_position("ZZZZZ", 1, "Ticket", "50")
        )[1],
    ]
    run(event, seller_files.to_csv(more), shorter)
    assert remembered(event).date_order == "day_first"


def test_an_import_that_is_refused_remembers_nothing(event):
    content = seller_files.to_csv(POSITIONS)
    with pytest.raises(ImportRefused):
        run(event, content, proposed(event, content))
    with db.read_session() as session:
        found = select(func.count()).select_from(ImportMapping).where(ImportMapping.event_id == event.id)
        assert session.scalar(found) == 0


def test_the_preview_shows_the_first_sales_whole_as_they_will_arrive(event):
    make.package(event, name="Ticket", price="50.00")
    make.package(event, name="Table for ten", price="1000.00")
    spread = [POSITIONS[0], POSITIONS[1], POSITIONS[4], POSITIONS[2], POSITIONS[5], POSITIONS[3], POSITIONS[7]]
    content = seller_files.to_csv(spread)
    mapping = proposed(event, content)
    with db.read_session() as session:
        arrivals = imports.preview(session, OPERATOR, event.id, "export", content, mapping, max_sales=2)
    assert [(each.row, each.values["quantity"], each.values["total_amount"]) for each in arrivals] == [
        (2, "3", "145.00"), (3, "2", "2000.00"),
    ]  # fmt: skip
    assert arrivals[0].values["purchase_date"] == "2026-10-01T18:30:00-04:00"
    assert arrivals[0].wrong == {}


def test_the_preview_keeps_what_cannot_be_read_and_says_why(event):
    make.package(event, name="Ticket")
    content = seller_files.to_csv([POSITIONS[0], ["gala", "A", "1", "Gone", "x", *POSITIONS[1][5:]]])
    with db.read_session() as session:
        [arrival] = imports.preview(session, OPERATOR, event.id, "export", content, proposed(event, content))
    assert (arrival.values["payment_status"], arrival.values["purchaser_email"]) == ("Gone", "x")
    assert set(arrival.wrong) == {"payment_status", "purchaser_email"}


def test_the_imports_of_an_event_are_listed_the_latest_first(event):
    ana, package = make.staff(event=event, name="Ana Ruiz"), make.package(event)
    contents = [sales_csv(sale(package), sale(package)), sales_csv(sale(package)), sales_csv(sale(package))]
    done = [run(event, content, None, ana).batch_id for content in contents]

    def page(number, actor=ana):
        with db.read_session() as session:
            return imports.list_batches(session, actor, event.id, page=number, per_page=2)

    batches, total = page(1)
    assert ([batch.id for batch in batches], total) == ([done[2], done[1]], 3)
    [first], _ = page(2)
    assert (first.imported_by, first.file_name, first.rows_imported, first.rows_skipped) == ("Ana Ruiz", "export", 2, 0)
    assert page(1, make.staff(role="viewer", event=event))[1] == 3
    with pytest.raises(NotFound):
        page(1, make.staff(role="coordinator"))


def test_a_viewer_gets_neither_a_preview_nor_a_remembered_mapping(event):
    viewer, content = make.staff(role="viewer", event=event), seller_files.to_csv(POSITIONS)
    table = files.read("export", content)
    with db.read_session() as session:
        for ask in (
            lambda: imports.preview(session, viewer, event.id, "export", content, ColumnMapping()),
            lambda: imports.find_saved_mapping(session, viewer, event.id, table),
        ):
            with pytest.raises(NotAllowed):
                ask()


@pytest.mark.parametrize("kind", ["csv", "excel", "json"])
def test_every_example_imports_into_the_event_it_was_made_for(event, kind):
    for name in ("Couple", "+1 guest", "=Table"):
        make.package(event, name=name, price="12.50")
    with db.read_session() as session:
        example = getattr(imports, f"example_{kind}")(session, OPERATOR, event.id)
    checked = check(event, example, None)
    assert (checked.rows, checked.to_import, checked.problems, checked.warnings) == (3, 3, (), ())
    assert checked.revenue == Decimal("37.50")


def test_a_file_that_cannot_be_read_is_refused_under_a_mapping_too(event):
    with pytest.raises(InvalidInput):
        run(event, b"", ColumnMapping())
    with db.read_session() as session:
        batches = select(func.count()).select_from(ImportBatch).where(ImportBatch.event_id == event.id)
        assert session.scalar(batches) == 0

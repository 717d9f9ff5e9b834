"""Imports of files with our own columns: checked, stored all or nothing, and safe beside purchases."""

import csv
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import func, select, text

from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count
from tests.support.sales_file import (
    check_import,
    create_gala,
    list_problem_cells,
    read_data,
    read_table,
    run_import,
    sale,
    sales_csv,
)
from ticketing import audit, db, imports
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotAllowed, NotFound, SoldOut
from ticketing.imports import ImportRefused, examples
from ticketing.models import AssignedTicket, AuditEntry, Base, Donor, ImportBatch, Order, Package, PromoUse, Purchase
from ticketing.ops import verify
from ticketing.reporting import figures
from ticketing.sales import purchases, ticket_codes

CODES = ["AAAAAAAA", "BBBBBBBB", "CCCCCCCC"]
pytestmark = pytest.mark.system  # each file is read in a process of its own


def count_rows() -> dict[str, int]:
    """Return the number of rows of each table."""
    with db.read_session() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables
        }


def list_stored(event, model=Purchase):
    with db.read_session() as session:
        return session.scalars(select(model).where(model.event_id == event.id)).all()


def read_figures(event):
    with db.read_session() as session:
        return figures.get_figures(session, OPERATOR, event.id)


def test_sales_of_the_gala_give_its_totals(empty_database):
    event, totals = create_gala(), json.loads(read_data("sales.totals.json"))
    checked = check_import(event, read_data("sales.csv"))
    assert (checked.rows, checked.to_import, checked.to_skip, list_problem_cells(checked)) == (
        totals["rows"],
        1200,
        0,
        [],
    )
    done = run_import(event, read_data("sales.csv"))
    assert (done.rows_imported, done.rows_skipped) == (1200, 0)
    stored = read_figures(event)
    assert (stored.revenue, stored.packages_sold) == (Decimal(totals["revenue"]), totals["sold"])
    assert stored.discount == Decimal(totals["discount_completed"])
    assert (checked.revenue, checked.packages) == (stored.revenue, stored.packages_sold)
    by_package = {each.name: {"sold": each.sold_count, "revenue": str(each.revenue)} for each in stored.by_package}
    assert by_package == totals["by_package"]
    with db.read_session() as session:
        assert verify.verify(session) == []


def test_second_import_of_the_same_file_changes_nothing(empty_database):
    event = create_gala()
    run_import(event, read_data("sales.csv"))
    rows_before, figures_before = count_rows(), read_figures(event)
    checked = check_import(event, read_data("sales.csv"))
    assert (checked.to_import, checked.to_skip, checked.problems) == (0, 1200, ())
    assert {warning.column for warning in checked.warnings} == {"external_sale_id"}
    done = run_import(event, read_data("sales.csv"))
    assert (done.batch_id, done.rows_imported, done.rows_skipped) == (None, 0, 1200)
    assert (count_rows(), read_figures(event)) == (rows_before, figures_before)


def test_faulty_file_is_refused_with_exactly_its_problems(empty_database):
    event = create_gala()
    before = count_rows()
    expected = [(problem["row"], problem["column"]) for problem in json.loads(read_data("sales-dirty.problems.json"))]
    assert list_problem_cells(check_import(event, read_data("sales-dirty.csv"))) == expected
    with pytest.raises(ImportRefused) as refusal:
        run_import(event, read_data("sales-dirty.csv"))
    assert list_problem_cells(refusal.value.check) == expected
    assert str(refusal.value) == (
        "sales.csv has 17 problems in 17 rows of 300. Nothing was imported; correct the file and import it again."
    )
    assert count_rows() == before


def test_imported_sale_is_stored_with_all_its_fields(event):
    ana = make.staff(event=event)
    package = make.package(event, price="100.00", seats_per_package=2)
    promo = make.promo_code(event)
    row = sale(
        package,
        quantity=3,
        total_amount="250.00",
        discount_amount="40.00",
        fee_amount="7.50",
        notes="=1+1",
        purchaser_name=" José  Ruiz ",
        purchaser_email=" JOSE@Example.org ",
        purchaser_phone="555 0100",
        promo_code=promo.code.lower(),
        external_sale_id="EXT-1",
        purchase_date="2026-10-01T12:00:00",
    )
    done = run_import(event, sales_csv(row), ana)
    [purchase] = list_stored(event)
    assert (purchase.quantity, purchase.seats, purchase.seats_per_package) == (3, 6, 2)
    assert [purchase.unit_price, purchase.list_price, purchase.discount, purchase.fee, purchase.total] == [
        Decimal(amount) for amount in ("100.00", "300.00", "40.00", "7.50", "250.00")
    ]
    assert (purchase.purchaser_name, purchase.purchaser_email) == ("José Ruiz", "JOSE@Example.org")
    assert (purchase.purchaser_phone, purchase.notes, purchase.external_sale_id) == ("555 0100", "=1+1", "EXT-1")
    assert (purchase.channel, purchase.payment_status, purchase.promo_code_id) == ("import", "completed", promo.id)
    assert (purchase.import_batch_id, purchase.recorded_by) == (done.batch_id, ana.staff_id)
    assert purchase.purchased_at.isoformat() == "2026-10-01T16:00:00+00:00"
    assert sorted(ticket.seat_number for ticket in list_stored(event, AssignedTicket)) == [1, 2, 3, 4, 5, 6]
    [use] = list_stored(event, PromoUse)
    assert (use.order_id, use.promo_code_id, purchase.discount) == (purchase.order_id, promo.id, Decimal("40.00"))
    assert (get_sold_count(package), get_use_count(promo)) == (3, 1)


def test_batch_has_author_and_file_and_one_audit_entry(event):
    ana = make.staff(event=event, name="Ana Ruiz")
    package = make.package(event)
    before = len(list_stored(event, AuditEntry))
    done = run_import(event, sales_csv(sale(package), sale(package)), ana)
    [batch] = list_stored(event, ImportBatch)
    assert (batch.id, batch.staff_id, batch.imported_by) == (done.batch_id, ana.staff_id, "Ana Ruiz")
    assert (batch.file_name, batch.rows_imported, batch.rows_skipped) == ("sales.csv", 2, 0)
    assert len(list_stored(event, AuditEntry)) == before + 1
    [entry] = [each for each in list_stored(event, AuditEntry) if each.action == "import.completed"]
    assert (entry.action, entry.subject_id, entry.subject_name) == ("import.completed", batch.id, "sales.csv")
    assert (entry.actor, entry.field, entry.new_value) == ("Ana Ruiz", "rows_imported", 2)


def test_import_does_not_use_plans_made_for_small_tables(empty_database):
    """PostgreSQL drops cached plans after ANALYZE, which does not see the rows of an open transaction."""
    event = make.event()
    package = make.package(event)
    make.purchase(event, package)
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    for _ in range(12):  # after some uses a plan is cached
        make.purchase(event, package)
    file = read_table("sales.csv", sales_csv(*(sale(package) for _ in range(2500))))

    def work(session):
        imports.run(session, OPERATOR, event.id, "sales.csv", file)
        return session.scalar(text("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'purchases'"))

    assert db.write(work) < 100_000


def test_only_completed_and_pending_sales_count_and_each_package_gets_a_new_sales_version(event):
    package, promo = make.package(event, quantity_limit=2), make.promo_code(event, max_total_uses=2)
    statuses = ("failed", "refunded", "completed", "pending")
    rows = [sale(package, payment_status=status, promo_code=promo.code, discount_amount="10.00") for status in statuses]
    run_import(event, sales_csv(*rows[:2]))
    assert (get_sold_count(package), get_use_count(promo), len(list_stored(event, PromoUse))) == (0, 0, 0)
    with db.read_session() as session:
        assert session.get(Package, package.id).sales_version == 1
    run_import(event, sales_csv(*rows[2:]))
    assert (get_sold_count(package), get_use_count(promo), len(list_stored(event, PromoUse))) == (2, 2, 2)
    with db.read_session() as session:
        assert session.get(Package, package.id).sales_version == 2


def test_import_does_not_change_the_version_of_a_package(event):
    package = make.package(event)
    run_import(event, sales_csv(sale(package)))
    with db.read_session() as session:
        assert session.get(Package, package.id).version == package.version


def test_quantity_limit_includes_purchases_made_here(event):
    package = make.package(event, quantity_limit=3)
    make.purchase(event, package, quantity=2)
    assert list_problem_cells(check_import(event, sales_csv(sale(package)))) == []
    assert list_problem_cells(check_import(event, sales_csv(sale(package), sale(package)))) == [(3, "quantity")]


def test_uses_per_donor_include_purchases_made_here(event):
    package, promo, donor = make.package(event), make.promo_code(event, max_uses_per_donor=2), make.email()
    make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    row = {"promo_code": promo.code, "purchaser_email": donor.upper(), "total_amount": "90.00", "discount_amount": "10"}
    assert list_problem_cells(check_import(event, sales_csv(sale(package, **row)))) == []
    assert list_problem_cells(check_import(event, sales_csv(sale(package, **row), sale(package, **row)))) == [
        (3, "promo_code")
    ]


def test_donor_of_several_rows_is_stored_once_and_keeps_the_known_name(event):
    package, known, new = make.package(event), make.email("known"), make.email("new")
    make.purchase(event, package, donor_email=known)
    run_import(
        event,
        sales_csv(
            sale(package, purchaser_email=known.upper(), purchaser_name="Somebody", purchaser_phone="1"),
            sale(package, purchaser_email=new, purchaser_name="First"),
            sale(package, purchaser_email=new.upper(), purchaser_name="Latest"),
        ),
    )
    donors = {donor.email_key: donor for donor in list_stored(event, Donor)}
    assert {key: donor.name for key, donor in donors.items()} == {known: "Ana Ruiz", new: "Latest"}
    assert donors[known].phone == "1"


def test_same_sale_can_be_in_two_events(event):
    other = make.event()
    row = sale("Table", external_sale_id="EXT-1")
    for each in (event, other):
        make.package(each, name="Table")
        assert run_import(each, sales_csv(row)).rows_imported == 1


def test_only_new_rows_of_a_longer_file_are_imported(event):
    package = make.package(event)
    first, second = sale(package), sale(package)
    run_import(event, sales_csv(first))
    done = run_import(event, sales_csv(first, second))
    assert (done.rows_imported, done.rows_skipped, get_sold_count(package)) == (1, 1, 2)


def test_ticket_code_in_use_is_drawn_again(event, monkeypatch):
    package = make.package(event)
    taken = make.purchase(event, package).tickets[0].code
    draws = iter([[taken, *CODES[:2]], [CODES[0], CODES[0], CODES[1]], CODES])
    monkeypatch.setattr(ticket_codes, "new_ticket_codes", lambda _: next(draws))
    run_import(event, sales_csv(sale(package, quantity=3)))
    assert {ticket.code for ticket in list_stored(event, AssignedTicket)} == {taken, *CODES}


def test_order_number_in_use_is_drawn_again(event, monkeypatch):
    package = make.package(event)
    run_import(event, sales_csv(sale(package)))
    [taken] = [order.number for order in list_stored(event, Order)]
    draws = iter([[taken, "AAAAAA"], ["AAAAAA"], ["BBBBBB"]])
    monkeypatch.setattr(ticket_codes, "new_order_numbers", lambda _: next(draws))
    run_import(event, sales_csv(sale(package), sale(package)))
    assert {order.number for order in list_stored(event, Order)} == {taken, "AAAAAA", "BBBBBB"}


@pytest.mark.parametrize("draws_in_vain", [2, 3, 8])
def test_ticket_code_in_use_again_and_again_restarts_the_import(event, monkeypatch, draws_in_vain):
    package = make.package(event)
    taken = make.purchase(event, package).tickets[0].code
    draws = iter([[taken]] * draws_in_vain + [["BBBBBBBB"]])
    monkeypatch.setattr(ticket_codes, "new_ticket_codes", lambda _: next(draws))
    assert run_import(event, sales_csv(sale(package))).rows_imported == 1
    assert (get_sold_count(package), len(list_stored(event)), len(list_stored(event, ImportBatch))) == (2, 2, 1)


def test_progress_is_reported_up_to_the_last_row(event):
    package, reports = make.package(event), []
    run_import(
        event,
        sales_csv(*(sale(package) for _ in range(1001))),
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == [(1000, 1001), (1001, 1001)]


def test_unreadable_file_is_refused(event):
    with pytest.raises(InvalidInput) as refused:
        run_import(event, b"")
    assert refused.value.fields == {"file": "This file is empty. Choose a file with a header and at least one row."}


def test_coordinators_import_into_their_events_and_viewers_nowhere(event):
    package = make.package(event)
    content = sales_csv(sale(package))
    before = count_rows()
    for work in (check_import, run_import):
        with pytest.raises(NotAllowed):
            work(event, content, make.staff(role="viewer", event=event))
        with pytest.raises(NotFound):
            work(event, content, make.staff(role="coordinator"))
    assert count_rows()["purchases"] == before["purchases"]
    assert run_import(event, content, make.staff(role="coordinator", event=event)).rows_imported == 1


def test_packages_and_codes_of_another_event_are_unknown(event):
    other = make.event()
    package, promo = make.package(other), make.promo_code(other)
    mine = make.package(event)
    rows = sales_csv(sale(package), sale(mine, promo_code=promo.code))
    assert list_problem_cells(check_import(event, rows)) == [(2, "ticket_type"), (3, "promo_code")]


def test_example_uses_packages_that_are_available(event):
    make.package(event, name="Full", quantity_limit=1)
    run_import(event, sales_csv(sale("Full")))
    for name in ("Couple", "+1 guest", "Table"):
        make.package(event, name=name, price="12.50")
    with db.read_session() as session:
        example = examples.example_csv(session, OPERATOR, event.id)
    checked = check_import(event, example)
    assert (checked.rows, checked.to_import, checked.problems, checked.warnings) == (3, 3, (), ())


def test_problems_csv_is_in_the_order_of_the_rows_with_formulas_escaped(event):
    package = make.package(event)
    rows = [sale(package, total_amount="1.00"), sale("=cmd", quantity="0") | {"=color": "red"}]
    content = imports.problems_csv(check_import(event, sales_csv(*rows)))
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [(line[0], line[1], line[3]) for line in lines] == [
        ("row", "column", "severity"),
        ("1", "'=color", "warning"),
        ("2", "total_amount", "warning"),
        ("3", "quantity", "problem"),
        ("3", "ticket_type", "problem"),
    ]


def run_concurrently(*works):
    """Run functions in threads that start together; return their results in order, refusals included."""
    start = threading.Barrier(len(works))

    def attempt(work):
        start.wait(timeout=30)
        try:
            return work()
        except (ImportRefused, SoldOut) as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(attempt, works))


def test_concurrent_import_and_purchases_never_exceed_the_limit(event):
    for _ in range(5):
        package = make.package(event, quantity_limit=30)
        content = sales_csv(*(sale(package) for _ in range(20)))

        def buy(package=package):
            return sum(isinstance(each, purchases.RecordedPurchase) for each in map(buy_one, [package] * 5))

        def buy_one(package):
            try:
                return make.purchase(event, package)
            except SoldOut as refusal:
                return refusal

        imported, *bought = run_concurrently(lambda content=content: run_import(event, content), *[buy] * 4)
        stored_by_import = 0 if isinstance(imported, ImportRefused) else 20
        assert get_sold_count(package) == stored_by_import + sum(bought) <= 30


def test_concurrent_imports_and_purchases_of_the_same_donors_and_codes_do_not_deadlock(event):
    packages, codes = [make.package(event) for _ in range(3)], [make.promo_code(event) for _ in range(2)]
    donors = [make.email() for _ in range(20)]
    rows = [
        sale(packages[n % 3], purchaser_email=donors[-n % 20], promo_code=codes[n % 2].code, discount_amount="10.00")
        for n in range(200)
    ]

    def buy():
        for n in range(20):
            make.purchase(event, packages[n % 3], donor_email=donors[n], promo_code=codes[n % 2].code)

    run_concurrently(
        lambda: run_import(event, sales_csv(*rows[:100])), lambda: run_import(event, sales_csv(*rows[100:])), buy, buy
    )
    assert sum(map(get_sold_count, packages)) == sum(map(get_use_count, codes)) == 240


def test_concurrent_imports_of_the_same_file_import_it_once(event):
    package = make.package(event)
    content = sales_csv(*(sale(package) for _ in range(50)))
    done = run_concurrently(*[lambda: run_import(event, content)] * 4)
    assert sorted(each.rows_imported for each in done) == [0, 0, 0, 50]
    assert (get_sold_count(package), len(list_stored(event, ImportBatch))) == (50, 1)


def test_import_adds_no_audit_entries_to_a_package(event):
    package = make.package(event)
    run_import(event, sales_csv(sale(package)))
    with db.read_session() as session:
        assert audit.changes_since(session, event.id, package.id, 1) == []

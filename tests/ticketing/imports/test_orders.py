"""Rows of orders become purchases: sums, conflicts between rows, problems at their own row. No database."""

import uuid
from decimal import Decimal

import pytest

from tests.support.sales_file import read_table, sale, sales_csv
from ticketing.imports.orders import combine
from ticketing.imports.parsing import parse
from ticketing.imports.rows import ExistingData, validate
from ticketing.models import Package
from ticketing.validation import name_key


def build_package(name, price="100.00", seats=1) -> Package:
    return Package(
        id=uuid.uuid4(), name=name, name_key=name_key(name), price=Decimal(price), seats_per_package=seats, sold_count=0
    )


TABLE, COUPLE = build_package("Table"), build_package("Couple")
PACKAGES = {package.name_key: package for package in (TABLE, COUPLE)}


def seat_row(order="A", package="Table", **cells):
    return sale(package, external_sale_id=order, purchaser_email="ana@example.org", **cells)


def check_rows(*rows, stored=None):
    """Check the rows against an event with the `stored` sales: {external id: package}."""
    ids = {external_id: package.id for external_id, package in (stored or {}).items()}
    existing = ExistingData(PACKAGES, {}, ids, {})
    return validate(
        combine(list(parse(read_table("sales.csv", sales_csv(*rows)), "America/New_York")), existing), existing
    )


def get_sales(*rows, stored=None):
    result = check_rows(*rows, stored=stored)
    assert result.problems == []
    return result.sales


def list_problems(*rows, stored=None):
    return [(problem.row, problem.column) for problem in check_rows(*rows, stored=stored).problems]


def purchase_id(order, package):
    return f"{order}/{package.id.hex[-8:]}"


def test_quantities_and_amounts_of_an_order_and_package_are_summed():
    [purchase] = get_sales(
        seat_row(total_amount="0.10", discount_amount="99.90", fee_amount="1.01"),
        seat_row(total_amount="0.20", quantity=2),
        seat_row(total_amount="200.00", discount_amount="", fee_amount="0.02", quantity=1),
    )
    assert (purchase.quantity, purchase.total, purchase.discount, purchase.fee) == (
        4,
        Decimal("200.30"),
        Decimal("99.90"),
        Decimal("1.03"),
    )


def test_orders_and_packages_stay_separate_in_the_order_of_the_file():
    purchases = get_sales(
        seat_row("A"),
        seat_row("B", "Couple"),
        seat_row("A", "Couple"),
        seat_row("A", " TABLE "),
        seat_row("B", "Couple"),
    )
    assert [(each.external_sale_id, each.package.name, each.quantity) for each in purchases] == [
        (purchase_id("A", TABLE), "Table", 2),
        ("B", "Couple", 2),
        (purchase_id("A", COUPLE), "Couple", 1),
    ]


@pytest.mark.parametrize(
    "stored",
    [{"A": TABLE}, {purchase_id("A", TABLE): TABLE}, {"A": TABLE, purchase_id("A", COUPLE): COUPLE}],
    ids=["whole", "own", "both"],
)
def test_purchase_stored_under_either_id_is_skipped(stored):
    assert check_rows(seat_row(), stored=stored).skipped_count == 1
    result = check_rows(seat_row(), seat_row(package="Couple"), stored=stored)
    assert (result.skipped_count, result.problems) == (1 + (purchase_id("A", COUPLE) in stored), [])
    assert [each.external_sale_id for each in result.sales] == [purchase_id("A", COUPLE)][: 2 - result.skipped_count]


def test_plain_order_id_belongs_to_one_package():
    assert [each.external_sale_id for each in get_sales(seat_row(), stored={"A": COUPLE})] == [purchase_id("A", TABLE)]


def test_order_id_too_long_for_several_packages_is_a_problem():
    long, longest = "x" * 192, "x" * 191
    assert list_problems(seat_row(long), seat_row(long, "Couple")) == [(2, "external_sale_id"), (3, "external_sale_id")]
    assert list_problems(seat_row(longest), seat_row(longest, "Couple")) == []
    assert list_problems(seat_row("x" * 200), seat_row("x" * 200)) == []


def test_first_filled_purchaser_and_date_hold_for_the_whole_order():
    blank = {"purchaser_name": "", "purchase_date": "", "purchaser_phone": ""}
    first, second = get_sales(
        seat_row(**blank),
        seat_row(**blank | {"purchaser_name": "Ana", "purchaser_phone": "1", "purchase_date": "2026-10-02"}),
        seat_row(package="Couple", **blank | {"purchaser_name": "Bo"}),
    )
    assert (first.purchaser_name, first.purchaser_phone, first.purchased_at.day) == ("Ana", "1", 2)
    assert (second.purchaser_name, second.purchaser_phone, second.purchased_at.day) == ("Bo", "1", 2)
    assert list_problems(seat_row(purchaser_name=""), seat_row(purchaser_name="")) == [
        (2, "purchaser_name"),
        (3, "purchaser_name"),
    ]


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("purchaser_email", "bo@example.org"),
        ("purchase_date", "2026-10-03"),
        ("promo_code", "OTHER10"),
    ],
)
def test_order_has_one_buyer_one_date_and_one_promo_code(column, other):
    said = {"purchaser_email": "ana@example.org", "purchase_date": "2026-10-02", "promo_code": "EARLY10"}[column]
    rows = [seat_row() | {column: said}, seat_row(package="Couple") | {column: ""}]

    def list_conflicts(*rows):
        return [
            (each.row, each.column)
            for each in check_rows(*rows).problems
            if "belongs to the same order" in each.message
        ]

    assert list_conflicts(*rows) == []
    assert list_conflicts(*rows, seat_row(package="Couple") | {column: other}) == [(4, column)]


def test_invalid_email_is_reported_even_when_another_row_has_a_valid_one():
    assert list_problems(seat_row() | {"purchaser_email": "ana"}, seat_row()) == [(2, "purchaser_email")]
    assert list_problems(seat_row(), seat_row() | {"purchaser_email": "ana"}) == [(3, "purchaser_email")]


def test_problems_stay_at_their_rows():
    rows = [
        seat_row(),
        seat_row(total_amount="x"),
        seat_row(quantity="0"),
        seat_row(package="Unknown"),
        seat_row(package=""),
    ]
    assert list_problems(*rows) == [(3, "total_amount"), (4, "quantity"), (5, "ticket_type"), (6, "ticket_type")]


def test_problems_of_a_stored_order_are_ignored():
    rows = [seat_row(), seat_row(total_amount="x"), seat_row(payment_status="refunded")]
    result = check_rows(*rows, stored={"A": TABLE})
    assert (result.problems, result.sales, result.skipped_count) == ([], [], 1)
    assert [(warning.row, warning.kind) for warning in result.warnings] == [(2, "here"), (4, "here")]
    assert result.rows_left_out == {"here": 3}


def test_refunded_and_failed_seats_beside_paid_ones_are_lines_of_their_own():
    result = check_rows(
        seat_row(payment_status="refunded", total_amount="0.00"),
        seat_row(),
        seat_row(payment_status="failed"),
        seat_row("B"),
    )
    assert result.problems == []
    assert [(each.external_sale_id, each.quantity, str(each.total), each.payment_status) for each in result.sales] == [
        (f"{purchase_id('A', TABLE)}/refunded", 1, "0.00", "refunded"),
        ("A", 1, "100.00", "completed"),
        (f"{purchase_id('A', TABLE)}/failed", 1, "100.00", "failed"),
        ("B", 1, "100.00", "completed"),
    ]
    assert {each.order_number for each in result.sales} == {"A", "B"}


def test_first_end_of_an_order_without_paid_seats_has_its_id():
    failed, refunded = get_sales(seat_row(payment_status="failed"), seat_row(payment_status="refunded"))
    assert (failed.external_sale_id, failed.payment_status) == (f"{purchase_id('A', TABLE)}/failed", "failed")
    assert (refunded.external_sale_id, refunded.payment_status) == ("A", "refunded")
    [whole] = get_sales(seat_row(payment_status="refunded"), seat_row(payment_status="refunded"))
    assert (whole.external_sale_id, whole.quantity) == ("A", 2)


def test_lines_of_each_status_are_recognized_in_the_next_file():
    rows = [seat_row(), seat_row(payment_status="refunded"), seat_row(payment_status="failed")]
    stored = {sale.external_sale_id: sale.package for sale in get_sales(*rows)}
    again = check_rows(*rows, stored=stored)
    assert (again.sales, again.problems, again.skipped_count) == ([], [], 3)


def test_active_rows_must_have_the_same_status_and_promo_code():
    assert list_problems(seat_row(), seat_row(payment_status="pending")) == [(3, "payment_status")]
    different = check_rows(seat_row(promo_code="EARLY"), seat_row(promo_code=""), seat_row(promo_code="LATE")).problems
    assert (4, "promo_code") in [(problem.row, problem.column) for problem in different]
    same = check_rows(seat_row(promo_code="EARLY"), seat_row(promo_code="early"), seat_row(promo_code="")).problems
    assert [(problem.row, problem.column) for problem in same] == [(2, "promo_code")]  # no such code in this event


def test_sums_have_limits():
    assert list_problems(seat_row(quantity=1_999), seat_row(quantity=1)) == []
    assert list_problems(seat_row(quantity=1_999), seat_row(quantity=2)) == [(2, "quantity")]
    assert list_problems(seat_row(quantity=1_999), seat_row(package="Couple")) == []
    assert list_problems(seat_row(quantity=1_999), seat_row(package="Couple", quantity=2)) == [(3, "quantity")]
    assert list_problems(seat_row(quantity=1_999), seat_row("B", package="Couple", quantity=2)) == []
    assert list_problems(seat_row(total_amount="9999999999.99"), seat_row(total_amount="0.00")) == []
    assert list_problems(seat_row(total_amount="9999999999.99"), seat_row(total_amount="0.01")) == [(2, "total_amount")]


def test_row_without_an_order_is_a_problem():
    assert list_problems(seat_row(), seat_row(order=""), seat_row(order="")) == [
        (3, "external_sale_id"),
        (4, "external_sale_id"),
    ]

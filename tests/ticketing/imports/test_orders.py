"""Rows of orders become purchases: what is added up, what must agree, what stays at its own row. No database."""

import uuid
from decimal import Decimal

import pytest

from tests.support.sales_file import sale, sales_csv
from ticketing.imports.files import read_csv
from ticketing.imports.orders import collect_possible_ids, combine
from ticketing.imports.rows import ExistingData, parse, validate
from ticketing.models import Package
from ticketing.validation import name_key


def a_package(name, price="100.00", seats=1) -> Package:
    return Package(
        id=uuid.uuid4(), name=name, name_key=name_key(name), price=Decimal(price), seats_per_package=seats, sold_count=0
    )  # fmt: skip


TABLE, COUPLE = a_package("Table"), a_package("Couple")
HELD = {package.name_key: package for package in (TABLE, COUPLE)}


def seat(order="A", package="Table", **cells):
    return sale(package, external_sale_id=order, purchaser_email="ana@example.org", **cells)


def judged(*rows, context=None):
    """The verdict; `here` are the sales of the event already: {external id: package}."""
    known = ExistingData(HELD, {}, {given: package.id for given, package in (context or {}).items()}, {})
    return validate(combine(list(parse(read_csv(sales_csv(*rows)), "America/New_York")), known), known)


def sales(*rows, context=None):
    found = judged(*rows, context=context)
    assert found.problems == []
    return found.sales


def problems(*rows, context=None):
    return [(problem.row, problem.column) for problem in judged(*rows, context=context).problems]


def own(order, package):
    return f"{order}/{package.id.hex[-8:]}"


def test_quantities_and_amounts_of_an_order_and_package_are_added_up_to_the_cent():
    [found] = sales(
        seat(total_amount="0.10", discount_amount="99.90", fee_amount="1.01"),
        seat(total_amount="0.20", quantity=2),
        seat(total_amount="200.00", discount_amount="", fee_amount="0.02", quantity=1),
    )
    assert (found.quantity, found.total, found.discount, found.fee) == (
        4, Decimal("200.30"), Decimal("99.90"), Decimal("1.03"),
    )  # fmt: skip


def test_orders_and_packages_stay_apart_and_keep_the_order_of_the_file():
    found = sales(seat("A"), seat("B", "Couple"), seat("A", "Couple"), seat("A", " TABLE "), seat("B", "Couple"))
    assert [(each.external_sale_id, each.package.name, each.quantity) for each in found] == [
        (own("A", TABLE), "Table", 2), ("B", "Couple", 2), (own("A", COUPLE), "Couple", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "here",
    [{"A": TABLE}, {own("A", TABLE): TABLE}, {"A": TABLE, own("A", COUPLE): COUPLE}],
    ids=["whole", "own", "both"],
)
def test_a_purchase_that_is_here_under_either_id_is_skipped_alone_and_beside_others(context):
    assert judged(seat(), context=context).skipped_count == 1
    found = judged(seat(), seat(package="Couple"), context=context)
    assert (found.skipped_count, found.problems) == (1 + (own("A", COUPLE) in context), [])
    assert [each.external_sale_id for each in found.sales] == [own("A", COUPLE)][: 2 - found.skipped_count]


def test_the_orders_own_id_belongs_to_one_package():
    assert [each.external_sale_id for each in sales(seat(), context={"A": COUPLE})] == [own("A", TABLE)]
    assert collect_possible_ids(parse(read_csv(sales_csv(seat(), seat("B", "Unknown"))), "UTC"), HELD) == {
        "A",
        own("A", TABLE),
        "B",
    }


def test_an_id_that_becomes_too_long_for_its_package_is_a_problem():
    long, longest = "x" * 192, "x" * 191
    assert problems(seat(long), seat(long, "Couple")) == [(2, "external_sale_id"), (3, "external_sale_id")]
    assert problems(seat(longest), seat(longest, "Couple")) == []
    assert problems(seat("x" * 200), seat("x" * 200)) == []


def test_the_first_row_that_says_who_and_when_speaks_for_the_whole_order():
    silent = {"purchaser_name": "", "purchase_date": "", "purchaser_phone": ""}
    first, second = sales(
        seat(**silent),
        seat(**silent | {"purchaser_name": "Ana", "purchaser_phone": "1", "purchase_date": "2026-10-02"}),
        seat(package="Couple", **silent | {"purchaser_name": "Bo", "purchase_date": "2026-10-03"}),
    )
    assert (first.purchaser_name, first.purchaser_phone, first.purchased_at.day) == ("Ana", "1", 2)
    assert (second.purchaser_name, second.purchaser_phone, second.purchased_at.day) == ("Bo", "1", 3)
    assert problems(seat(purchaser_name=""), seat(purchaser_name="")) == [(2, "purchaser_name"), (3, "purchaser_name")]


def test_an_address_that_is_wrong_is_told_even_when_another_row_has_a_right_one():
    assert problems(seat() | {"purchaser_email": "ana"}, seat()) == [(2, "purchaser_email")]
    assert problems(seat(), seat() | {"purchaser_email": "ana"}) == [(3, "purchaser_email")]


def test_every_problem_stays_at_its_row():
    rows = [seat(), seat(total_amount="x"), seat(quantity="0"), seat(package="Unknown"), seat(package="")]
    assert problems(*rows) == [(3, "total_amount"), (4, "quantity"), (5, "ticket_type"), (6, "ticket_type")]


def test_what_is_wrong_with_an_order_that_is_here_already_does_not_matter():
    rows = [seat(), seat(total_amount="x"), seat(payment_status="refunded")]
    found = judged(*rows, context={"A": TABLE})
    assert (found.problems, found.skipped_count, [warning.row for warning in found.warnings]) == ([], 1, [2])


def test_seats_that_were_given_back_are_left_out_while_others_stand():
    found = judged(
        seat(payment_status="refunded", total_amount="0.00"), seat(), seat(payment_status="failed"), seat("B"),
    )  # fmt: skip
    assert [(each.external_sale_id, each.quantity, each.total) for each in found.sales] == [
        ("A", 1, Decimal("100.00")), ("B", 1, Decimal("100.00")),
    ]  # fmt: skip
    assert [(warning.row, warning.column) for warning in found.warnings] == [
        (2, "payment_status"),
        (4, "payment_status"),
    ]
    [gone] = sales(seat(payment_status="refunded"), seat(payment_status="failed"))
    assert (gone.payment_status, gone.quantity) == ("refunded", 2)


def test_the_rows_that_stand_must_agree_on_status_and_promo_code():
    assert problems(seat(), seat(payment_status="pending")) == [(3, "payment_status")]
    told = judged(seat(promo_code="EARLY"), seat(promo_code=""), seat(promo_code="LATE")).problems
    assert (4, "promo_code") in [(problem.row, problem.column) for problem in told]
    same = judged(seat(promo_code="EARLY"), seat(promo_code="early"), seat(promo_code="")).problems
    assert [(problem.row, problem.column) for problem in same] == [(2, "promo_code")]  # no such code in this event


def test_a_purchase_adds_up_to_what_can_be_recorded_and_no_more():
    assert problems(seat(quantity=9_999), seat(quantity=1)) == []
    assert problems(seat(quantity=9_999), seat(quantity=2)) == [(2, "quantity")]
    assert problems(seat(total_amount="9999999999.99"), seat(total_amount="0.00")) == []
    assert problems(seat(total_amount="9999999999.99"), seat(total_amount="0.01")) == [(2, "total_amount")]


def test_a_row_without_an_order_stands_alone_and_is_told():
    assert problems(seat(), seat(order=""), seat(order="")) == [(3, "external_sale_id"), (4, "external_sale_id")]

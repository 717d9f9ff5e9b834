"""Each number that is kept beside the purchases is broken by hand once, and `verify` tells it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests import make
from tests.database import use_database
from tests.sheet import run, sale, sheet
from ticketing import checks, db
from ticketing.models import Event


@pytest.fixture(scope="module")
def sold_here(postgres, database) -> Iterator[Event]:
    """An event with a purchase of each kind, in a database of its own."""
    use_database(postgres.create())
    event = make.event()
    package = make.package(event, name="Table", price="33.33", seats_per_package=2, quantity_limit=50)
    make.promo_code(event, code="THIRD33", discount_type="percentage", discount_value="33")
    make.promo_code(event, code="FIXED", discount_type="fixed_amount", discount_value="5000")
    make.purchase(event, package, quantity=3, promo_code="THIRD33")
    make.purchase(event, package, promo_code="FIXED", payment_status="pending")
    make.purchase(event, package, channel="comp")
    make.purchase(event, package)
    run(
        event,
        sheet(
            sale(package, total_amount="1.00", discount_amount="7.77", promo_code="THIRD33"),
            sale(package, payment_status="failed", promo_code="FIXED"),
            sale(package, payment_status="refunded"),
        ),
    )
    yield event
    use_database(database)


@pytest.fixture
def session(sold_here) -> Iterator[db.Session]:
    """Whatever is broken in it is whole again for the next test."""
    with db.Session(db.engine()) as session:
        yield session
        session.rollback()


def broken(session: db.Session, statement: str, *constraints: str) -> list[str]:
    """What is told after a change that no function of ours would make, past the constraints that would refuse it."""
    for name in constraints:
        session.execute(text(f"ALTER TABLE purchases DROP CONSTRAINT ck_purchases_{name}"))
    session.execute(text(statement))
    return sorted(told(session))


def told(session: db.Session) -> list[str]:
    return [str(difference) for difference in checks.verify(session)]


def test_nothing_differs_after_every_kind_of_purchase(session):
    assert told(session) == []


def test_a_wrong_sold_count_is_told_with_both_numbers(session, sold_here):
    assert broken(session, "UPDATE packages SET sold_count = sold_count + 1") == [
        f"Harbor Lights Gala ({sold_here.id}): the sold count of Table is 8, and the purchases lead to 7.",
    ]


def test_a_wrong_use_count_is_told(session):
    [difference] = broken(session, "UPDATE promo_codes SET current_uses = 0 WHERE code = 'THIRD33'")
    assert difference.endswith("the use count of THIRD33 is 0, and the purchases lead to 2.")


def test_a_lost_promo_use_is_told(session):
    [difference] = broken(session, "DELETE FROM promo_uses WHERE discount = 7.77")
    assert "the use of THIRD33 by purchase" in difference
    assert difference.endswith("is missing, and the purchases lead to $7.77.")


def test_a_wrong_discount_of_a_promo_use_is_told(session):
    [difference] = broken(session, "UPDATE promo_uses SET discount = 1 WHERE discount = 33.00")
    assert difference.endswith("is $1.00, and the purchases lead to $33.00.")


def test_a_use_of_a_purchase_that_does_not_count_is_told(session):
    [sold, uses, use] = broken(session, "UPDATE purchases SET payment_status = 'refunded' WHERE total = 1.00")
    assert sold.endswith("the sold count of Table is 7, and the purchases lead to 6.")
    assert uses.endswith("the use count of THIRD33 is 2, and the purchases lead to 1.")
    assert use.endswith("is $7.77, and the purchases lead to none.")


@pytest.mark.parametrize(
    ("wrong", "called", "stored", "recomputed"),
    [
        ("list_price = 100.00", "the list price", "$100.00", "$99.99"),
        ("discount = 32.99", "the discount", "$32.99", "$33.00"),
        ("total = 66.98", "the total", "$66.98", "$66.99"),
    ],
)
def test_a_wrong_amount_is_told_to_the_cent(session, wrong, called, stored, recomputed):
    purchase_id = session.scalar(text("SELECT id FROM purchases WHERE quantity = 3"))
    differences = broken(
        session, f"UPDATE purchases SET {wrong} WHERE quantity = 3", "list_price_adds_up", "total_adds_up"
    )
    expected = f"{called} of purchase {purchase_id} is {stored}, and the purchases lead to {recomputed}."
    assert any(difference.endswith(expected) for difference in differences)


def test_amounts_that_agree_with_each_other_and_not_with_the_code_are_told(session):
    differences = broken(session, "UPDATE purchases SET discount = 30.00, total = 69.99 WHERE quantity = 3")
    things = [difference.partition(": ")[2].partition(" purchase ")[0] for difference in differences]
    assert things == ["the discount of", "the total of", "the use of THIRD33 by"]


def test_the_amounts_of_an_import_stand_as_they_were_given(session):
    assert broken(session, "UPDATE purchases SET total = 12345.67 WHERE channel = 'import'") == []


@pytest.mark.parametrize("payment_status", ["completed", "failed"])
def test_a_lost_ticket_is_told_whatever_became_of_the_purchase(session, payment_status):
    one = f"SELECT min(id::text)::uuid FROM purchases WHERE payment_status = '{payment_status}' AND quantity = 1"
    purchase_id = session.scalar(text(one))
    [difference] = broken(
        session, f"DELETE FROM assigned_tickets WHERE purchase_id = '{purchase_id}' AND seat_number = 2"
    )
    assert difference.endswith(f"the number of tickets of purchase {purchase_id} is 1, and the purchases lead to 2.")


def test_a_difference_names_its_event(session):
    package_id = session.scalar(text("SELECT id FROM packages"))
    session.execute(text("UPDATE events SET name = 'Golf Day'"))
    [difference] = broken(session, f"UPDATE packages SET sold_count = 0 WHERE id = '{package_id}'")
    assert difference.startswith("Golf Day (")

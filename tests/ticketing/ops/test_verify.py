"""`verify` finds each stored number that was changed by hand."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.support import make
from tests.support.database import use_database
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.models import Event
from ticketing.ops import verify

IMPORTED = "SELECT order_id FROM purchases WHERE channel = 'import' AND payment_status = 'completed'"


@pytest.fixture(scope="module")
def seeded_event(postgres, database) -> Iterator[Event]:
    """An event with a purchase of each kind, in a separate database."""
    use_database(postgres.create())
    event = make.event()
    package = make.package(event, name="Table", price="33.33", seats_per_package=2, quantity_limit=50)
    after_party = make.package(event, name="After-party", price="15.10")
    make.promo_code(event, code="THIRD33", discount_type="percentage", discount_value="33")
    make.promo_code(event, code="FIXED", discount_type="fixed_amount", discount_value="5000")
    lines = [{"package_id": package.id, "quantity": 3}, {"package_id": after_party.id, "quantity": 1}]
    make.order(event, *lines, promo_code="THIRD33")
    make.purchase(event, package, promo_code="FIXED", payment_status="pending", guests=[{"name": "Ben"}])
    make.purchase(event, package, channel="comp")
    make.purchase(event, package)
    run_import(
        event,
        sales_csv(
            sale(package, total_amount="1.00", discount_amount="7.77", promo_code="THIRD33"),
            sale(package, payment_status="failed", promo_code="FIXED"),
            sale(package, payment_status="refunded"),
        ),
    )
    yield event
    use_database(database)


@pytest.fixture
def session(seeded_event) -> Iterator[db.Session]:
    """A session that is rolled back after each test."""
    with db.Session(db.engine()) as session:
        yield session
        session.rollback()


def list_differences_after(session: db.Session, statement: str, *constraints: str) -> list[str]:
    """List the differences after a statement, with the given constraints dropped."""
    for name in constraints:
        session.execute(text(f"ALTER TABLE purchases DROP CONSTRAINT ck_purchases_{name}"))
    session.execute(text(statement))
    return sorted(list_differences(session))


def list_differences(session: db.Session) -> list[str]:
    return [str(difference) for difference in verify.verify(session)]


def exclude_daily(differences: list[str]) -> list[str]:
    """Leave out the daily sums, which differ after every change of a purchase."""
    return [difference for difference in differences if ": the daily " not in difference]


def only_daily(differences: list[str]) -> list[str]:
    """Return the differences of daily sums, without the name of the event."""
    return [difference.partition(": the daily ")[2] for difference in differences if ": the daily " in difference]


def get_sale_day(session: db.Session, later: str = "") -> str:
    """Return the day of the box office sale in the event's time zone."""
    return str(session.scalar(text(f"SELECT max(day) {later} FROM daily_sales")))


def test_nothing_differs_after_every_kind_of_purchase(session):
    assert list_differences(session) == []


def test_wrong_sold_count_is_reported_with_both_numbers(session, seeded_event):
    assert list_differences_after(session, "UPDATE packages SET sold_count = 8 WHERE sold_count = 7") == [
        f"Harbor Lights Gala ({seeded_event.id}): the sold count of Table is 8, but the purchases give 7.",
    ]


def test_wrong_use_count_is_reported(session):
    [difference] = list_differences_after(session, "UPDATE promo_codes SET current_uses = 0 WHERE code = 'THIRD33'")
    assert difference.endswith("the use count of THIRD33 is 0, but the purchases give 2.")


def test_missing_promo_use_is_reported(session):
    [difference] = list_differences_after(session, f"DELETE FROM promo_uses WHERE order_id = ({IMPORTED})")
    assert "the number of uses of THIRD33 by order" in difference
    assert difference.endswith("is 0, but the purchases give 1.")


def test_promo_use_of_another_donor_is_reported(session):
    another = "(SELECT min(id::text)::uuid FROM donors WHERE id <> promo_uses.donor_id)"
    [difference] = list_differences_after(
        session, f"UPDATE promo_uses SET donor_id = {another} WHERE order_id = ({IMPORTED})"
    )
    assert difference.endswith("is 0, but the purchases give 1.")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            "purchaser_email = 'other@example.org'",
            "the number of lines of order {} with another donor's address is 1, but the purchases give 0.",
        ),
        ("leads_order = true", "the number of leading lines of order {} is 2, but the purchases give 1."),
    ],
)
def test_lines_that_disagree_are_reported(session, change, difference):
    number = session.scalar(text("SELECT number FROM orders JOIN purchases ON order_id = orders.id WHERE quantity = 3"))
    [found] = exclude_daily(list_differences_after(session, f"UPDATE purchases SET {change} WHERE line_number = 2"))
    assert found.endswith(difference.format(number))


def test_line_that_does_not_lead_its_status_is_reported(session):
    differences = list_differences_after(
        session,
        "UPDATE purchases SET leads_order = line_number = 2 WHERE order_id = (SELECT order_id FROM purchases"
        " WHERE line_number = 2)",
    )
    [found] = exclude_daily(differences)
    assert "the first completed line of order" in found
    assert found.endswith("is 2, but the purchases give 1.")


def test_wrong_share_of_an_order_discount_is_reported(session):
    differences = list_differences_after(
        session,
        "UPDATE purchases SET (discount, total) = (SELECT discount + cents, total - cents FROM"
        " (SELECT CASE line_number WHEN 1 THEN 0.02 ELSE -0.02 END AS cents)) WHERE order_id = (SELECT order_id FROM"
        " purchases WHERE line_number = 2)",
    )
    found = [difference.partition(": ")[2] for difference in exclude_daily(differences)]
    assert [difference.partition(" is ")[2] for difference in sorted(found, key=len)] == [
        "$4.96, but the purchases give $4.98.",
        "$33.02, but the purchases give $33.00.",
    ]
    assert all(difference.startswith("the discount of purchase") for difference in found)


def test_promo_use_of_a_void_purchase_is_reported(session):
    differences = list_differences_after(session, "UPDATE purchases SET payment_status = 'refunded' WHERE total = 1.00")
    [use, sold, uses] = exclude_daily(differences)
    assert sold.endswith("the sold count of Table is 7, but the purchases give 6.")
    assert uses.endswith("the use count of THIRD33 is 2, but the purchases give 1.")
    assert use.endswith("is 1, but the purchases give 0.")


@pytest.mark.parametrize(
    ("wrong", "label", "stored", "recomputed"),
    [
        ("list_price = 100.00", "the list price", "$100.00", "$99.99"),
        ("total = 66.98", "the total", "$66.98", "$66.99"),
    ],
)
def test_wrong_amount_is_reported_to_the_cent(session, wrong, label, stored, recomputed):
    purchase_id = session.scalar(text("SELECT id FROM purchases WHERE quantity = 3"))
    differences = list_differences_after(
        session, f"UPDATE purchases SET {wrong} WHERE quantity = 3", "list_price_adds_up", "total_adds_up"
    )
    expected = f"{label} of purchase {purchase_id} is {stored}, but the purchases give {recomputed}."
    assert any(difference.endswith(expected) for difference in differences)


def test_amounts_that_disagree_with_the_promo_code_are_reported(session):
    differences = list_differences_after(
        session, "UPDATE purchases SET discount = 30.00, total = 69.99 WHERE quantity = 3"
    )
    [found, *shares] = exclude_daily(differences)
    assert "the discount of order" in found
    assert found.endswith("is $34.98, but the purchases give $37.98.")
    assert len(shares) == 2


def test_amounts_of_imports_are_not_recomputed(session):
    assert (
        exclude_daily(list_differences_after(session, "UPDATE purchases SET total = 12345.67 WHERE channel = 'import'"))
        == []
    )


@pytest.mark.parametrize("payment_status", ["completed", "failed"])
def test_missing_ticket_is_reported_for_any_status(session, payment_status):
    one = f"SELECT min(id::text)::uuid FROM purchases WHERE payment_status = '{payment_status}' AND seats = 2"
    purchase_id = session.scalar(text(one))
    [difference] = list_differences_after(
        session, f"DELETE FROM assigned_tickets WHERE purchase_id = '{purchase_id}' AND seat_number = 2"
    )
    assert difference.endswith(f"the number of tickets of purchase {purchase_id} is 1, but the purchases give 2.")


def test_difference_names_its_event(session):
    package_id = session.scalar(text("SELECT id FROM packages"))
    session.execute(text("UPDATE events SET name = 'Golf Day'"))
    [difference] = list_differences_after(session, f"UPDATE packages SET sold_count = 0 WHERE id = '{package_id}'")
    assert difference.startswith("Golf Day (")


@pytest.mark.parametrize(
    ("statement", "stored", "recomputed"),
    [
        ("UPDATE purchases SET seats_named = 0 WHERE seats_named = 1", "0", "1"),
        ("UPDATE purchases SET seats_named = 2 WHERE seats_named = 1", "2", "1"),
        ("UPDATE assigned_tickets SET guest_name = NULL", "1", "0"),
    ],
)
def test_wrong_number_of_named_seats_is_reported(session, statement, stored, recomputed):
    purchase_id = session.scalar(text("SELECT id FROM purchases WHERE seats_named = 1"))
    [difference] = exclude_daily(list_differences_after(session, statement))
    expected = f"purchase {purchase_id} is {stored}, but the purchases give {recomputed}."
    assert difference.endswith(f"the number of named seats of {expected}")


@pytest.mark.parametrize(
    ("wrong", "label", "stored", "recomputed"),
    [
        ("purchases = 2", "purchases", "2", "1"),
        ("orders = 0", "orders", "0", "1"),
        ("quantity = 2", "packages", "2", "1"),
        ("seats = 3", "seats", "3", "2"),
        ("seats_named = 1", "named seats", "1", "0"),
        ("list_price = 34.33", "list price", "$34.33", "$33.33"),
        ("discount = 8.77", "discount", "$8.77", "$7.77"),
        ("total = 2.00", "total", "$2.00", "$1.00"),
    ],
)
def test_each_wrong_daily_sum_is_reported(session, wrong, label, stored, recomputed):
    wrong = f"UPDATE daily_sales SET {wrong} WHERE total = 1.00"
    place = "Table on 2026-10-01 (import, completed, THIRD33)"
    assert only_daily(list_differences_after(session, wrong)) == [
        f"{label} of {place} is {stored}, but the purchases give {recomputed}.",
    ]


def test_missing_day_is_reported_once(session):
    assert only_daily(list_differences_after(session, "DELETE FROM daily_sales WHERE channel = 'comp'")) == [
        f"purchases of Table on {get_sale_day(session)} (comp, completed) is missing, but the purchases give 1.",
    ]


def test_extra_day_is_reported(session):
    added = """
        INSERT INTO daily_sales (event_id, package_id, day, channel, payment_status, promo_code_id, purchases, orders,
            quantity, seats, seats_named, list_price, discount, total)
        SELECT event_id, package_id, day - 1, channel, payment_status, promo_code_id, purchases, orders,
            quantity, seats, seats_named, list_price, discount, total FROM daily_sales WHERE channel = 'comp'
    """
    assert only_daily(list_differences_after(session, added)) == [
        f"purchases of Table on {get_sale_day(session, '- 1')} (comp, completed) is 1, but the purchases give none.",
    ]


def test_amount_without_a_purchase_is_reported(session):
    emptied = (
        "INSERT INTO daily_sales (event_id, package_id, day, channel, payment_status, purchases, orders, quantity,"
        " seats, seats_named, list_price, discount, total)"
        " SELECT event_id, id, '2026-01-01', 'cash', 'completed', 0, 0, 0, 0, 0, 0, 0, {}"
    )
    one_package = "FROM packages WHERE name = 'Table'"
    assert only_daily(list_differences_after(session, f"{emptied.format('0.00')} {one_package}")) == []
    session.execute(text("DELETE FROM daily_sales WHERE purchases = 0"))
    assert only_daily(list_differences_after(session, f"{emptied.format('0.01')} {one_package}")) == [
        "total of Table on 2026-01-01 (cash, completed) is $0.01, but the purchases give none.",
    ]


@pytest.mark.parametrize(
    ("moved", "row"),
    [
        ("day = day + 1", "{tomorrow} (online, pending, FIXED)"),
        ("channel = 'cash'", "{today} (cash, pending, FIXED)"),
        ("payment_status = 'voided'", "{today} (online, voided, FIXED)"),
        ("promo_code_id = NULL", "{today} (online, pending)"),
    ],
)
def test_misplaced_sum_is_missing_in_one_row_and_extra_in_another(session, moved, row):
    days = {"today": get_sale_day(session), "tomorrow": get_sale_day(session, "+ 1")}
    wrong = f"UPDATE daily_sales SET {moved} WHERE payment_status = 'pending'"
    assert sorted(only_daily(list_differences_after(session, wrong))) == sorted(
        [
            f"purchases of Table on {days['today']} (online, pending, FIXED) is missing, but the purchases give 1.",
            f"purchases of Table on {row.format(**days)} is 1, but the purchases give none.",
        ]
    )


def test_recount_uses_days_of_the_event_time_zone(session):
    session.execute(text("UPDATE events SET time_zone = 'Pacific/Kiritimati'"))
    moved = {line.partition(" on ")[2].partition(" (")[0] for line in only_daily(list_differences(session))}
    assert "2026-10-02" in moved

"""Daily totals equal a recount of the purchases, however the purchases were written."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import assert_purchase_refused, assert_refused
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events
from ticketing.errors import Conflict, SoldOut
from ticketing.imports import ImportRefused
from ticketing.models import DailySales, Event, PromoCode, Purchase
from ticketing.sales import corrections, guests, purchases

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SUMS = ("purchases", "quantity", "seats", "seats_named", "list_price", "discount", "total")


def read_stored_totals(event):
    """Return the stored totals by (package, day, channel, status, promo code)."""
    with db.read_session() as session:
        rows = session.scalars(select(DailySales).where(DailySales.event_id == event.id)).all()
    return {
        (row.package_id, row.day, row.channel, row.payment_status, row.promo_code_id): tuple(
            getattr(row, name) for name in SUMS
        )
        for row in rows
    }


def recount_totals(event):
    """Return the same totals, counted from the purchases."""
    sums = defaultdict(lambda: [0] * len(SUMS))
    with db.read_session() as session:
        zone = ZoneInfo(session.get(Event, event.id).time_zone)
        for row in session.scalars(select(Purchase).where(Purchase.event_id == event.id)):
            day = row.purchased_at.astimezone(zone).date()
            line = sums[row.package_id, day, row.channel, row.payment_status, row.promo_code_id]
            for place, name in enumerate(SUMS):
                line[place] += 1 if name == "purchases" else getattr(row, name)
    return {key: tuple(line) for key, line in sums.items()}


def get_verified_totals(event):
    """Return the stored totals after comparing them with a recount; emptied rows are all zeros."""
    stored = read_stored_totals(event)
    filled = {key: line for key, line in stored.items() if line[0]}
    assert filled == recount_totals(event)
    assert all(line == (0,) * len(SUMS) for key, line in stored.items() if key not in filled)
    return filled


def sell(event, package, moment=NOON, **fields):
    draft = make.purchase_draft(package, **fields)
    return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=moment)).purchase


def change_status(event, purchase, status):
    return db.write(
        lambda s: corrections.change_status(
            s, OPERATOR, event.id, purchase.id, status, seen_version=s.get(Purchase, purchase.id).version
        )
    )


def void(event, purchase):
    return db.write(lambda s: corrections.void(s, OPERATOR, event.id, purchase.id, "Twice"))


def name_guests(event, purchase, seats):
    return db.write(
        lambda s: guests.name_guests(
            s, OPERATOR, event.id, purchase.id, seats, seen_version=s.get(Purchase, purchase.id).version
        )
    )


def change_event(event, **values):
    return db.write(
        lambda s: events.update(s, OPERATOR, event.id, values, seen_version=events.get(s, OPERATOR, event.id).version)
    )


@pytest.fixture
def table(event):
    return make.package(event, name="Table", price="33.33", seats_per_package=3, quantity_limit=100)


@pytest.fixture
def third(event) -> PromoCode:
    return make.promo_code(event, code="THIRD33", discount_value="33")


def test_no_sales_have_no_totals(event, table):
    assert get_verified_totals(event) == {}


@pytest.mark.parametrize(
    ("sold", "channel", "status", "with_code", "sums"),
    [
        ({}, "online", "completed", False, (1, 1, 3, 0, "33.33", "0.00", "33.33")),
        ({"quantity": 3}, "online", "completed", False, (1, 3, 9, 0, "99.99", "0.00", "99.99")),
        ({"promo_code": "third33"}, "online", "completed", True, (1, 1, 3, 0, "33.33", "11.00", "22.33")),
        ({"payment_status": "pending"}, "online", "pending", False, (1, 1, 3, 0, "33.33", "0.00", "33.33")),
        ({"channel": "cheque"}, "cheque", "completed", False, (1, 1, 3, 0, "33.33", "0.00", "33.33")),
        ({"channel": "comp"}, "comp", "completed", False, (1, 1, 3, 0, "33.33", "33.33", "0.00")),
        (
            {"guests": [{"name": "Ben"}, {"name": "Cleo"}]},
            *("online", "completed", False, (1, 1, 3, 2, "33.33", "0.00", "33.33")),
        ),
        (
            {"guests": [{"name": "Ben"}], "promo_code": "THIRD33", "payment_status": "pending", "quantity": 2},
            *("online", "pending", True, (1, 2, 6, 1, "66.66", "22.00", "44.66")),
        ),
    ],
)
def test_sale_is_added_to_totals_of_its_day(event, table, third, sold, channel, status, with_code, sums):
    sell(event, table, **sold)
    key = (table.id, date(2026, 6, 1), channel, status, third.id if with_code else None)
    assert get_verified_totals(event) == {key: (*sums[:4], *map(Decimal, sums[4:]))}


def test_equal_keys_share_one_row(event, table, third):
    for _ in range(3):
        sell(event, table)
        sell(event, table, promo_code="THIRD33")
    sell(event, make.package(event, price="10"))
    sell(event, table, NOON.replace(day=2))
    assert sorted(line[0] for line in get_verified_totals(event).values()) == [1, 1, 3, 3]


def test_repeated_idempotency_key_counts_once(event, table):
    donor, key = make.email(), make.unique("key")
    for _ in range(2):
        make.purchase(event, table, donor_email=donor, idempotency_key=key)
    assert [line[0] for line in get_verified_totals(event).values()] == [1]


def test_refused_sale_is_not_counted(event, table, third):
    sell(event, table)
    before = get_verified_totals(event)
    assert_purchase_refused(SoldOut, event, table, quantity=100)
    assert_purchase_refused(SoldOut, event, table, quantity=100, promo_code="THIRD33")
    assert get_verified_totals(event) == before


def test_free_package_counts_with_zero_amounts(event):
    sell(event, make.package(event, price="0"), quantity=2)
    assert list(get_verified_totals(event).values()) == [(1, 2, 2, 0, Decimal(0), Decimal(0), Decimal(0))]


def test_import_is_counted_in_every_status(event, table, third):
    row = {"purchase_date": "2026-06-01T12:00:00"}
    content = sales_csv(
        *(sale(table, payment_status=status, **row) for status in ("completed", "pending", "failed", "refunded")),
        sale(table, promo_code="THIRD33", discount_amount="5.00", total_amount="28.00", **row),
        sale(table, quantity=2, **row),
        sale(table, purchase_date="2026-06-01T23:59:59"),
        sale(table, purchase_date="2026-06-02T00:00:00"),
    )
    run_import(event, content)
    first, second = date(2026, 6, 1), date(2026, 6, 2)
    assert {key[1:4]: line[:2] for key, line in get_verified_totals(event).items() if key[4] is None} == {
        (first, "import", "completed"): (3, 4),
        (first, "import", "pending"): (1, 1),
        (first, "import", "failed"): (1, 1),
        (first, "import", "refunded"): (1, 1),
        (second, "import", "completed"): (1, 1),
    }
    before = get_verified_totals(event)
    run_import(event, content)
    assert get_verified_totals(event) == before


def test_refused_import_is_not_counted(event, table):
    with assert_refused(ImportRefused, event):
        run_import(event, sales_csv(sale(table), sale(table, quantity=0)))
    assert get_verified_totals(event) == {}


def test_import_adds_to_existing_row(event, table):
    for quantity in (1, 2):
        run_import(event, sales_csv(sale(table, quantity=quantity)))
    assert [line[:2] for line in get_verified_totals(event).values()] == [(2, 3)]


@pytest.mark.parametrize("before", ["completed", "pending"])
def test_void_moves_sale_to_voided_row(event, table, third, before):
    kept_sale = sell(event, table, payment_status=before, promo_code="THIRD33", guests=[{"name": "Ben"}])
    wrong = sell(event, table, payment_status=before, promo_code="THIRD33", quantity=2, guests=[{"name": "Cleo"}])
    void(event, wrong)
    assert {key[3]: line[:4] for key, line in get_verified_totals(event).items()} == {
        before: (1, 1, 3, 1),
        "voided": (1, 2, 6, 1),
    }
    void(event, kept_sale)
    assert {key[3]: line[:4] for key, line in get_verified_totals(event).items()} == {"voided": (2, 3, 9, 2)}


def test_second_void_changes_nothing(event, table):
    purchase = sell(event, table)
    void(event, purchase)
    before = get_verified_totals(event)
    with assert_refused(Conflict, event):
        void(event, purchase)
    assert get_verified_totals(event) == before


@pytest.mark.parametrize(
    ("before", "after"), [("pending", "completed"), ("pending", "failed"), ("completed", "refunded")]
)
def test_status_change_moves_totals(event, table, third, before, after):
    purchase = sell(event, table, payment_status=before, promo_code="THIRD33", guests=[{"name": "Ben"}])
    change_status(event, purchase, after)
    key = (table.id, date(2026, 6, 1), "online", after, third.id)
    assert get_verified_totals(event) == {key: (1, 1, 3, 1, Decimal("33.33"), Decimal("11.00"), Decimal("22.33"))}


def test_status_change_of_imported_sale_moves_totals(event, table):
    run_import(event, sales_csv(sale(table, payment_status="pending")))
    with db.read_session() as session:
        [purchase] = session.scalars(select(Purchase).where(Purchase.event_id == event.id))
    change_status(event, purchase, "completed")
    change_status(event, purchase, "refunded")
    assert [key[3] for key in get_verified_totals(event)] == ["refunded"]


def test_guest_changes_update_seats_named(event, table):
    purchase = sell(event, table, guests=[{"name": "Ben"}])
    sell(event, table)
    for seats, named in (
        ({2: {"name": "Cleo"}, 3: {"name": "Dan"}}, 3),
        ({1: {"name": "Benjamin"}}, 3),
        ({1: None, 3: None}, 1),
    ):
        name_guests(event, purchase, seats)
        assert [line[3] for line in get_verified_totals(event).values()] == [named]


def test_time_zone_change_moves_totals_to_other_days(event, table, third):
    late, early = datetime(2026, 6, 2, 3, 59, tzinfo=UTC), datetime(2026, 6, 2, 4, 0, tzinfo=UTC)
    sell(event, table, late, promo_code="THIRD33", guests=[{"name": "Ben"}])
    sell(event, table, late)
    sell(event, table, early)
    void(event, sell(event, table, early))
    run_import(event, sales_csv(sale(table, purchase_date="2026-06-01T23:59:00")))
    elsewhere = make.event()
    sell(elsewhere, make.package(elsewhere), late)

    def by_day():
        return {key[1:4]: line[0] for key, line in get_verified_totals(event).items() if key[4] is None}

    first, second = date(2026, 6, 1), date(2026, 6, 2)
    assert by_day() == {
        (first, "online", "completed"): 1,
        (second, "online", "completed"): 1,
        (second, "online", "voided"): 1,
        (first, "import", "completed"): 1,
    }
    change_event(event, time_zone="Europe/Berlin")
    assert by_day() == {
        (second, "online", "completed"): 2,
        (second, "online", "voided"): 1,
        (second, "import", "completed"): 1,
    }
    assert [key[1] for key in get_verified_totals(elsewhere)] == [first]
    sell(event, table, datetime(2026, 6, 1, 22, tzinfo=UTC))
    assert by_day()[second, "online", "completed"] == 3
    change_event(event, time_zone="America/New_York")
    assert by_day()[first, "online", "completed"] == 2


def test_later_package_uses_new_time_zone(event):
    change_event(event, time_zone="Pacific/Auckland")
    sell(event, make.package(event), datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert [key[1] for key in get_verified_totals(event)] == [date(2026, 6, 2)]


def test_other_event_changes_keep_totals(event, table):
    void(event, sell(event, table))
    before = read_stored_totals(event)
    change_event(event, name="Another Name", starts_at="2027-01-01T18:00", revenue_goal="5")
    assert read_stored_totals(event) == before
    get_verified_totals(event)


# UTC moments around clock changes, and the local day at each.
CLOCK_CHANGES = {
    "America/New_York": [
        ("2026-03-08T04:59:59", "2026-03-07"),
        ("2026-03-08T05:00:00", "2026-03-08"),
        ("2026-03-08T06:59:59", "2026-03-08"),  # 01:59:59, then the clock says 03:00
        ("2026-03-08T07:00:00", "2026-03-08"),
        ("2026-03-09T03:59:59", "2026-03-08"),  # a day of 23 hours
        ("2026-03-09T04:00:00", "2026-03-09"),
        ("2026-11-01T03:59:59", "2026-10-31"),
        ("2026-11-01T04:00:00", "2026-11-01"),
        ("2026-11-01T05:30:00", "2026-11-01"),  # half past one
        ("2026-11-01T06:30:00", "2026-11-01"),  # and once more
        ("2026-11-02T04:59:59", "2026-11-01"),  # a day of 25 hours
        ("2026-11-02T05:00:00", "2026-11-02"),
    ],
    "Asia/Beirut": [
        ("2026-03-28T21:59:59", "2026-03-28"),
        ("2026-03-28T22:00:00", "2026-03-29"),  # a day that begins at one o'clock
        ("2026-03-29T20:59:59", "2026-03-29"),
        ("2026-03-29T21:00:00", "2026-03-30"),
        ("2026-10-23T20:59:59", "2026-10-23"),
        ("2026-10-23T21:00:00", "2026-10-24"),
        ("2026-10-24T20:59:59", "2026-10-24"),  # midnight comes, and the clock says 23:00 again
        ("2026-10-24T21:00:00", "2026-10-24"),
        ("2026-10-24T21:59:59", "2026-10-24"),
        ("2026-10-24T22:00:00", "2026-10-25"),
    ],
}


@pytest.mark.parametrize("time_zone", CLOCK_CHANGES)
@pytest.mark.parametrize("way", ["sold", "imported", "zone_changed"])
def test_sales_around_clock_change_count_on_local_day(time_zone, way):
    event = make.event(time_zone="UTC" if way == "zone_changed" else time_zone)
    package = make.package(event)
    for moment, _ in CLOCK_CHANGES[time_zone]:
        if way == "imported":
            run_import(event, sales_csv(sale(package, purchase_date=f"{moment}Z")))
        else:
            sell(event, package, datetime.fromisoformat(moment).replace(tzinfo=UTC))
    if way == "zone_changed":
        change_event(event, time_zone=time_zone)
    expected = defaultdict(int)
    for _, day in CLOCK_CHANGES[time_zone]:
        expected[date.fromisoformat(day)] += 1
    assert {key[1]: line[0] for key, line in get_verified_totals(event).items()} == expected

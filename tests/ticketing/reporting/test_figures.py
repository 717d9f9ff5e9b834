from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import NotFound
from ticketing.models import PAYMENT_STATUSES
from ticketing.reporting import figures
from ticketing.sales import corrections, purchases


def sell(event, package, moment=None, **fields):
    draft = make.purchase_draft(package, **fields)
    return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=moment)).purchase


def update_status(event, purchase, status):
    """Change a purchase to a later status."""

    def work(session):
        if status == "voided":
            return corrections.void(session, OPERATOR, event.id, purchase.id, "Twice")
        return corrections.change_status(session, OPERATOR, event.id, purchase.id, status, seen_version=1)

    return db.write(work)


def read_figures(event, actor=OPERATOR, **options):
    with db.read_session() as session:
        return figures.get_figures(session, actor, event.id, **options)


def test_no_sales_have_zero_figures(event):
    package = make.package(event)
    sales = read_figures(event)
    assert (sales.revenue, sales.discount, sales.purchases, sales.packages_sold) == (0, 0, 0, 0)
    assert (sales.seats_sold, sales.seats_named, sales.sold_out_count, sales.goal_percent) == (0, 0, 0, None)
    assert [(row.package_id, row.sold_count) for row in sales.by_package] == [(package.id, 0)]
    assert (sales.by_day, sales.by_channel, sales.by_promo_code) == ((), (), ())
    assert sales.bridge == figures.RevenueBridge(Decimal(0), Decimal(0), Decimal(0), Decimal(0))
    assert sales.by_status == tuple(figures.StatusSales(status, 0, 0, 0, Decimal(0)) for status in PAYMENT_STATUSES)


def test_event_without_packages_has_figures(event):
    sales = read_figures(event)
    assert (sales.by_package, sales.revenue, sales.sold_out_count) == ((), 0, 0)


def test_figures_by_status(event):
    package = make.package(event, price="100", seats_per_package=2)
    sell(event, package)
    sell(event, package, quantity=2, payment_status="pending")
    for quantity, before, status in (
        (3, "pending", "failed"),
        (4, "completed", "refunded"),
        (5, "completed", "voided"),
    ):
        update_status(event, sell(event, package, quantity=quantity, payment_status=before), status)
    assert read_figures(event).by_status == (
        figures.StatusSales("completed", 1, 1, 2, Decimal(100)),
        figures.StatusSales("pending", 1, 2, 4, Decimal(200)),
        figures.StatusSales("failed", 1, 3, 6, Decimal(300)),
        figures.StatusSales("refunded", 1, 4, 8, Decimal(400)),
        figures.StatusSales("voided", 1, 5, 10, Decimal(500)),
    )


def test_bridge_adds_up_to_revenue(event):
    package = make.package(event, price="100")
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="10")
    sell(event, package, quantity=2, promo_code=promo.code)
    sell(event, package, channel="comp")
    sell(event, package, payment_status="pending", promo_code=promo.code)
    assert read_figures(event).bridge == figures.RevenueBridge(Decimal(300), Decimal(110), Decimal(0), Decimal(190))
    run_import(event, sales_csv(sale(package, total_amount="97.50", discount_amount="5.00")))
    run_import(event, sales_csv(sale(package, total_amount="103.25")))
    sales = read_figures(event)
    assert sales.bridge == figures.RevenueBridge(Decimal(500), Decimal(115), Decimal("5.75"), Decimal("390.75"))
    assert (sales.bridge.revenue, sales.bridge.discount) == (sales.revenue, sales.discount)


def test_promo_codes_are_sorted_by_revenue_and_no_code_is_last(event):
    package = make.package(event, price="100")
    small = make.promo_code(event, code="SMALL", discount_type="fixed_amount", discount_value="10")
    large = make.promo_code(event, code="LARGE", discount_type="fixed_amount", discount_value="1")
    make.promo_code(event, code="NEVERUSED")
    gone = make.promo_code(event, code="GONE")
    sell(event, package, promo_code="SMALL")
    sell(event, package, promo_code="SMALL", payment_status="pending")
    sell(event, package, quantity=3, promo_code="LARGE")
    update_status(event, sell(event, package, promo_code=gone.code), "voided")
    sell(event, package, quantity=9)
    assert read_figures(event).by_promo_code == (
        figures.PromoCodeSales(large.id, "LARGE", 1, 3, Decimal(1), Decimal(299)),
        figures.PromoCodeSales(small.id, "SMALL", 2, 2, Decimal(10), Decimal(90)),
        figures.PromoCodeSales(None, None, 1, 9, Decimal(0), Decimal(900)),
    )


def test_channels_are_in_fixed_order(event):
    package = make.package(event, price="100")
    run_import(event, sales_csv(sale(package, quantity=2)))
    sell(event, package, channel="online", payment_status="pending")
    sell(event, package, channel="comp")
    sell(event, package, channel="cash", quantity=3)
    update_status(event, sell(event, package, channel="cheque"), "voided")
    assert read_figures(event).by_channel == (
        figures.ChannelSales("cash", 1, 3, Decimal(300)),
        figures.ChannelSales("comp", 1, 1, Decimal(0)),
        figures.ChannelSales("online", 1, 1, Decimal(0)),
        figures.ChannelSales("import", 1, 2, Decimal(200)),
    )


def test_voided_sales_add_no_days(event):
    package = make.package(event, price="100")
    first, _, last = (sell(event, package, datetime(2026, 6, day, 16, tzinfo=UTC)) for day in (1, 10, 20))
    for sold in (first, last):
        update_status(event, sold, "voided")
    assert [(line.day, line.revenue) for line in read_figures(event).by_day] == [(date(2026, 6, 10), 100)]


def test_figures_do_not_read_or_lock_purchases(event):
    sell(event, make.package(event))
    with db.engine().begin() as connection:
        connection.execute(text("LOCK TABLE purchases, assigned_tickets, promo_uses IN ACCESS EXCLUSIVE MODE"))
        with db.read_session() as session:
            session.execute(text("SET LOCAL lock_timeout = '1s'"))
            assert figures.get_figures(session, OPERATOR, event.id).purchases == 1


def test_money_counts_completed_and_seats_count_pending_too(event):
    package = make.package(event, price="100", seats_per_package=2, quantity_limit=20)
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="10")
    sell(event, package, quantity=2, promo_code=promo.code, guests=[{"name": "Ben"}])
    sell(event, package, quantity=3, payment_status="pending", guests=[{"name": "Cleo"}])
    for status, before in (("failed", "pending"), ("refunded", "completed"), ("voided", "completed")):
        sold = sell(event, package, quantity=4, payment_status=before, guests=[{"name": "Nobody"}])
        update_status(event, sold, status)
    sales = read_figures(event)
    assert (sales.revenue, sales.discount, sales.pending) == (Decimal(190), Decimal(10), Decimal(300))
    assert sales.refunded == Decimal(400)
    assert (sales.purchases, sales.packages_sold, sales.seats_sold, sales.seats_named) == (2, 5, 10, 2)
    row = sales.by_package[0]
    assert (row.sold_count, row.quantity_limit, row.available, row.seats_sold, row.revenue) == (5, 20, 15, 10, 190)
    assert row.seats_named == 2


def test_packages_are_in_display_order_and_sold_out_is_counted(event):
    gold = make.package(event, name="Gold", quantity_limit=1)
    make.package(event, name="Silver", is_sponsorship=True)
    sell(event, gold)
    sales = read_figures(event)
    assert [(row.name, row.is_sold_out, row.is_sponsorship) for row in sales.by_package] == [
        ("Gold", True, False),
        ("Silver", False, True),
    ]
    assert sales.sold_out_count == 1


def test_sponsorships_only(event):
    table = make.package(event, price="100")
    sponsor = make.package(event, price="5000", is_sponsorship=True)
    for package in (table, sponsor, sponsor):
        sell(event, package, guests=[{"name": "Ben"}])
    sales = read_figures(event, sponsorships_only=True)
    assert (sales.revenue, sales.purchases, sales.seats_named) == (Decimal(10_000), 2, 2)
    assert [row.package_id for row in sales.by_package] == [sponsor.id]
    assert sum(day.revenue for day in sales.by_day) == 10_000
    for lines in (sales.by_channel, sales.by_promo_code):
        assert [(line.purchases, line.packages, line.revenue) for line in lines] == [(2, 2, 10_000)]
    assert [line.purchases for line in sales.by_status] == [2, 0, 0, 0, 0]
    assert sales.bridge.list_price == 10_000


@pytest.mark.parametrize(
    ("sold", "reached"),
    [("0.00", "0"), ("999.99", "99.9"), ("1000.00", "100"), ("1000.01", "100"), ("1234.50", "123.4")],
)
def test_goal_percent_is_rounded_down(sold, reached):
    event = make.event(revenue_goal="1000")
    sell(event, make.package(event, price=sold))
    assert read_figures(event).goal_percent == Decimal(reached)


def test_days_follow_event_time_zone():
    event = make.event(time_zone="America/New_York")
    package = make.package(event, price="100")
    sell(event, package, datetime(2026, 6, 2, 3, 59, tzinfo=UTC))
    sell(event, package, datetime(2026, 6, 2, 4, 0, tzinfo=UTC))
    assert [(day.day, day.revenue) for day in read_figures(event).by_day] == [
        (date(2026, 6, 1), Decimal(100)),
        (date(2026, 6, 2), Decimal(100)),
    ]


def test_days_without_sales_are_included(event):
    package = make.package(event, price="100")
    sell(event, package, datetime(2026, 6, 1, 16, tzinfo=UTC))
    sell(event, package, datetime(2026, 6, 4, 16, tzinfo=UTC), quantity=2)
    sell(event, package, datetime(2026, 6, 4, 17, tzinfo=UTC), payment_status="pending")
    assert [(d.day.day, d.revenue, d.cumulative, d.packages_sold) for d in read_figures(event).by_day] == [
        (1, 100, 100, 1),
        (2, 0, 100, 0),
        (3, 0, 100, 0),
        (4, 200, 300, 3),
    ]


def test_days_add_up_to_totals(event):
    package = make.package(event, price="33.33")
    for number in range(12):
        sell(
            event,
            package,
            datetime(2026, 10, 30, 22, tzinfo=UTC) + timedelta(hours=7 * number),
            quantity=1 + number % 3,
        )
    sales = read_figures(event)
    days = sales.by_day
    assert sum(day.revenue for day in days) == days[-1].cumulative == sales.revenue
    assert sum(day.packages_sold for day in days) == sales.packages_sold


def test_figures_of_another_event_are_not_found(event):
    stranger = make.staff(event=make.event())
    with pytest.raises(NotFound):
        read_figures(event, stranger)


def test_sales_of_another_event_are_not_counted(event):
    other = make.event()
    sell(other, make.package(other))
    make.package(event)
    assert read_figures(event).revenue == 0
    assert read_figures(event).by_day == ()


def test_fingerprint_changes_with_every_sale_and_edit_only(event):
    package, other = make.package(event), make.event()

    def fingerprint():
        with db.read_session() as session:
            return figures.compute_fingerprints(session, {event.id})[event.id]

    seen = [fingerprint()]
    sell(other, make.package(other))
    assert fingerprint() == seen[0]
    for change in (
        lambda: sell(event, package),
        lambda: make.package(event),
        lambda: db.write(lambda s: packages.set_enabled(s, OPERATOR, event.id, package.id, enabled=False)),
    ):
        change()
        seen.append(fingerprint())
    assert len(set(seen)) == len(seen)

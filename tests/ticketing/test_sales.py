from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, update

from tests import make
from ticketing import db, packages, purchases, sales
from ticketing.actors import OPERATOR
from ticketing.errors import NotFound
from ticketing.models import Package, Purchase


def sell(event, package, moment=None, **fields):
    draft = make.purchase_draft(package, **fields)
    return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=moment)).purchase


def set_status(purchase, status):
    """As the database would hold it after a change of status: the capacity comes back with it."""
    extra = {"voided_at": func.now(), "void_reason": "Twice"} if status == "voided" else {}

    def work(session):
        session.execute(update(Purchase).where(Purchase.id == purchase.id).values(payment_status=status, **extra))
        session.execute(
            update(Package)
            .where(Package.id == purchase.package_id)
            .values(sold_count=Package.sold_count - purchase.quantity)
        )

    db.write(work)


def read(function, event, actor=OPERATOR, **options):
    with db.reading() as session:
        return function(session, actor, event.id, **options)


def test_an_event_without_sales_has_zeros(event):
    package = make.package(event)
    figures = read(sales.summary, event)
    assert (figures.revenue, figures.discount, figures.purchases, figures.packages_sold) == (0, 0, 0, 0)
    assert (figures.seats_sold, figures.seats_named, figures.sold_out_count, figures.goal_reached) == (0, 0, 0, None)
    assert [(row.package_id, row.sold_count) for row in figures.by_package] == [(package.id, 0)]
    assert read(sales.by_day, event) == ()


def test_an_event_without_packages_has_figures_too(event):
    assert read(sales.summary, event).by_package == ()


def test_money_counts_completed_purchases_and_capacity_pending_ones_too(event):
    package = make.package(event, price="100", seats_per_package=2, quantity_limit=20)
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="10")
    sell(event, package, quantity=2, promo_code=promo.code, guests=[{"name": "Ben"}])
    sell(event, package, quantity=3, payment_status="pending", guests=[{"name": "Cleo"}])
    for status in ("failed", "refunded", "voided"):
        set_status(sell(event, package, quantity=4, guests=[{"name": "Nobody"}]), status)
    figures = read(sales.summary, event)
    assert (figures.revenue, figures.discount, figures.pending) == (Decimal(190), Decimal(10), Decimal(300))
    assert (figures.purchases, figures.packages_sold, figures.seats_sold, figures.seats_named) == (2, 5, 10, 2)
    row = figures.by_package[0]
    assert (row.sold_count, row.quantity_limit, row.available, row.seats_sold, row.revenue) == (5, 20, 15, 10, 190)


def test_packages_stand_in_display_order_and_the_sold_out_ones_are_counted(event):
    gold = make.package(event, name="Gold", quantity_limit=1)
    make.package(event, name="Silver", is_sponsorship=True)
    sell(event, gold)
    figures = read(sales.summary, event)
    assert [(row.name, row.is_sold_out, row.is_sponsorship) for row in figures.by_package] == [
        ("Gold", True, False),
        ("Silver", False, True),
    ]
    assert figures.sold_out_count == 1


def test_sponsorships_can_be_looked_at_alone(event):
    table = make.package(event, price="100")
    sponsor = make.package(event, price="5000", is_sponsorship=True)
    for package in (table, sponsor, sponsor):
        sell(event, package, guests=[{"name": "Ben"}])
    figures = read(sales.summary, event, sponsorships_only=True)
    assert (figures.revenue, figures.purchases, figures.seats_named) == (Decimal(10_000), 2, 2)
    assert [row.package_id for row in figures.by_package] == [sponsor.id]
    assert sum(day.revenue for day in read(sales.by_day, event, sponsorships_only=True)) == 10_000


@pytest.mark.parametrize(
    ("sold", "reached"),
    [("0.00", "0"), ("999.99", "99.9"), ("1000.00", "100"), ("1000.01", "100"), ("1234.50", "123.4")],
)
def test_a_goal_is_reached_when_it_is_and_not_by_rounding(sold, reached):
    event = make.event(revenue_goal="1000")
    sell(event, make.package(event, price=sold))
    assert read(sales.summary, event).goal_reached == Decimal(reached)


def test_a_day_is_the_events_own_day():
    event = make.event(time_zone="America/New_York")
    package = make.package(event, price="100")
    sell(event, package, datetime(2026, 6, 2, 3, 59, tzinfo=UTC))
    sell(event, package, datetime(2026, 6, 2, 4, 0, tzinfo=UTC))
    assert [(day.day, day.revenue) for day in read(sales.by_day, event)] == [
        (date(2026, 6, 1), Decimal(100)),
        (date(2026, 6, 2), Decimal(100)),
    ]


def test_quiet_days_are_shown_and_the_sum_runs_on(event):
    package = make.package(event, price="100")
    sell(event, package, datetime(2026, 6, 1, 16, tzinfo=UTC))
    sell(event, package, datetime(2026, 6, 4, 16, tzinfo=UTC), quantity=2)
    sell(event, package, datetime(2026, 6, 4, 17, tzinfo=UTC), payment_status="pending")
    assert [(d.day.day, d.revenue, d.cumulative, d.packages_sold) for d in read(sales.by_day, event)] == [
        (1, 100, 100, 1),
        (2, 0, 100, 0),
        (3, 0, 100, 0),
        (4, 200, 300, 3),
    ]


def test_the_days_add_up_to_the_summary(event):
    package = make.package(event, price="33.33")
    for number in range(12):
        sell(
            event,
            package,
            datetime(2026, 10, 30, 22, tzinfo=UTC) + timedelta(hours=7 * number),
            quantity=1 + number % 3,
        )
    days, figures = read(sales.by_day, event), read(sales.summary, event)
    assert sum(day.revenue for day in days) == days[-1].cumulative == figures.revenue
    assert sum(day.packages_sold for day in days) == figures.packages_sold


def test_the_figures_of_another_event_do_not_exist(event):
    stranger = make.staff(event=make.event())
    for function in (sales.summary, sales.by_day):
        with pytest.raises(NotFound):
            read(function, event, stranger)


def test_one_event_does_not_count_in_another(event):
    other = make.event()
    sell(other, make.package(other))
    make.package(event)
    assert read(sales.summary, event).revenue == 0
    assert read(sales.by_day, event) == ()


def test_a_mark_changes_with_every_sale_and_edit_and_with_nothing_else(event):
    package, other = make.package(event), make.event()

    def mark():
        with db.reading() as session:
            return sales.state(session, {event.id})[event.id]

    seen = [mark()]
    sell(other, make.package(other))
    assert mark() == seen[0]
    for happening in (
        lambda: sell(event, package),
        lambda: make.package(event),
        lambda: db.write(lambda s: packages.set_enabled(s, OPERATOR, event.id, package.id, enabled=False)),
    ):
        happening()
        seen.append(mark())
    assert len(set(seen)) == len(seen)

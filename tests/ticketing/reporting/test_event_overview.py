"""All events at a glance: figures against those of the sales page, days of the venue, and each reason for attention."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from tests.support import make, varied_sales
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive, packages, promo_codes
from ticketing.models import Event
from ticketing.reporting import event_overview, figures
from ticketing.reporting.event_overview import Attention
from ticketing.reporting.pace import compute_pace
from ticketing.sales import corrections, guests

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 10, 20, 12, tzinfo=NEW_YORK)


def get_events(actor=OPERATOR, kind="upcoming", moment=NOW):
    with db.read_session() as session:
        return {each.id: each for each in event_overview.get_overview(session, actor, kind, moment=moment).events}


def get_overview(event, kind="upcoming", moment=NOW):
    return get_events(kind=kind, moment=moment)[event.id]


def create_event(days_to_go=30, *, created_days_ago=0, **fields):
    starts_at = (NOW + timedelta(days=days_to_go)).replace(hour=18)
    event = make.event(starts_at=starts_at.isoformat(), **fields)
    created_at = NOW - timedelta(days=created_days_ago)
    db.write(lambda s: s.execute(update(Event).where(Event.id == event.id).values(created_at=created_at)))
    return event


def sell(event, package, days_ago, **fields):
    return make.purchase(event, package, moment=NOW - timedelta(days=days_ago), **fields).purchase


def list_kinds(event, **which):
    return [each.kind for each in get_overview(event, **which).attention]


class TestFigures:
    def test_figures_are_those_of_the_sales_page(self):
        made = varied_sales.create_event()
        with db.read_session() as session:
            expected = figures.get_figures(session, OPERATOR, made.event.id)
        found = {}
        for kind in event_overview.KINDS:
            found |= get_events(kind=kind, moment=datetime.now(UTC))
        overview = found[made.event.id]

        assert overview.revenue == expected.revenue > 0
        assert overview.pending == expected.pending.total > 0
        assert (overview.seats_sold, overview.seats_named) == (expected.seats_sold, expected.seats_named)
        assert overview.pending_orders == expected.pending.orders > 0

    def test_event_without_sales_has_zeros(self):
        overview = get_overview(create_event(revenue_goal="100"))
        assert (overview.revenue, overview.pending, overview.pending_orders) == (0, 0, 0)
        assert (overview.seats_sold, overview.seats_named, overview.recent_revenue) == (0, 0, (Decimal(0),) * 7)
        assert (overview.revenue_a_day, overview.attention) == (0, ())

    def test_recent_revenue_is_that_of_the_last_seven_days_of_the_venue(self):
        event = create_event()
        package = make.package(event, price="100")
        midnight = NOW.replace(hour=0)
        for moment in (midnight, midnight - timedelta(seconds=1), midnight - timedelta(days=6), NOW):
            make.purchase(event, package, moment=moment)
        make.purchase(event, package, moment=midnight - timedelta(days=6, seconds=1))  # a week ago
        make.purchase(event, package, moment=NOW, payment_status="pending")

        overview = get_overview(event)

        assert list(map(int, overview.recent_revenue)) == [100, 0, 0, 0, 0, 100, 200]
        assert overview.revenue_a_day == Decimal("57.14")

    def test_pace_is_that_of_the_sales_page(self):
        event = create_event(20, revenue_goal="5000")
        package = make.package(event, price="100")
        for days_ago in (4, 3, 3, 0):  # selling for five days
            sell(event, package, days_ago)
        today = NOW.date()
        days = [(today - timedelta(ago), Decimal(amount)) for ago, amount in ((4, 100), (3, 200), (0, 100))]
        expected = compute_pace(days, Decimal(5000), today + timedelta(20), today)
        overview = get_overview(event)
        assert (overview.revenue_a_day, overview.needed_a_day) == (expected.recent, expected.needed_a_day)
        assert (overview.revenue_a_day, overview.needed_a_day) == (Decimal("80.00"), Decimal("230.00"))

    def test_voided_sale_counts_nowhere(self):
        event = create_event(created_days_ago=20)
        purchase = sell(event, make.package(event), 1)
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, purchase.id, "Typed twice"))
        overview = get_overview(event)
        assert (overview.revenue, overview.seats_sold, sum(overview.recent_revenue)) == (0, 0, 0)
        assert overview.attention == (Attention("no_sale", 20),)

    @pytest.mark.parametrize(
        ("goal", "days_to_go", "needed"),
        [
            ("400", 3, "100.00"),
            ("400", 1, "300.00"),
            ("400", 0, "300.00"),
            ("100", 3, None),
            ("50", 3, None),
            (None, 3, None),
        ],
    )
    def test_pace_that_the_goal_needs(self, goal, days_to_go, needed):
        event = create_event(days_to_go, revenue_goal=goal)
        sell(event, make.package(event, price="100"), 1)
        expected = None if needed is None else Decimal(needed)
        assert get_overview(event).needed_a_day == expected

    def test_past_event_needs_nothing_more(self):
        assert get_overview(create_event(-1, revenue_goal="400"), "past").needed_a_day is None


class TestKinds:
    def test_event_is_upcoming_until_its_day_at_the_venue_is_over(self):
        event = make.event(starts_at="2026-10-20T10:00")
        end_of_day = datetime(2026, 10, 20, 23, 59, 59, tzinfo=NEW_YORK)
        assert get_overview(event, moment=end_of_day).days_to_go == 0
        assert event.id not in get_events(kind="past", moment=end_of_day)
        after = end_of_day + timedelta(seconds=1)
        assert get_overview(event, "past", after).days_to_go == -1
        assert event.id not in get_events(moment=after)

    def test_archived_event_is_in_no_other_kind_and_asks_for_nothing(self):
        event = create_event(created_days_ago=20)
        assert list_kinds(event) == ["no_sale"]
        db.write(lambda s: archive.archive(s, OPERATOR, event.id))
        overview = get_overview(event, "archived")
        assert overview.is_archived
        assert overview.attention == ()
        assert event.id not in get_events()

    def test_counts_and_order(self):
        viewer = make.staff("viewer")
        made = [create_event(days) for days in (5, 3, -2, -1, 9)]
        for event in made:
            make.assign(viewer, event)
        db.write(lambda s: archive.archive(s, OPERATOR, made[4].id))
        with db.read_session() as session:
            upcoming, past, archived = (
                event_overview.get_overview(session, viewer, kind, moment=NOW) for kind in event_overview.KINDS
            )
        assert [each.id for each in upcoming.events] == [made[1].id, made[0].id]
        assert [each.id for each in past.events] == [made[3].id, made[2].id]
        assert [each.id for each in archived.events] == [made[4].id]
        counts = {"upcoming": 2, "past": 2, "archived": 1}
        assert upcoming.count_by_kind == past.count_by_kind == archived.count_by_kind == counts

    @pytest.mark.parametrize("role", ["coordinator", "viewer"])
    def test_only_assigned_events_are_listed(self, role):
        event = create_event()
        assert set(get_events(make.staff(role, event))) == {event.id}
        assert event.id in get_events(make.staff("admin"))

    def test_person_without_events_has_none(self):
        with db.read_session() as session:
            overview = event_overview.get_overview(session, make.staff("viewer"), "upcoming")
        assert (overview.events, overview.count_by_kind) == ((), {"upcoming": 0, "past": 0, "archived": 0})


class TestNoSale:
    @pytest.mark.parametrize(("days_ago", "expected"), [(13, []), (14, [Attention("no_sale", 14)])])
    def test_from_14_days_without_a_sale(self, days_ago, expected):
        event = create_event(created_days_ago=100)
        sell(event, make.package(event), days_ago)
        assert list(get_overview(event).attention) == expected

    def test_day_is_that_of_the_venue(self):
        event, package = create_event(), None
        package = make.package(event)
        make.purchase(event, package, moment=(NOW - timedelta(days=13)).replace(hour=0))
        assert list_kinds(event) == []
        event = create_event()
        make.purchase(
            event, make.package(event), moment=(NOW - timedelta(days=13)).replace(hour=0) - timedelta(seconds=1)
        )
        assert list_kinds(event) == ["no_sale"]

    @pytest.mark.parametrize(("days_to_go", "expected"), [(0, ["no_sale"]), (60, ["no_sale"]), (61, [])])
    def test_within_60_days_of_the_event(self, days_to_go, expected):
        event = create_event(days_to_go, created_days_ago=20)
        assert list_kinds(event) == expected

    def test_not_after_the_event(self):
        assert list_kinds(create_event(-1, created_days_ago=20), kind="past") == []

    @pytest.mark.parametrize(("created_days_ago", "expected"), [(13, []), (14, [Attention("no_sale", 14)])])
    def test_event_without_any_sale_counts_from_its_creation(self, created_days_ago, expected):
        event = create_event(created_days_ago=created_days_ago)
        make.package(event)
        assert list(get_overview(event).attention) == expected

    def test_pending_sale_is_a_sale(self):
        event = create_event(created_days_ago=20)
        sell(event, make.package(event), 13, payment_status="pending")
        assert list_kinds(event) == []

    def test_not_when_nothing_is_left_to_sell(self):
        event = create_event(created_days_ago=20)
        sold_out, off_sale = make.package(event, quantity_limit=1), make.package(event)
        sell(event, sold_out, 15)
        assert list_kinds(event) == ["no_sale"]
        db.write(lambda s: packages.set_enabled(s, OPERATOR, event.id, off_sale.id, enabled=False))
        assert list_kinds(event) == []


class TestOldPending:
    @pytest.mark.parametrize(("days_ago", "expected"), [(30, []), (31, [Attention("old_pending", 1)])])
    def test_from_31_days(self, days_ago, expected):
        event = create_event()
        package = make.package(event)
        sell(event, package, days_ago, payment_status="pending")
        sell(event, package, 0)
        assert list(get_overview(event).attention) == expected

    def test_counts_orders_also_of_past_events(self):
        event = create_event(-3)
        lines = [make.package(event), make.package(event)]
        for _ in range(2):
            make.order(event, *lines, payment_status="pending", moment=NOW - timedelta(days=40))
        sell(event, lines[0], 40)
        assert get_overview(event, "past").attention == (Attention("old_pending", 2),)

    def test_not_once_it_is_paid(self):
        event = create_event()
        package = make.package(event)
        purchase = sell(event, package, 31, payment_status="pending")
        sell(event, package, 0)
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, purchase.id, "completed", seen_version=1))
        assert list_kinds(event) == []


class TestUnnamed:
    def sell_seats(self, event, *, named, seats=100):
        package = make.package(event, seats_per_package=seats)
        purchase = sell(event, package, 0)
        people = {seat: {"name": f"Guest {seat}"} for seat in range(1, named + 1)}
        db.write(lambda s: guests.name_guests(s, OPERATOR, event.id, purchase.id, people, seen_version=1))

    @pytest.mark.parametrize(("named", "expected"), [(75, []), (74, [Attention("unnamed", 26)])])
    def test_above_a_quarter_of_the_seats(self, named, expected):
        event = create_event(14)
        self.sell_seats(event, named=named)
        assert list(get_overview(event).attention) == expected

    @pytest.mark.parametrize(("days_to_go", "expected"), [(0, ["unnamed"]), (14, ["unnamed"]), (15, [])])
    def test_within_14_days_of_the_event(self, days_to_go, expected):
        event = create_event(days_to_go)
        self.sell_seats(event, named=1)
        assert list_kinds(event) == expected

    def test_not_after_the_event(self):
        event = create_event(-1)
        self.sell_seats(event, named=1)
        assert list_kinds(event, kind="past") == []


class TestCodeEnds:
    @pytest.mark.parametrize(
        ("left", "expected"),
        [
            (timedelta(), []),
            (timedelta(seconds=1), ["code_ends"]),
            (timedelta(days=3), ["code_ends"]),
            (timedelta(days=3, seconds=1), []),
        ],
    )
    def test_within_three_days(self, left, expected):
        event = create_event()
        make.promo_code(event, code="EARLY25", expires_at=(NOW + left).isoformat())
        assert list_kinds(event) == expected

    def test_names_the_first_of_several(self):
        event = create_event()
        for code, days in (("SECOND", 2), ("FIRST", 1), ("NEVER", None)):
            ends_at = None if days is None else (NOW + timedelta(days=days)).isoformat()
            make.promo_code(event, code=code, expires_at=ends_at)
        assert get_overview(event).attention == (
            Attention("code_ends", 2, "FIRST", (NOW + timedelta(days=1)).astimezone(UTC)),
        )

    def test_not_when_it_is_off_or_used_up(self):
        event = create_event()
        ends_at = (NOW + timedelta(days=1)).isoformat()
        code = make.promo_code(event, expires_at=ends_at, max_total_uses=1)
        make.purchase(event, make.package(event), promo_code=code.code, moment=NOW)
        other = make.promo_code(event, expires_at=ends_at)
        assert list_kinds(event) == ["code_ends"]
        db.write(lambda s: promo_codes.update(s, OPERATOR, event.id, other.id, {"is_active": False}, seen_version=1))
        assert list_kinds(event) == []

    def test_not_after_the_event(self):
        event = create_event(-1)
        make.promo_code(event, expires_at=(NOW + timedelta(days=1)).isoformat())
        assert list_kinds(event, kind="past") == []

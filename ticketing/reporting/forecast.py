"""Forecast of an event's final revenue and seats, learned from finished events that a person chose.

Only complete days are compared: what was sold by the end of yesterday with what the others had sold by the end of the
same day before them. Sponsorships are apart, because a single gift moves a curve: the others' do not count, and this
event's are added as they are sold. Revenue is USD of completed purchases, seats are theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, cast, exists, func, select
from sqlalchemy.orm import Session

from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.models import DailySales, Event, Package
from ticketing.reporting.projection import Projection, project

MIN_ORDERS = 10
BACKTEST_DAYS = (60, 30, 14, 7, 3)

_IS_PAID = DailySales.payment_status == "completed"
_EVENT_DAY = cast(func.timezone(Event.time_zone, Event.starts_at), Date)


@dataclass(frozen=True)
class BacktestLine:
    """How the method would have done so many days before the chosen events, each learned from the others.

    Of the `judged` events, `inside` ended within the band, None without a band; `median_miss` is how far the middle was
    from the final revenue, 0.1 for 10%. For `too_early` of them it would have said nothing.
    """

    days_before: int
    judged: int
    inside: int | None
    median_miss: float | None
    too_early: int


@dataclass(frozen=True)
class Forecast:
    """What an event will come to; `revenue` and `seats` are None while that is too early to say.

    `names` are the events that it was learned from, the latest first; `sponsorships` is the revenue that was added as
    it is sold.
    """

    names: tuple[str, ...]
    revenue: Projection | None
    seats: Projection | None
    sponsorships: Decimal
    backtest: tuple[BacktestLine, ...]


def list_finished(session: Session, actor: Actor, event_id: uuid.UUID, today: date) -> list[Event]:
    """Return the other events to learn from, the latest first: those before `today`, archived ones too, with revenue.

    Raises NotFound when the actor may not see `event_id`.
    """
    permissions.require(session, actor, "read", event_id)
    has_revenue = exists().where(DailySales.event_id == Event.id, _IS_PAID, DailySales.total > 0)
    return list(
        session.scalars(
            events.select_visible(actor)
            .where(Event.id != event_id, today > _EVENT_DAY, has_revenue)
            .order_by(Event.starts_at.desc(), Event.id.desc())
        )
    )


def get_forecast(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    learn_from: Iterable[uuid.UUID],
    *,
    moment: datetime | None = None,
) -> Forecast | None:
    """Return the forecast as of `moment` (default now); None after the event, or when it has nothing to learn from.

    Events in `learn_from` that are not finished or that the actor may not see are left out. Raises NotFound when the
    actor may not see `event_id`.
    """
    event = events.get(session, actor, event_id)
    zone = ZoneInfo(event.time_zone)
    today = (moment or datetime.now(UTC)).astimezone(zone).date()
    days_to_go = (event.starts_at.astimezone(zone).date() - today).days
    chosen = set(learn_from)
    finished = [each for each in list_finished(session, actor, event_id, today) if each.id in chosen] if chosen else []
    if days_to_go < 0 or not finished:
        return None
    yesterday = days_to_go + 1
    curves = _load_curves(session, [event_id, *(each.id for each in finished)], yesterday)
    sold = _load_sold(session, event_id)
    own = curves.get(event_id, _NO_CURVE)
    earlier = [curves.get(each.id, _NO_CURVE) for each in finished]

    def forecast(measure: str) -> Projection | None:
        now: _Sold = getattr(sold, measure)
        shares = [getattr(each, measure).get_share(yesterday) for each in earlier]
        reached = getattr(own, measure).reached.get(yesterday, 0.0)
        projection = project(reached, shares, lowest=now.tickets, highest=now.highest)
        return projection + now.sponsorships if projection and sold.orders >= MIN_ORDERS else None

    return Forecast(
        tuple(each.name for each in finished),
        forecast("revenue"),
        forecast("seats"),
        Decimal(sold.revenue.sponsorships),
        run_backtest([each.revenue for each in earlier]),
    )


@dataclass(frozen=True)
class Progress:
    """A figure of a finished event: the final one, and what it had reached by so many days before, the day included."""

    final: float
    reached: dict[int, float]

    def get_share(self, days_before: int) -> float:
        return self.reached.get(days_before, 0.0) / self.final if self.final else 0.0


def run_backtest(curves: Sequence[Progress]) -> tuple[BacktestLine, ...]:
    """Return how the method would have done on these events. Nothing is stored."""
    return tuple(_judge(curves, days_before) for days_before in BACKTEST_DAYS)


def _judge(curves: Sequence[Progress], days_before: int) -> BacktestLine:
    outcomes = []
    for index, curve in enumerate(curves):
        others = [each.get_share(days_before) for each in (*curves[:index], *curves[index + 1 :])]
        outcomes.append((project(curve.reached.get(days_before, 0.0), others), curve.final))
    judged = [(projection, final) for projection, final in outcomes if projection is not None and final]
    has_band = any(projection.low is not None for projection, _ in judged)
    return BacktestLine(
        days_before,
        len(judged),
        sum(projection.contains(final) for projection, final in judged) if has_band else None,
        median(abs(projection.middle / final - 1) for projection, final in judged) if judged else None,
        len(outcomes) - len(judged),
    )


@dataclass(frozen=True)
class _Curve:
    revenue: Progress
    seats: Progress


_NO_CURVE = _Curve(Progress(0.0, {}), Progress(0.0, {}))


def _load_curves(session: Session, event_ids: Sequence[uuid.UUID], yesterday: int) -> dict[uuid.UUID, _Curve]:
    """Return the curves of these events without sponsorships, at the days of the backtest and at `yesterday`."""
    points = sorted({*BACKTEST_DAYS, yesterday})
    columns = [
        func.coalesce(func.sum(column).filter(DailySales.day <= _EVENT_DAY - days_before), 0)
        for column in (DailySales.total, DailySales.seats)
        for days_before in points
    ]
    rows = session.execute(
        select(DailySales.event_id, func.sum(DailySales.total), func.sum(DailySales.seats), *columns)
        .join(Package, Package.id == DailySales.package_id)
        .join(Event, Event.id == DailySales.event_id)
        .where(DailySales.event_id.in_(event_ids), _IS_PAID, ~Package.is_sponsorship)
        .group_by(DailySales.event_id)
    )
    return {event_id: _build_curve(points, *numbers) for event_id, *numbers in rows}


def _build_curve(points: Sequence[int], revenue: Any, seats: Any, *reached: Any) -> _Curve:
    numbers = [float(each) for each in reached]
    count = len(points)
    return _Curve(
        Progress(float(revenue), dict(zip(points, numbers[:count], strict=True))),
        Progress(float(seats), dict(zip(points, numbers[count:], strict=True))),
    )


@dataclass(frozen=True)
class _Sold:
    """What is paid now without and in sponsorships, and the most that the packages without sponsorship can reach."""

    tickets: float
    sponsorships: float
    highest: float | None


@dataclass(frozen=True)
class _SoldNow:
    orders: int
    revenue: _Sold
    seats: _Sold


def _load_sold(session: Session, event_id: uuid.UUID) -> _SoldNow:
    rows = session.execute(
        select(
            Package.is_sponsorship,
            DailySales.payment_status,
            func.sum(DailySales.orders).label("orders"),
            func.sum(DailySales.total).label("revenue"),
            func.sum(DailySales.seats).label("seats"),
        )
        .join(Package, Package.id == DailySales.package_id)
        .where(DailySales.event_id == event_id, DailySales.payment_status.in_(("completed", "pending")))
        .group_by(Package.is_sponsorship, DailySales.payment_status)
    ).all()
    sums = {(row.is_sponsorship, row.payment_status): row for row in rows}

    def read(is_sponsorship: bool, status: str, measure: str) -> float:
        return float(getattr(sums.get((is_sponsorship, status)), measure, 0))

    left = session.execute(
        select(
            func.bool_or(Package.quantity_limit.is_(None)).label("is_unlimited"),
            func.sum((Package.quantity_limit - Package.sold_count) * Package.price).label("revenue"),
            func.sum((Package.quantity_limit - Package.sold_count) * Package.seats_per_package).label("seats"),
        ).where(Package.event_id == event_id, Package.is_enabled, ~Package.is_sponsorship)
    ).one()

    def build(measure: str) -> _Sold:
        tickets, pending = read(False, "completed", measure), read(False, "pending", measure)
        highest = None if left.is_unlimited else tickets + pending + float(getattr(left, measure) or 0)
        return _Sold(tickets, read(True, "completed", measure), highest)

    orders = sum(row.orders for key, row in sums.items() if key[1] == "completed")
    return _SoldNow(orders, build("revenue"), build("seats"))

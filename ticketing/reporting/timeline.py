"""Sales by day. Days are those of the event's time zone; days without paid and pending sales are left out."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal

from sqlalchemy import Date, Select, case, func, literal
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.models import SOLD_STATUSES, DailySales
from ticketing.purchase_filter import PurchaseFilter, select_daily_sales
from ticketing.reporting.kept_statement import KeptStatement
from ticketing.reporting.order_list import MAX_KEPT_STATEMENTS
from ticketing.reporting.periods import FIRST_MONDAY
from ticketing.sales_filter import ALL_SALES, SalesFilter

GroupBy = Literal["package", "channel"]
_IS_PAID = DailySales.payment_status == "completed"


@dataclass(frozen=True)
class DaySales:
    """One day: packages paid for, revenue, that since the first sale (`cumulative`), and what is pending, in USD."""

    day: date
    packages: int
    revenue: Decimal
    cumulative: Decimal
    pending: Decimal


@dataclass(frozen=True)
class Timeline:
    """The days with paid or pending sales that a filter selects, the first one first, and the revenue before them.

    The `cumulative` revenue of the days has the revenue before them in it.
    """

    revenue_before: Decimal
    days: tuple[DaySales, ...]

    @property
    def revenue(self) -> Decimal:
        """The revenue up to the last of the days."""
        return self.days[-1].cumulative if self.days else self.revenue_before


def get_timeline(
    session: Session, actor: Actor, event_id: uuid.UUID, sales_filter: SalesFilter = ALL_SALES
) -> Timeline:
    """Return the days with sales that the filter selects.

    Raises NotFound when the actor may not see the event.
    """
    permissions.require(session, actor, "read", event_id)
    rows = _select_days(event_id, sales_filter.without_days).fetch(session)
    cumulative = list(accumulate((row[2] for row in rows), initial=money.ZERO))
    first, last = sales_filter.first_day or date.min, sales_filter.last_day or date.max
    skipped = sum(row[0] < first for row in rows)
    days = (
        DaySales(day, packages, revenue, so_far, pending)
        for (day, packages, revenue, pending), so_far in zip(rows[skipped:], cumulative[skipped + 1 :], strict=True)
        if day <= last
    )
    return Timeline(cumulative[skipped], tuple(days))


@lru_cache(maxsize=MAX_KEPT_STATEMENTS)
def _select_days(event_id: uuid.UUID, sales_filter: SalesFilter) -> KeptStatement:
    return KeptStatement.compile(
        _select_sold(
            event_id,
            sales_filter,
            DailySales.day,
            func.coalesce(func.sum(DailySales.quantity).filter(_IS_PAID), 0),
            func.coalesce(func.sum(DailySales.total).filter(_IS_PAID), money.ZERO),
            func.coalesce(func.sum(DailySales.total).filter(~_IS_PAID), money.ZERO),
        )
        .group_by(DailySales.day)
        .order_by(DailySales.day)
    )


def list_revenue(session: Session, event_id: uuid.UUID, recent: date) -> list[tuple[date, Decimal]]:
    """Return the revenue of each day with sales from `recent` on, after that of all earlier days on the first of them.

    Checks no permission.
    """
    rows = _select_revenue(event_id, recent).fetch(session)
    return [(first_day, revenue) for first_day, revenue, _ in rows]


@lru_cache(maxsize=MAX_KEPT_STATEMENTS)
def _select_revenue(event_id: uuid.UUID, recent: date) -> KeptStatement:
    first_day = func.min(DailySales.day)
    revenue = func.coalesce(func.sum(DailySales.total).filter(_IS_PAID), money.ZERO)
    recent_day = case((DailySales.day >= recent, DailySales.day)).label("recent_day")
    statement = _select_sold(event_id, ALL_SALES, first_day, revenue, recent_day)
    return KeptStatement.compile(statement.group_by(recent_day).order_by(first_day))


def list_stacks(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    sales_filter: SalesFilter,
    group_by: GroupBy,
    keys: Sequence[uuid.UUID | str],
    period: int,
) -> dict[uuid.UUID | str | None, dict[date, Decimal]]:
    """Return the revenue by package or channel and by the first day of each period; what is not in `keys` is None.

    Raises NotFound when the actor may not see the event.
    """
    permissions.require(session, actor, "read", event_id)
    column: Any = DailySales.package_id if group_by == "package" else DailySales.channel
    key = case((column.in_(keys), column), else_=None).label("key")
    since_monday = (DailySales.day - literal(FIRST_MONDAY, Date)) % period
    start = (DailySales.day - since_monday).label("start")
    revenue = func.sum(DailySales.total)
    rows = session.execute(
        _select_sold(event_id, sales_filter, key, start, revenue).where(_IS_PAID).group_by(key, start)
    )
    stacks: dict[uuid.UUID | str | None, dict[date, Decimal]] = defaultdict(dict)
    for row in rows:
        stacks[row[0]][row[1]] = row[2]
    return stacks


def _select_sold(event_id: uuid.UUID, sales_filter: SalesFilter, *columns: Any) -> Select[Any]:
    return select_daily_sales(PurchaseFilter.of_sales(sales_filter, statuses=SOLD_STATUSES), event_id, *columns)

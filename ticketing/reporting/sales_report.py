"""Everything that the sales page shows, of one moment, and kept while nothing is sold or edited.

Source: docs/product.md, "Sales". What the filter selects is in `figures`, `before`, `timeline`, `chart` and `latest`;
goal, pace, forecast and what is sold of a limit are those of the whole event.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.formatting import CHANNEL_LABELS
from ticketing.models import SOLD_STATUSES, DailySales, Event
from ticketing.purchase_filter import PurchaseFilter
from ticketing.query_parameters import CommaSeparated
from ticketing.reporting import figures, purchase_list, sales_chart, timeline
from ticketing.reporting.figures import SalesFigures
from ticketing.reporting.forecast import Forecast, get_forecast
from ticketing.reporting.pace import LONGER_DAYS, SELL_OUT_DAYS, Pace, compute_pace, estimate_sold_out
from ticketing.reporting.purchase_list import PurchaseRow
from ticketing.reporting.sales_chart import GROUPS, ChartKind, GroupKey, SalesChart
from ticketing.reporting.timeline import Timeline
from ticketing.sales_filter import ALL_SALES, SalesFilter, SalesParameters

LATEST_COUNT = 5
MAX_KEPT_REPORTS = 64


@dataclass(frozen=True)
class ReportQuery:
    """What a report is about; `learn_from` are the finished events of the forecast."""

    sales_filter: SalesFilter = ALL_SALES
    chart: ChartKind = "total"
    learn_from: tuple[uuid.UUID, ...] = ()


class ReportParameters(SalesParameters):
    """The query parameters of a report."""

    chart: ChartKind = Field(
        "total", alias="chart", description="Chart. Takes total, daily, packages or channels.", examples=["daily"]
    )
    learn_from: CommaSeparated[uuid.UUID] = Field(
        default_factory=tuple,
        alias="learn",
        description="Finished events of the forecast. Takes ids of events, separated by commas.",
    )

    def to_query(self) -> ReportQuery:
        chosen = SalesFilter(self.package_ids, self.channels, self.first_day, self.last_day, self.sponsorships_only)
        return ReportQuery(chosen, self.chart, self.learn_from)


@dataclass(frozen=True)
class WholeEvent:
    """Figures of the whole event, whatever the filter: revenue and pace, and when packages sell out at this pace."""

    revenue: Decimal
    pace: Pace
    sold_out_on: Mapping[uuid.UUID, date]


@dataclass(frozen=True, eq=False)
class SalesReport:
    """The report of one moment; two reports are equal only if they are the same one, so that they can be keys.

    `figures.before` has the totals of as many days before those of the filter, when it has a first day. `chart` is None
    while nothing was sold.
    """

    event: Event
    query: ReportQuery
    today: date
    figures: SalesFigures
    timeline: Timeline
    chart: SalesChart | None
    latest: tuple[PurchaseRow, ...]
    whole: WholeEvent
    forecast: Forecast | None

    @property
    def event_day(self) -> date:
        return find_event_day(self.event)

    @property
    def series_names(self) -> dict[GroupKey, str]:
        """The names of packages and channels, as charts show them."""
        packages: dict[GroupKey, str] = {line.package_id: line.name for line in self.figures.by_package}
        return packages | CHANNEL_LABELS

    @property
    def is_empty(self) -> bool:
        """Whether nothing was recorded that the filter selects, of any status."""
        return not any(totals.purchases for totals in self.figures.by_status.values())


def find_event_day(event: Event) -> date:
    """Return the day of an event in its time zone."""
    return event.starts_at.astimezone(ZoneInfo(event.time_zone)).date()


def get_report(
    session: Session, actor: Actor, event_id: uuid.UUID, query: ReportQuery, known: Event | None = None
) -> SalesReport:
    """Return the report of an event as it is now.

    The report of the last read is returned again while the event's counters in the database are what they were, so
    that many open pages, and pages on which nothing happens, cost one query. `known` is the event as the caller has
    read it, which is read again if it was edited since. Raises NotFound when the actor may not see the event.
    """
    fingerprint = figures.compute_visible_fingerprints(session, actor, event_id, query.learn_from)
    # Which events a person may learn from depends on the person.
    reader = actor.staff_id if query.learn_from else None
    key = (event_id, tuple(sorted(fingerprint.items())), query, reader)
    kept = _kept.find(key)
    if kept is not None and kept.today == _get_today(kept.event):
        return kept
    is_current = known is not None and known.version == fingerprint[event_id][0]
    event = known if known is not None and is_current else events.get(session, actor, event_id)
    report = read_report(session, actor, event, query, _get_today(event))
    _kept.add(key, report)
    return report


def _get_today(event: Event) -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(event.time_zone)).date()


def read_report(session: Session, actor: Actor, event: Event, query: ReportQuery, today: date) -> SalesReport:
    """Return the report from the database, whether or not it is kept. Raises NotFound as `get_report` does."""
    chosen, event_day = query.sales_filter, find_event_day(event)
    sales = figures.get_figures(session, actor, event.id, chosen, chosen.find_days_before(today))
    days = timeline.get_timeline(session, actor, event.id, chosen)
    latest = purchase_list.list_page(
        session, actor, event.id, PurchaseFilter.of_sales(chosen, statuses=SOLD_STATUSES), per_page=LATEST_COUNT
    )
    forecast = get_forecast(session, actor, event.id, query.learn_from) if query.learn_from else None
    span = sales_chart.find_span(days, chosen, event_day, today)
    chart = None
    if span is not None and query.chart in GROUPS:
        largest = sales_chart.choose_largest(sales, query.chart)
        stacks = timeline.list_stacks(session, actor, event.id, chosen, GROUPS[query.chart], largest, span.period)
        chart = sales_chart.build_stacked(query.chart, largest, stacks, span, event_day)
    elif span is not None and query.chart == "daily":
        chart = sales_chart.build_daily(days, span, event_day)
    elif span is not None:
        is_whole = replace(chosen, first_day=None) == ALL_SALES
        goal = event.revenue_goal if is_whole else None
        projection = forecast.revenue if forecast and is_whole else None
        chart = sales_chart.build_total(days, span, event_day, goal, projection)
    revenue = (
        [(line.day, line.revenue) for line in days.days]
        if chosen == ALL_SALES
        else timeline.list_revenue(session, event.id, today - timedelta(days=LONGER_DAYS - 1))
    )
    whole = _load_whole_event(session, event, sales, revenue, today)
    return SalesReport(event, query, today, sales, days, chart, tuple(latest), whole, forecast)


def _load_whole_event(
    session: Session, event: Event, sales: SalesFigures, revenue_by_day: list[tuple[date, Decimal]], today: date
) -> WholeEvent:
    event_day = find_event_day(event)
    pace = compute_pace(revenue_by_day, event.revenue_goal, event_day, today)
    limited = {line.package_id: line.available for line in sales.by_package if line.available}
    sold = _count_recent_packages(session, event.id, today) if limited and pace.days_to_go >= 0 else {}
    days = {key: estimate_sold_out(left, sold.get(key, 0), event_day, today) for key, left in limited.items()}
    revenue = sum((amount for _, amount in revenue_by_day), money.ZERO)
    return WholeEvent(revenue, pace, {key: day for key, day in days.items() if day is not None})


def _count_recent_packages(session: Session, event_id: uuid.UUID, today: date) -> dict[uuid.UUID, int]:
    """Return how many of each package were sold in the last 14 days, paid and pending, as limits count them."""
    rows = session.execute(
        select(DailySales.package_id, func.sum(DailySales.quantity))
        .where(
            DailySales.event_id == event_id,
            DailySales.payment_status.in_(SOLD_STATUSES),
            DailySales.day > today - timedelta(days=SELL_OUT_DAYS),
        )
        .group_by(DailySales.package_id)
    )
    return {package_id: int(quantity) for package_id, quantity in rows}


class _KeptReports:
    """The reports that were read last, by all that they depend on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reports: OrderedDict[Hashable, SalesReport] = OrderedDict()

    def find(self, key: Hashable) -> SalesReport | None:
        with self._lock:
            report = self._reports.get(key)
            if report is not None:
                self._reports.move_to_end(key)
            return report

    def add(self, key: Hashable, report: SalesReport) -> None:
        with self._lock:
            self._reports[key] = report
            while len(self._reports) > MAX_KEPT_REPORTS:
                self._reports.popitem(last=False)


_kept = _KeptReports()

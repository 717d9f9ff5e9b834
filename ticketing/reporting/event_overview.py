"""All events at a glance: what each has sold, how far its goal is, and what needs attention.

Rules: docs/product.md, "All events". One query reads everything, from the daily totals; days are those of each event's
time zone, amounts are USD.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.models import Event
from ticketing.reporting import pace
from ticketing.reporting.pace import RECENT_DAYS

Kind = Literal["upcoming", "past", "archived"]
KINDS: tuple[Kind, ...] = ("upcoming", "past", "archived")
# Attention: what is shown from these numbers on, as docs/product.md says.
DAYS_WITHOUT_SALE, DAYS_TO_EVENT_WITHOUT_SALE = 14, 60
PENDING_DAYS = 30
MAX_UNNAMED_SHARE, DAYS_TO_EVENT_UNNAMED = Decimal("0.25"), 14
CODE_ENDS_WITHIN = timedelta(days=3)


@dataclass(frozen=True)
class Attention:
    """A reason to look at an event.

    `kind` is `no_sale` (`number` is days since the last sale, or since the event was created when it has none yet),
    `old_pending` (orders), `unnamed` (percent of the seats, rounded down) or `code_ends` (codes; `code` and `ends_at`
    are the first one's).
    """

    kind: Literal["no_sale", "old_pending", "unnamed", "code_ends"]
    number: int
    code: str | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True)
class EventOverview:
    """An event with its figures.

    `days_to_go` is negative once the event is over. `revenue` is that of completed purchases, `pending` the sum of
    `pending_orders`; `seats_sold` counts both, `seats_named` those that have a guest. `recent_revenue` is the revenue
    of each of the last 7 days, today last. `revenue_a_day` and `needed_a_day` are those of `ticketing.reporting.pace`.
    """

    id: uuid.UUID
    name: str
    venue: str
    starts_at: datetime
    time_zone: str
    is_archived: bool
    days_to_go: int
    revenue_goal: Decimal | None
    revenue: Decimal
    pending: Decimal
    pending_orders: int
    seats_sold: int
    seats_named: int
    recent_revenue: tuple[Decimal, ...]
    revenue_a_day: Decimal
    needed_a_day: Decimal | None
    attention: tuple[Attention, ...]


@dataclass(frozen=True)
class Overview:
    """The events of one kind, and how many events of each kind there are."""

    events: tuple[EventOverview, ...]
    count_by_kind: dict[Kind, int]


def get_overview(session: Session, actor: Actor, kind: Kind, *, moment: datetime | None = None) -> Overview:
    """Return the events of this kind that the actor may see, at `moment` (default now).

    Upcoming ones, that of today among them, come in the order of their start, the others latest first.
    """
    permissions.require(session, actor, "read")
    visible = events.select_visible(actor).with_only_columns(*Event.__table__.columns).cte("visible")
    moment = moment or datetime.now(UTC)
    rows = session.execute(
        _SELECT.add_cte(visible), {"moment": moment, "kind": kind, "code_ends": CODE_ENDS_WITHIN}
    ).all()
    counts: dict[Kind, int] = {each: getattr(rows[0], each) for each in KINDS}
    found = [_build(row, moment) for row in rows if row.id is not None]
    found.sort(key=lambda each: (each.starts_at, each.id), reverse=kind != "upcoming")
    return Overview(tuple(found), counts)


def _build(row: Row[Any], moment: datetime) -> EventOverview:
    brought = row.recent or {}
    recent = [
        (row.today - timedelta(ago), Decimal(brought.get(str(ago), "0.00"))) for ago in reversed(range(RECENT_DAYS))
    ]
    to_go = None if row.revenue_goal is None else max(row.revenue_goal - row.revenue, money.ZERO)
    return EventOverview(
        id=row.id,
        name=row.name,
        venue=row.venue,
        starts_at=row.starts_at,
        time_zone=row.time_zone,
        is_archived=row.is_archived,
        days_to_go=row.days_to_go,
        revenue_goal=row.revenue_goal,
        revenue=row.revenue,
        pending=row.pending,
        pending_orders=row.pending_orders,
        seats_sold=row.seats,
        seats_named=row.seats_named,
        recent_revenue=tuple(amount for _, amount in recent),
        revenue_a_day=pace.average_a_day(recent, row.first_sale or row.today, row.today, RECENT_DAYS),
        needed_a_day=pace.compute_needed_a_day(to_go, row.days_to_go),
        attention=() if row.is_archived else tuple(_list_attention(row)),
    )


def _list_attention(row: Row[Any]) -> list[Attention]:
    found = []
    quiet_days = (row.today - (row.last_sale or row.created_on)).days
    if (
        0 <= row.days_to_go <= DAYS_TO_EVENT_WITHOUT_SALE
        and quiet_days >= DAYS_WITHOUT_SALE
        and (row.on_sale or not row.packages)
    ):
        found.append(Attention("no_sale", quiet_days))
    if row.old_pending:
        found.append(Attention("old_pending", row.old_pending))
    unnamed = row.seats - row.seats_named
    if 0 <= row.days_to_go <= DAYS_TO_EVENT_UNNAMED and unnamed > row.seats * MAX_UNNAMED_SHARE:
        found.append(Attention("unnamed", unnamed * 100 // row.seats))
    if row.days_to_go >= 0 and row.ending_codes:
        found.append(Attention("code_ends", row.ending_codes, row.first_code, row.first_code_ends_at))
    return found


# Sums by status and the few days that are told apart (`ago`: 0 to 6 for each of the last 7 days, else 7, or 31 beyond
# PENDING_DAYS) are made with plain sums first: with FILTERs over all days it takes four times as long. The
# ids are an array, so that one scan of the index finds the days of all events, however many PostgreSQL expects.
_SELECT = select(text("*")).select_from(
    text(f"""(
    WITH placed AS (
        SELECT *, CAST(timezone(time_zone, :moment) AS date) AS today,
            CAST(timezone(time_zone, starts_at) AS date) - CAST(timezone(time_zone, :moment) AS date) AS days_to_go
        FROM visible
    ), sorted AS MATERIALIZED (
        SELECT *, CASE WHEN is_archived THEN 'archived' WHEN days_to_go < 0 THEN 'past' ELSE 'upcoming' END AS kind
        FROM placed
    )
    SELECT counts.*, shown.id, shown.name, shown.venue, shown.starts_at, shown.time_zone, shown.is_archived,
        shown.revenue_goal, shown.today, shown.days_to_go,
        CAST(timezone(shown.time_zone, shown.created_at) AS date) AS created_on, stock.*, codes.*,
        coalesce(sales.revenue, 0.00) AS revenue, coalesce(sales.pending, 0.00) AS pending,
        coalesce(sales.pending_orders, 0) AS pending_orders, coalesce(sales.old_pending, 0) AS old_pending,
        coalesce(sales.seats, 0) AS seats, coalesce(sales.seats_named, 0) AS seats_named,
        sales.first_sale, sales.last_sale, sales.recent
    FROM (
        SELECT {", ".join(f"count(*) FILTER (WHERE kind = '{kind}') AS {kind}" for kind in KINDS)} FROM sorted
    ) AS counts
    LEFT JOIN sorted AS shown ON shown.kind = :kind
    LEFT JOIN (
        SELECT event_id, coalesce(sum(total) FILTER (WHERE is_paid), 0.00) AS revenue,
            coalesce(sum(total) FILTER (WHERE NOT is_paid), 0.00) AS pending,
            CAST(coalesce(sum(orders) FILTER (WHERE NOT is_paid), 0) AS int) AS pending_orders,
            CAST(coalesce(sum(orders) FILTER (WHERE NOT is_paid AND ago > {PENDING_DAYS}), 0) AS int) AS old_pending,
            CAST(coalesce(sum(seats), 0) AS int) AS seats, CAST(coalesce(sum(seats_named), 0) AS int) AS seats_named,
            min(first_sale) AS first_sale, max(last_sale) AS last_sale,
            jsonb_object_agg(ago, CAST(total AS text)) FILTER (WHERE is_paid AND ago < {RECENT_DAYS}) AS recent
        FROM (
            SELECT event_id, payment_status = 'completed' AS is_paid,
                CASE WHEN day > today - {RECENT_DAYS} THEN today - day
                    WHEN day < today - {PENDING_DAYS} THEN {PENDING_DAYS + 1} ELSE {RECENT_DAYS} END AS ago,
                sum(total) AS total, sum(orders) AS orders, sum(seats) AS seats, sum(seats_named) AS seats_named,
                min(day) AS first_sale, max(day) AS last_sale
            FROM daily_sales JOIN sorted ON sorted.id = event_id
            WHERE event_id = ANY (ARRAY(SELECT id FROM sorted WHERE kind = :kind))
                AND payment_status IN ('completed', 'pending') AND purchases > 0
            GROUP BY 1, 2, 3
        ) AS line
        GROUP BY event_id
    ) AS sales ON sales.event_id = shown.id
    LEFT JOIN LATERAL (
        SELECT count(*) AS packages,
            coalesce(bool_or(is_enabled AND (quantity_limit IS NULL OR sold_count < quantity_limit)), false) AS on_sale
        FROM packages WHERE event_id = shown.id
    ) AS stock ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS ending_codes, min(expires_at) AS first_code_ends_at,
            (array_agg(code ORDER BY expires_at, code))[1] AS first_code
        FROM promo_codes
        WHERE event_id = shown.id AND is_active AND expires_at > :moment AND expires_at <= :moment + :code_ends
            AND (max_total_uses IS NULL OR current_uses < max_total_uses)
    ) AS codes ON true
) AS overview""").bindparams(bindparam("moment"), bindparam("kind"), bindparam("code_ends"))  # noqa: S608
)

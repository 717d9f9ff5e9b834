"""The cards of the events page: what each event has sold, how fast, and what needs attention. Pressing one opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import money
from ticketing.reporting.event_overview import Attention, EventOverview
from ui import text

ATTENTION_ICONS = {
    "no_sale": "trending_down",
    "old_pending": "schedule",
    "unnamed": "event_seat",
    "code_ends": "sell",
}


@contextmanager
def render_grid() -> Iterator[None]:
    """Place the cards that the body renders beside and below each other."""
    with st.container(key="event_cards"):
        yield


@contextmanager
def render_card(event: EventOverview, on_open: Callable[..., Any], *args: Any) -> Iterator[None]:
    """Render the card of an event, which `on_open` opens; the body renders its menu."""
    with st.container(key=f"card_{event.id}", border=True, gap=None):
        label = f"Open {text.escape_markdown(event.name)}"
        st.button(label, key=f"open_{event.id}", type="tertiary", on_click=on_open, args=args)
        st.html(build_article(event))
        yield


def build_article(event: EventOverview) -> str:
    """Return the card as HTML. One piece for each event, because the number of elements is what a page costs."""
    local = event.starts_at.astimezone(ZoneInfo(event.time_zone))
    is_selling = event.days_to_go >= 0 and not event.is_archived
    head = (
        f'<div class="day" aria-hidden="true"><span>{local:%b}</span><strong>{local.day}</strong></div>'
        f"<div><h2>{escape(event.name)}</h2>"
        f'<p>{escape(format_start(event))}</p><p class="venue">{escape(event.venue)}</p></div>'
    )
    badges = "".join(build_badge(each, event.time_zone) for each in event.attention)
    return (
        f'<article class="event-card{"" if is_selling else " over"}"><div class="head">{head}</div>'
        f'<div class="money">{build_revenue(event)}{build_recent(event) if is_selling else ""}</div>'
        f'{build_bar(event)}<p class="facts">{escape(format_facts(event))}</p>'
        + (f'<div class="reasons">{badges}</div>' if badges else "")
        + "</article>"
    )


def format_start(event: EventOverview) -> str:
    """Return "13 days to go · Sat, Dec 5, 6:00 PM"."""
    local = event.starts_at.astimezone(ZoneInfo(event.time_zone))
    this_year = datetime.now(local.tzinfo).year
    day = text.format_date(local.date(), has_year=local.year != this_year, has_weekday=True)
    days = text.format_days_until(event.days_to_go)
    return f"{days[0].upper()}{days[1:]} · {day}, {text.format_time(local)}"


def build_revenue(event: EventOverview) -> str:
    revenue = money.format_whole_dollars(event.revenue)
    return f'<div><strong>{revenue}</strong><span class="quiet">{format_goal(event)}</span></div>'


def format_goal(event: EventOverview) -> str:
    """Return "91% of $290,000", rounded down so that 100% is the whole goal."""
    if event.revenue_goal is None:
        return "No goal"
    percent = event.revenue * 100 // event.revenue_goal
    return f"{percent:,}% of {money.format_whole_dollars(event.revenue_goal)}"


def build_recent(event: EventOverview) -> str:
    """Return a column for each of the last 7 days, and their average beside what the goal needs."""
    amounts = ", ".join(money.format_whole_dollars(each) for each in event.recent_revenue)
    return (
        f'<div class="recent">{build_columns(event.recent_revenue, f"Revenue of the last 7 days: {amounts}")}'
        f'<span class="quiet">{money.format_whole_dollars(event.revenue_a_day)} a day{format_pace(event)}</span></div>'
    )


def build_columns(amounts: Sequence[Decimal], label: str) -> str:
    highest = max(amounts)
    heights = (float(each / highest) if highest else 0.0 for each in amounts)
    columns = "".join(f'<i style="height:{max(height, 0.06):.0%}"></i>' for height in heights)
    return f'<span class="columns" role="img" aria-label="{escape(label)}">{columns}</span>'


def format_pace(event: EventOverview) -> str:
    """Return ", needs $1,200": what the goal needs a day."""
    if event.revenue_goal is None:
        return ""
    if event.needed_a_day is None:
        return ", goal reached"
    return f", needs {money.format_whole_dollars(event.needed_a_day)}"


def build_bar(event: EventOverview) -> str:
    if event.revenue_goal is None:
        return '<span class="goal none"></span>'
    share = min(event.revenue / event.revenue_goal, Decimal(1))
    return f'<span class="goal{" full" if share == 1 else ""}"><span style="width:{float(share):.1%}"></span></span>'


def format_facts(event: EventOverview) -> str:
    """Return "996 seats · 776 unnamed · $6,325 pending in 25 orders"."""
    if not event.seats_sold:
        return "Nothing sold yet" if event.days_to_go >= 0 else "Nothing sold"
    facts = [text.format_count(event.seats_sold, "seat")]
    unnamed = event.seats_sold - event.seats_named
    facts.append(f"{unnamed:,} unnamed" if unnamed else "all named")
    if event.pending_orders:
        orders = text.format_count(event.pending_orders, "order")
        facts.append(f"{money.format_whole_dollars(event.pending)} pending in {orders}")
    return " · ".join(facts)


def build_badge(reason: Attention, zone: str) -> str:
    icon = f'<span class="icon" aria-hidden="true" translate="no">{ATTENTION_ICONS[reason.kind]}</span>'
    return f'<span class="badge note">{icon}{escape(format_attention(reason, zone))}</span>'


def format_attention(reason: Attention, zone: str) -> str:
    """Return "No sale for 14 days", "19 orders pending over 30 days" and so on."""
    match reason.kind:
        case "no_sale":
            return f"No sale for {text.format_count(reason.number, 'day')}"
        case "old_pending":
            return f"{text.format_count(reason.number, 'order')} pending over 30 days"
        case "unnamed":
            return f"{reason.number}% of seats unnamed"
        case "code_ends":
            return format_ending_code(reason, zone)


def format_ending_code(reason: Attention, zone: str) -> str:
    """Return "EARLY25 ends tomorrow, 11:59 PM", of several codes the first one."""
    assert reason.ends_at is not None
    local = reason.ends_at.astimezone(ZoneInfo(zone))
    days = (local.date() - datetime.now(UTC).astimezone(local.tzinfo).date()).days
    date = text.format_date(local.date(), has_year=False, has_weekday=True)
    day = {0: "today", 1: "tomorrow"}.get(days, date)
    others = f", {reason.number - 1:,} more soon" if reason.number > 1 else ""
    return f"{reason.code} ends {day}, {text.format_time(local)}{others}"

"""The rows of the promo codes page: what a code takes off, how often it was used, and its state."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from ticketing import money
from ticketing.catalog import promo_codes
from ticketing.models import Event, PromoCode
from ui import text
from ui.widgets.list_rows import Badge, Figure, Row, build_icon

TITLES = ("Discount", "Orders", "Taken off")
_STATES = {
    "off": Badge("Off", "pause_circle"),
    "expired": Badge("Expired", "event_busy", "ended"),
    "used_up": Badge("Used up", "done_all", "strong"),
    "expires_soon": Badge("Expires", "schedule", "note"),
    "never_used": Badge("Never used", "radio_button_unchecked"),
    "active": Badge("Active", "check_circle", "good"),
}


def build_row(event: Event, code: PromoCode, taken_off: Decimal, now: datetime) -> Row:
    """Return the row of a code; `taken_off` is the sum of its discounts in USD."""
    state = promo_codes.get_state(code, now)
    return Row(
        code.id,
        code.code,
        build_icon("percent" if code.discount_type == "percentage" else "attach_money"),
        (Figure(_format_discount(code)), _build_uses(code), Figure(money.format_dollars(taken_off))),
        (_build_badge(event, code, state, now),),
        " · ".join(_list_limits(event, code, now)),
        is_off=state in ("off", "expired", "used_up"),
    )


def _build_badge(event: Event, code: PromoCode, state: str, now: datetime) -> Badge:
    badge = _STATES[state]
    if state != "expires_soon" or code.expires_at is None:
        return badge
    zone = ZoneInfo(event.time_zone)
    days = (code.expires_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    label = "Expires today" if days == 0 else f"Expires in {text.format_count(days, 'day')}"
    return Badge(label, badge.icon, badge.look)


def _format_discount(code: PromoCode) -> str:
    if code.discount_type == "percentage":
        return f"{code.discount_value.normalize():f}% off"
    return f"{money.format_dollars(code.discount_value)} off"


def _build_uses(code: PromoCode) -> Figure:
    if code.max_total_uses is None:
        return Figure(f"{code.current_uses:,}", "unlimited")
    left, share = code.max_total_uses - code.current_uses, code.current_uses / code.max_total_uses
    return Figure(f"{code.current_uses:,} of {code.max_total_uses:,}", f"{left:,} left" if left else "none left", share)


def _list_limits(event: Event, code: PromoCode, now: datetime) -> list[str]:
    limits = []
    if code.max_uses_per_donor:
        limits.append(f"{text.format_count(code.max_uses_per_donor, 'order')} per donor")
    if code.expires_at:
        verb = "expired" if code.expires_at <= now else "expires"
        limits.append(f"{verb} {text.format_datetime(code.expires_at, event.time_zone)}")
    return limits

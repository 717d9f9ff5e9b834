"""What a search found, as HTML: a list for each kind, in which each row is a link to the record in its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ticketing.reporting import search
from ticketing.reporting.search import Kind, Match
from ui import text

TITLES: dict[Kind, str] = {
    "order": "Purchasers",
    "guest": "Guests",
    "package": "Packages",
    "promo_code": "Promo codes",
    "event": "Events",
}
# By kind: the page of a record, the parameter that names it, and the icon of its row.
_PLACES: dict[Kind, tuple[str, str, str]] = {
    "order": ("purchasers", "purchase", "group"),
    "guest": ("purchasers", "purchase", "event_seat"),
    "package": ("packages", "package", "confirmation_number"),
    "promo_code": ("promo_codes", "code", "sell"),
    "event": ("sales", "", "event"),
}


def build(found: Mapping[Kind, Sequence[Match]]) -> str:
    """Return the lists of what was found, in the order in which it was found."""
    return "".join(_build_list(kind, matches) for kind, matches in found.items())


def _build_list(kind: Kind, matches: Sequence[Match]) -> str:
    rows = "".join(map(_build_row, matches))
    more = ""
    if len(matches) == search.MAX_MATCHES:
        more = f'<p class="quiet">The first {search.MAX_MATCHES} are shown. Type more to find others.</p>'
    return f'<section class="found"><h2>{TITLES[kind]}</h2><ul>{rows}</ul>{more}</section>'


def _build_row(match: Match) -> str:
    icon = f'<span class="icon" aria-hidden="true" translate="no">{_PLACES[match.kind][2]}</span>'
    link = f'<a data-page="" href="{escape(build_address(match))}" target="_self">{escape(match.name)}</a>'
    about = _format_about(match)
    below = f"<p>{escape(about)}</p>" if about else ""
    badge = ' <span class="badge">Archived</span>' if match.is_archived else ""
    day = text.format_date(match.starts_at.astimezone(ZoneInfo(match.time_zone)).date())
    place = escape(day) if match.kind == "event" else f"{escape(match.event)} <span>{escape(day)}</span>"
    return f'<li>{icon}<div>{link}{below}</div><p class="where">{place}{badge}</p></li>'


def build_address(match: Match) -> str:
    """Return the address that opens a record in its event. It has ids only, never what was typed."""
    page, parameter, _ = _PLACES[match.kind]
    query = {"event": str(match.event_id)} | ({parameter: str(match.id)} if parameter else {})
    return f"/{page}?{urlencode(query)}"


def _format_about(match: Match) -> str:
    """Return "ana@example.org · order X3YA7K, the latest of 3"."""
    parts = [match.detail or ""]
    if match.number:
        latest = f", the latest of {match.orders:,}" if match.orders > 1 else ""
        parts.append(f"order {match.number}{latest}")
    if match.code:
        parts.append(f"ticket {match.code}")
    return " · ".join(part for part in parts if part)

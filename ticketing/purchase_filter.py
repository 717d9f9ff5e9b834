"""Which purchases of an event are meant: one filter for the lists, the links from figures, and every CSV.

It travels in addresses as query parameters, so that a filtered list can be sent to a colleague and its file holds
exactly what the list shows. Days are the event's own days. Source: PRODUCT "Sales".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, ScalarSelect, case, cast, func, or_, select

from ticketing import query_parameters
from ticketing.models import (
    BOX_OFFICE_CHANNELS,
    CHANNELS,
    COUNTING_STATUSES,
    PAYMENT_STATUSES,
    AssignedTicket,
    DailySales,
    Package,
    PromoCode,
    Purchase,
)
from ticketing.query_parameters import A_DAY, Parameter, day, listed, one_of, several, yes

SORTS = ("newest", "oldest", "name", "total", "unnamed")
NO_CODE = "-"
LONGEST_SEARCH = 200

_BETWEEN_WORDS = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]+")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CODE = re.compile(r"[A-Z0-9]{4,20}")
# Half a ticket code or more. A shorter word would find seats by chance: most codes have an A somewhere.
_TICKET_CODE = re.compile(r"[A-HJKMNP-Z2-9]{4,8}")


@dataclass(frozen=True)
class Selection:
    """What is asked for; several values of one filter mean any of them, several filters mean all of them.

    `search`: every word must be in the name, e-mail address, external id or promo code, or begin a ticket code;
    accents and case do not matter. `codes` are promo codes, NO_CODE stands for purchases without one. Both days are
    included. `unnamed_only`: purchases that count and have seats without a guest. `differing_only`: purchases whose
    total is not list price less discount, which only imports bring.
    """

    search: str = ""
    package_ids: tuple[uuid.UUID, ...] = ()
    statuses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    sponsorships_only: bool = False
    unnamed_only: bool = False
    discounted_only: bool = False
    differing_only: bool = False
    sort: str = "newest"

    @property
    def words(self) -> tuple[str, ...]:
        """What is searched for, without what nobody can see."""
        return tuple(word for word in _BETWEEN_WORDS.split(self.search) if word)

    @property
    def needs_rows(self) -> bool:
        """Whether the sums by day cannot answer it, so that each purchase must be looked at."""
        return bool(self.words) or self.unnamed_only or self.discounted_only or self.differing_only

    @property
    def is_everything(self) -> bool:
        """Whether it leaves no purchase of the event out, whatever their order."""
        return replace(self, search=" ".join(self.words), sort=EVERYTHING.sort) == EVERYTHING


EVERYTHING = Selection()
SOLD = Selection(statuses=COUNTING_STATUSES)
RECORDED_HERE = Selection(channels=BOX_OFFICE_CHANNELS)


def conditions(selection: Selection, event_id: uuid.UUID) -> list[ColumnElement[bool]]:
    """What a Purchase joined with its Package must satisfy; the first condition is the event."""
    chosen = _dimensions(selection, event_id, Purchase, _DAY_OF_PURCHASE)
    # The day alone is computed of each row; the range around it, wide enough for any zone, is found in the index.
    if selection.first_day is not None:
        chosen.append(Purchase.purchased_at >= _midnight(selection.first_day) - timedelta(days=1))
    if selection.last_day is not None:
        chosen.append(Purchase.purchased_at < _midnight(selection.last_day) + timedelta(days=2))
    if selection.unnamed_only:
        chosen += [_COUNTS, Purchase.seats > Purchase.seats_named]
    if selection.discounted_only:
        chosen.append(Purchase.discount > 0)
    if selection.differing_only:
        chosen.append(Purchase.total != Purchase.list_price - Purchase.discount)
    return chosen + [_has(word, event_id) for word in selection.words]


def conditions_by_day(selection: Selection, event_id: uuid.UUID) -> list[ColumnElement[bool]]:
    """The same of DailySales joined with its Package, for a selection that does not need the rows."""
    assert not selection.needs_rows
    return _dimensions(selection, event_id, DailySales, DailySales.day)


def order(selection: Selection) -> list[ColumnElement[Any]]:
    """The columns of Purchase to sort by; no two purchases stand at the same place."""
    newest: list[ColumnElement[Any]] = [Purchase.purchased_at.desc(), Purchase.id.desc()]
    match selection.sort:
        case "oldest":
            return [Purchase.purchased_at.asc(), Purchase.id.asc()]
        case "name":  # the text that is searched begins with it, without accents and case
            return [Purchase.search_text.collate("C").asc(), *newest]
        case "total":
            return [Purchase.total.desc(), *newest]
        case "unnamed":
            return [case((_COUNTS, Purchase.seats - Purchase.seats_named), else_=0).desc(), *newest]
        case _:
            return newest


_COUNTS = Purchase.payment_status.in_(COUNTING_STATUSES)
# As ticketing.daily_sales has it, so that a day of a chart and the list behind it are the same purchases.
_DAY_OF_PURCHASE = cast(func.timezone(Package.time_zone, Purchase.purchased_at), Date)


def _dimensions(
    selection: Selection, event_id: uuid.UUID, sold: type[Purchase] | type[DailySales], day: Any
) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [sold.event_id == event_id]
    if selection.package_ids:
        chosen.append(sold.package_id.in_(selection.package_ids))
    if selection.statuses:
        chosen.append(sold.payment_status.in_(selection.statuses))
    if selection.channels:
        chosen.append(sold.channel.in_(selection.channels))
    if selection.codes:
        named = select(PromoCode.id).where(PromoCode.event_id == event_id, PromoCode.code.in_(selection.codes))
        with_code = sold.promo_code_id.in_(named)
        chosen.append(or_(with_code, sold.promo_code_id.is_(None)) if NO_CODE in selection.codes else with_code)
    if selection.sponsorships_only:
        chosen.append(Package.is_sponsorship.is_(True))
    if selection.first_day is not None:
        chosen.append(day >= selection.first_day)
    if selection.last_day is not None:
        chosen.append(day <= selection.last_day)
    return chosen


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _has(word: str, event_id: uuid.UUID) -> ColumnElement[bool]:
    """Whether one word of a search is in a purchase. Other tables are asked once, not for every purchase."""
    somewhere = _containing(word)
    codes = select(PromoCode.id).where(PromoCode.event_id == event_id, func.search_key(PromoCode.code).like(somewhere))
    places = [Purchase.search_text.like(somewhere), Purchase.promo_code_id.in_(codes)]
    start = word.upper()
    if _TICKET_CODE.fullmatch(start):
        tickets = select(AssignedTicket.purchase_id).where(
            AssignedTicket.event_id == event_id,
            AssignedTicket.code.between(start, start.ljust(8, "Z")),  # found in the index, whatever its collation
            AssignedTicket.code.startswith(start),
        )
        places.append(Purchase.id.in_(tickets))
    return or_(*places)


def _containing(word: str) -> ScalarSelect[str]:
    """The pattern of LIKE for text that contains the word; a subquery, so that it is made once for all rows."""
    key = func.search_key(word)
    for special in ("\\", "%", "_"):
        key = func.replace(key, special, f"\\{special}")
    return select(func.concat("%", key, "%")).scalar_subquery()


def parsed(query: Mapping[str, str], *, besides: Collection[str] = ("event",)) -> Selection:
    """The selection that an address names; `besides` are parameters of that address which mean something else.

    Raises InvalidInput naming each parameter that is not understood.
    """
    found, problems = query_parameters.parsed(PARAMETERS, query, besides=besides)
    query_parameters.refuse(problems)
    return Selection(**found)


def to_query(selection: Selection) -> dict[str, str]:
    """The parameters that name it in an address, which `parsed` gives back."""
    return query_parameters.written(PARAMETERS, selection, EVERYTHING)


def _code(value: str) -> str:
    if value != NO_CODE and not _CODE.fullmatch(value.upper()):
        raise ValueError
    return value.upper()


def _search(value: str) -> str:
    if len(value) > LONGEST_SEARCH or _INVISIBLE.search(value):
        raise ValueError
    return value


PARAMETERS = {
    "search": Parameter(
        "search",
        _search,
        f"at most {LONGEST_SEARCH} characters, all of them visible",
        "Words that must all be in name, e-mail address, external id or promo code, or begin a ticket code.",
    ),
    "package": Parameter("package_ids", several(uuid.UUID), "ids of packages, with commas between", "What was bought."),
    "status": Parameter("statuses", several(one_of(PAYMENT_STATUSES)), listed(PAYMENT_STATUSES), "How it stands."),
    "code": Parameter(
        "codes",
        several(_code),
        f"promo codes, with commas between; {NO_CODE} means without one",
        "The promo code that was used.",
    ),
    "channel": Parameter("channels", several(one_of(CHANNELS)), listed(CHANNELS), "How it was sold."),
    "from": Parameter("first_day", day, A_DAY, "The first of the event's own days."),
    "to": Parameter("last_day", day, A_DAY, "The last of the event's own days."),
    "sponsorships_only": Parameter("sponsorships_only", yes, "true or false", "Leaves out what is no sponsorship."),
    "unnamed_only": Parameter(
        "unnamed_only", yes, "true or false", "Leaves out what does not count or has a guest on every seat."
    ),
    "discounted_only": Parameter("discounted_only", yes, "true or false", "Leaves out what was sold at list price."),
    "differing_only": Parameter(
        "differing_only", yes, "true or false", "Leaves out what cost list price less discount, as all but imports do."
    ),
    "sort": Parameter("sort", one_of(SORTS), f"one of {', '.join(SORTS)}", "The order; newest unless given."),
}

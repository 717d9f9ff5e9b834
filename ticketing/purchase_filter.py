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
    PAYMENT_STATUSES,
    SOLD_STATUSES,
    AssignedTicket,
    DailySales,
    Package,
    PromoCode,
    Purchase,
)
from ticketing.query_parameters import (
    DAY_DESCRIPTION,
    Parameter,
    choice_parser,
    describe_choices,
    list_parser,
    parse_bool,
    parse_day,
)

SORTS = ("newest", "oldest", "name", "total", "unnamed")
NO_PROMO_CODE = "-"
MAX_SEARCH_LENGTH = 200

_WORD_SEPARATORS = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]+")
_INVISIBLE_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PROMO_CODE = re.compile(r"[A-Z0-9]{4,20}")
# Half a ticket code or more. A shorter word would find seats by chance: most codes have an A somewhere.
_TICKET_CODE_PREFIX = re.compile(r"[A-HJKMNP-Z2-9]{4,8}")


@dataclass(frozen=True)
class PurchaseFilter:
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
        return tuple(word for word in _WORD_SEPARATORS.split(self.search) if word)

    @property
    def needs_rows(self) -> bool:
        """Whether the sums by day cannot answer it, so that each purchase must be looked at."""
        return bool(self.words) or self.unnamed_only or self.discounted_only or self.differing_only

    @property
    def matches_everything(self) -> bool:
        """Whether it leaves no purchase of the event out, whatever their order."""
        return replace(self, search=" ".join(self.words), sort=ALL_PURCHASES.sort) == ALL_PURCHASES


ALL_PURCHASES = PurchaseFilter()
SOLD_PURCHASES = PurchaseFilter(statuses=SOLD_STATUSES)
BOX_OFFICE_PURCHASES = PurchaseFilter(channels=BOX_OFFICE_CHANNELS)


def build_conditions(purchase_filter: PurchaseFilter, event_id: uuid.UUID) -> list[ColumnElement[bool]]:
    """What a Purchase joined with its Package must satisfy; the first condition is the event."""
    chosen = _build_shared_conditions(purchase_filter, event_id, Purchase, _PURCHASE_DAY)
    # The day alone is computed of each row; the range around it, wide enough for any zone, is found in the index.
    if purchase_filter.first_day is not None:
        chosen.append(Purchase.purchased_at >= _midnight(purchase_filter.first_day) - timedelta(days=1))
    if purchase_filter.last_day is not None:
        chosen.append(Purchase.purchased_at < _midnight(purchase_filter.last_day) + timedelta(days=2))
    if purchase_filter.unnamed_only:
        chosen += [_IS_SOLD, Purchase.seats > Purchase.seats_named]
    if purchase_filter.discounted_only:
        chosen.append(Purchase.discount > 0)
    if purchase_filter.differing_only:
        chosen.append(Purchase.total != Purchase.list_price - Purchase.discount)
    return chosen + [_contains_word(word, event_id) for word in purchase_filter.words]


def build_daily_conditions(purchase_filter: PurchaseFilter, event_id: uuid.UUID) -> list[ColumnElement[bool]]:
    """The same of DailySales joined with its Package, for a selection that does not need the rows."""
    assert not purchase_filter.needs_rows
    return _build_shared_conditions(purchase_filter, event_id, DailySales, DailySales.day)


def build_order_by(purchase_filter: PurchaseFilter) -> list[ColumnElement[Any]]:
    """The columns of Purchase to sort by; no two purchases stand at the same place."""
    newest: list[ColumnElement[Any]] = [Purchase.purchased_at.desc(), Purchase.id.desc()]
    match purchase_filter.sort:
        case "oldest":
            return [Purchase.purchased_at.asc(), Purchase.id.asc()]
        case "name":  # the text that is searched begins with it, without accents and case
            return [Purchase.search_text.collate("C").asc(), *newest]
        case "total":
            return [Purchase.total.desc(), *newest]
        case "unnamed":
            return [case((_IS_SOLD, Purchase.seats - Purchase.seats_named), else_=0).desc(), *newest]
        case _:
            return newest


_IS_SOLD = Purchase.payment_status.in_(SOLD_STATUSES)
# As ticketing.daily_sales has it, so that a day of a chart and the list behind it are the same purchases.
_PURCHASE_DAY = cast(func.timezone(Package.time_zone, Purchase.purchased_at), Date)


def _build_shared_conditions(
    purchase_filter: PurchaseFilter, event_id: uuid.UUID, table: type[Purchase] | type[DailySales], day: Any
) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [table.event_id == event_id]
    if purchase_filter.package_ids:
        chosen.append(table.package_id.in_(purchase_filter.package_ids))
    if purchase_filter.statuses:
        chosen.append(table.payment_status.in_(purchase_filter.statuses))
    if purchase_filter.channels:
        chosen.append(table.channel.in_(purchase_filter.channels))
    if purchase_filter.codes:
        named = select(PromoCode.id).where(PromoCode.event_id == event_id, PromoCode.code.in_(purchase_filter.codes))
        with_code = table.promo_code_id.in_(named)
        chosen.append(
            or_(with_code, table.promo_code_id.is_(None)) if NO_PROMO_CODE in purchase_filter.codes else with_code
        )
    if purchase_filter.sponsorships_only:
        chosen.append(Package.is_sponsorship.is_(True))
    if purchase_filter.first_day is not None:
        chosen.append(day >= purchase_filter.first_day)
    if purchase_filter.last_day is not None:
        chosen.append(day <= purchase_filter.last_day)
    return chosen


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _contains_word(word: str, event_id: uuid.UUID) -> ColumnElement[bool]:
    """Whether one word of a search is in a purchase. Other tables are asked once, not for every purchase."""
    somewhere = _build_like_pattern(word)
    codes = select(PromoCode.id).where(PromoCode.event_id == event_id, func.search_key(PromoCode.code).like(somewhere))
    places = [Purchase.search_text.like(somewhere), Purchase.promo_code_id.in_(codes)]
    start = word.upper()
    if _TICKET_CODE_PREFIX.fullmatch(start):
        tickets = select(AssignedTicket.purchase_id).where(
            AssignedTicket.event_id == event_id,
            AssignedTicket.code.between(start, start.ljust(8, "Z")),  # found in the index, whatever its collation
            AssignedTicket.code.startswith(start),
        )
        places.append(Purchase.id.in_(tickets))
    return or_(*places)


def _build_like_pattern(word: str) -> ScalarSelect[str]:
    """The pattern of LIKE for text that contains the word; a subquery, so that it is made once for all rows."""
    key = func.search_key(word)
    for special in ("\\", "%", "_"):
        key = func.replace(key, special, f"\\{special}")
    return select(func.concat("%", key, "%")).scalar_subquery()


def parse(query: Mapping[str, str], *, ignored: Collection[str] = ("event",)) -> PurchaseFilter:
    """The selection that an address names; `besides` are parameters of that address which mean something else.

    Raises InvalidInput naming each parameter that is not understood.
    """
    found, problems = query_parameters.parse(PARAMETERS, query, ignored=ignored)
    query_parameters.raise_for_problems(problems)
    return PurchaseFilter(**found)


def to_query(purchase_filter: PurchaseFilter) -> dict[str, str]:
    """The parameters that name it in an address, which `parsed` gives back."""
    return query_parameters.to_query(PARAMETERS, purchase_filter, ALL_PURCHASES)


def _parse_code(value: str) -> str:
    if value != NO_PROMO_CODE and not _PROMO_CODE.fullmatch(value.upper()):
        raise ValueError
    return value.upper()


def _parse_search(value: str) -> str:
    if len(value) > MAX_SEARCH_LENGTH or _INVISIBLE_CHARACTERS.search(value):
        raise ValueError
    return value


PARAMETERS = {
    "search": Parameter(
        "search",
        _parse_search,
        f"at most {MAX_SEARCH_LENGTH} characters, all of them visible",
        "Words that must all be in name, e-mail address, external id or promo code, or begin a ticket code.",
    ),
    "package": Parameter(
        "package_ids", list_parser(uuid.UUID), "ids of packages, with commas between", "What was bought."
    ),
    "status": Parameter(
        "statuses", list_parser(choice_parser(PAYMENT_STATUSES)), describe_choices(PAYMENT_STATUSES), "How it stands."
    ),
    "code": Parameter(
        "codes",
        list_parser(_parse_code),
        f"promo codes, with commas between; {NO_PROMO_CODE} means without one",
        "The promo code that was used.",
    ),
    "channel": Parameter(
        "channels", list_parser(choice_parser(CHANNELS)), describe_choices(CHANNELS), "How it was sold."
    ),
    "from": Parameter("first_day", parse_day, DAY_DESCRIPTION, "The first of the event's own days."),
    "to": Parameter("last_day", parse_day, DAY_DESCRIPTION, "The last of the event's own days."),
    "sponsorships_only": Parameter(
        "sponsorships_only", parse_bool, "true or false", "Leaves out what is no sponsorship."
    ),
    "unnamed_only": Parameter(
        "unnamed_only", parse_bool, "true or false", "Leaves out what does not count or has a guest on every seat."
    ),
    "discounted_only": Parameter(
        "discounted_only", parse_bool, "true or false", "Leaves out what was sold at list price."
    ),
    "differing_only": Parameter(
        "differing_only",
        parse_bool,
        "true or false",
        "Leaves out what cost list price less discount, as all but imports do.",
    ),
    "sort": Parameter("sort", choice_parser(SORTS), f"one of {', '.join(SORTS)}", "The order; newest unless given."),
}

"""Which purchases of an event are meant: one filter for the lists, the links from figures, and every CSV.

It travels in addresses as query parameters, so that a filtered list can be sent to a colleague and its file holds
exactly what the list shows. Days are the event's own days. Source: PRODUCT "Sales".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, ScalarSelect, case, cast, func, or_, select

from ticketing.errors import InvalidInput
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

SORTS = ("newest", "oldest", "name", "total", "unnamed")
NO_CODE = "-"
LONGEST_SEARCH = 200

_BETWEEN_WORDS = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]+")
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
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

    Raises InvalidInput naming each parameter that is not understood: a mistyped filter must not show or export
    everything.
    """
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in query.items():
        if name in PARAMETERS:
            parameter = PARAMETERS[name]
            try:
                found[parameter.field] = parameter.read(value)
            except ValueError:
                problems[name] = f"“{name}” takes {parameter.takes}."
        elif name not in besides:
            problems[name] = f"There is no filter “{name[:40]}”. The filters are {', '.join(PARAMETERS)}."
    selection = Selection(**found)
    if selection.first_day and selection.last_day and selection.last_day < selection.first_day:
        problems["to"] = "“to” is a day before “from”. Exchange the two."
    if problems:
        raise InvalidInput(problems)
    return selection


def to_query(selection: Selection) -> dict[str, str]:
    """The parameters that name it in an address: only what differs from the default, so that `parsed` gives it back."""
    values = {name: getattr(selection, parameter.field) for name, parameter in PARAMETERS.items()}
    defaults = {name: getattr(EVERYTHING, parameter.field) for name, parameter in PARAMETERS.items()}
    return {name: _written(value) for name, value in values.items() if value != defaults[name]}


def _written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(str(one) for one in value)
        case _:
            return str(value)


@dataclass(frozen=True)
class Parameter:
    """A query parameter: the field it fills and how it is read (ValueError when it cannot be); both also in words."""

    field: str
    read: Callable[[str], Any]
    takes: str
    means: str


def _several(read_one: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    return lambda value: tuple(dict.fromkeys(read_one(one.strip()) for one in value.split(",")))


def _one_of(allowed: Collection[str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError
        return value

    return read


def _code(value: str) -> str:
    if value != NO_CODE and not _CODE.fullmatch(value.upper()):
        raise ValueError
    return value.upper()


def _day(value: str) -> date:
    if not _DAY.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


def _yes(value: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[_one_of(("true", "1", "false", "0"))(value.lower())]


def _search(value: str) -> str:
    if len(value) > LONGEST_SEARCH or _INVISIBLE.search(value):
        raise ValueError
    return value


def _listed(values: Collection[str]) -> str:
    return f"one or more of {', '.join(values)}, with commas between"


_A_DAY = "a day such as 2026-10-31, from 2000 to 2099"
PARAMETERS = {
    "search": Parameter(
        "search",
        _search,
        f"at most {LONGEST_SEARCH} characters, all of them visible",
        "Words that must all be in name, e-mail address, external id or promo code, or begin a ticket code.",
    ),
    "package": Parameter(
        "package_ids", _several(uuid.UUID), "ids of packages, with commas between", "What was bought."
    ),
    "status": Parameter("statuses", _several(_one_of(PAYMENT_STATUSES)), _listed(PAYMENT_STATUSES), "How it stands."),
    "code": Parameter(
        "codes",
        _several(_code),
        f"promo codes, with commas between; {NO_CODE} means without one",
        "The promo code that was used.",
    ),
    "channel": Parameter("channels", _several(_one_of(CHANNELS)), _listed(CHANNELS), "How it was sold."),
    "from": Parameter("first_day", _day, _A_DAY, "The first of the event's own days."),
    "to": Parameter("last_day", _day, _A_DAY, "The last of the event's own days."),
    "sponsorships_only": Parameter("sponsorships_only", _yes, "true or false", "Leaves out what is no sponsorship."),
    "unnamed_only": Parameter(
        "unnamed_only", _yes, "true or false", "Leaves out what does not count or has a guest on every seat."
    ),
    "discounted_only": Parameter("discounted_only", _yes, "true or false", "Leaves out what was sold at list price."),
    "differing_only": Parameter(
        "differing_only", _yes, "true or false", "Leaves out what cost list price less discount, as all but imports do."
    ),
    "sort": Parameter("sort", _one_of(SORTS), f"one of {', '.join(SORTS)}", "The order; newest unless given."),
}

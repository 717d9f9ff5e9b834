"""Purchase filter shared by lists, links and CSV exports. Source: docs/product.md, "Sales".

It travels in URLs as query parameters, so that a filtered list can be sent to a colleague and its CSV holds exactly
what the list shows. Days are days of the event's time zone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field
from sqlalchemy import ColumnElement, Date, ScalarSelect, Select, case, cast, func, or_, select
from sqlalchemy.orm import aliased

from ticketing.models import (
    BOX_OFFICE_CHANNELS,
    PAYMENT_STATUSES,
    SOLD_STATUSES,
    AssignedTicket,
    DailySales,
    Order,
    Package,
    PromoCode,
    Purchase,
)
from ticketing.query_parameters import CommaSeparated, Flag, describe_choices, one_of
from ticketing.sales_filter import SalesFilter, SalesParameters

Sort = Literal["newest", "oldest", "name", "total", "unnamed"]
SORTS: tuple[Sort, ...] = get_args(Sort)
NO_PROMO_CODE = "-"
MAX_SEARCH_LENGTH = 200

_WORD_SEPARATORS = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]+")
_INVISIBLE_CHARACTERS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PROMO_CODE = re.compile(r"[A-Z0-9]{4,20}")
# At least half a ticket code: most codes contain an A, so a shorter word would match seats by chance.
_TICKET_CODE_PREFIX = re.compile(r"[A-HJKMNP-Z2-9]{4,8}")


@dataclass(frozen=True)
class PurchaseFilter:
    """Which purchases of an event to select; any of the values of one field, and all of the fields.

    `search`: every word must be in the name, e-mail address, external id or promo code, begin a ticket code, or be
    the order's number; accents and case do not matter. `codes` are promo codes, NO_PROMO_CODE selects purchases
    without one. Both days are included. `unnamed_only`: sold purchases that have seats without a guest.
    `differing_only`: purchases whose total is not list price less discount, which only imports bring.
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
        """The words to search for, without invisible characters."""
        return tuple(word for word in _WORD_SEPARATORS.split(self.search) if word)

    @property
    def needs_rows(self) -> bool:
        """Whether each purchase must be read, because the daily totals cannot answer this filter."""
        return bool(self.words) or self.unnamed_only or self.discounted_only or self.differing_only

    @property
    def matches_everything(self) -> bool:
        """Whether every purchase of the event is selected, in whatever order."""
        return replace(self, search=" ".join(self.words), sort=ALL_PURCHASES.sort) == ALL_PURCHASES

    @classmethod
    def of_sales(cls, sales_filter: SalesFilter, **fields: Any) -> PurchaseFilter:
        """Return the filter of the purchases of some sales, narrowed by other `fields`."""
        return cls(**vars(sales_filter) | fields)


ALL_PURCHASES = PurchaseFilter()
SOLD_PURCHASES = PurchaseFilter(statuses=SOLD_STATUSES)
BOX_OFFICE_PURCHASES = PurchaseFilter(channels=BOX_OFFICE_CHANNELS)


def _validate_search(value: str) -> str:
    if _INVISIBLE_CHARACTERS.search(value):
        raise ValueError
    return value


def _validate_code(value: str) -> str:
    if value != NO_PROMO_CODE and not _PROMO_CODE.fullmatch(value.upper()):
        raise ValueError
    return value.upper()


class PurchaseQuery(SalesParameters):
    """The query parameters of a PurchaseFilter."""

    search: Annotated[str, AfterValidator(_validate_search)] = Field(
        "",
        alias="search",
        max_length=MAX_SEARCH_LENGTH,
        description="Words that must all be in the purchaser's name, e-mail address, external id or promo code, "
        "begin a ticket code, or be the number of the order. "
        f"Takes at most {MAX_SEARCH_LENGTH} characters, all of them visible.",
        examples=["ruiz example.org"],
    )
    statuses: CommaSeparated[Annotated[str, one_of(PAYMENT_STATUSES)]] = Field(
        default_factory=tuple,
        alias="status",
        description=f"Payment status. Takes {describe_choices(PAYMENT_STATUSES)}.",
        examples=["completed,pending"],
    )
    codes: CommaSeparated[Annotated[str, AfterValidator(_validate_code)]] = Field(
        default_factory=tuple,
        alias="code",
        description=f"Promo code of the purchase. Takes promo codes, separated by commas; {NO_PROMO_CODE} means "
        "without one.",
        examples=["EARLY25"],
    )
    unnamed_only: Flag = Field(
        False,
        alias="unnamed_only",
        description="Only completed and pending purchases that have seats without a guest. Takes true or false.",
        examples=[True],
    )
    discounted_only: Flag = Field(
        False,
        alias="discounted_only",
        description="Only purchases with a discount. Takes true or false.",
        examples=[True],
    )
    differing_only: Flag = Field(
        False,
        alias="differing_only",
        description="Only imported purchases whose total is not list price less discount. Takes true or false.",
        examples=[True],
    )
    sort: Sort = Field(
        "newest",
        alias="sort",
        description=f"Order of the purchases. Takes one of {', '.join(SORTS)}.",
        examples=["name"],
    )

    def to_filter(self) -> PurchaseFilter:
        return PurchaseFilter(**dict(self))


def parse(query: Mapping[str, str], *, ignored: Iterable[str] = ("event",)) -> PurchaseFilter:
    """Return the filter of a URL's query. Raises InvalidInput with a sentence for each parameter that is wrong.

    `ignored` are parameters of the same URL that are no filters.
    """
    return PurchaseQuery.parse(query, ignored).to_filter()


def to_query(purchase_filter: PurchaseFilter) -> dict[str, str]:
    """Return the query parameters of a filter; `parse` is the inverse."""
    return PurchaseQuery.format(purchase_filter)


def build_conditions(
    purchase_filter: PurchaseFilter, event_id: uuid.UUID, purchase: Any = Purchase, package: Any = Package
) -> list[ColumnElement[bool]]:
    """Return the WHERE conditions on `purchase` joined with its `package`; the first one is the event.

    Both may be aliases of their tables.
    """
    day = build_day(purchase, package)
    conditions = _build_shared_conditions(purchase_filter, event_id, purchase, package, day)
    # The day is computed for each row; a range around it, wide enough for any time zone, can use the index.
    if purchase_filter.first_day is not None:
        conditions.append(purchase.purchased_at >= _midnight(purchase_filter.first_day) - timedelta(days=1))
    if purchase_filter.last_day is not None:
        conditions.append(purchase.purchased_at < _midnight(purchase_filter.last_day) + timedelta(days=2))
    if purchase_filter.unnamed_only:
        conditions += [purchase.payment_status.in_(SOLD_STATUSES), purchase.seats > purchase.seats_named]
    if purchase_filter.discounted_only:
        conditions.append(purchase.discount > 0)
    if purchase_filter.differing_only:
        conditions.append(purchase.total != purchase.list_price - purchase.discount)
    return conditions + [_contains_word(word, event_id, purchase) for word in purchase_filter.words]


def build_leading_conditions(purchase_filter: PurchaseFilter, event_id: uuid.UUID) -> list[ColumnElement[bool]]:
    """Return the conditions of `build_conditions`, for the first matching line of each order only."""
    earlier, package = aliased(Purchase), aliased(Package)
    another = (
        select(earlier.id)
        .join(package, package.id == earlier.package_id)
        .where(
            earlier.order_id == Purchase.order_id,
            earlier.line_number < Purchase.line_number,
            *build_conditions(purchase_filter, event_id, earlier, package),
        )
    )
    leads = or_(Purchase.line_number == 1, ~another.exists())
    return [*build_conditions(purchase_filter, event_id), leads]


def select_daily_sales(purchase_filter: PurchaseFilter, event_id: uuid.UUID, *columns: Any) -> Select[Any]:
    """Return the query of the daily totals of the same purchases, for a filter that does not need rows.

    Rows whose purchases were all voided or moved are left out: they have zeros.
    """
    assert not purchase_filter.needs_rows
    conditions = _build_shared_conditions(purchase_filter, event_id, DailySales, Package, DailySales.day)
    query = select(*columns).select_from(DailySales).where(*conditions, DailySales.purchases > 0)
    return query.join(Package, Package.id == DailySales.package_id) if purchase_filter.sponsorships_only else query


def build_order_by(purchase_filter: PurchaseFilter) -> list[ColumnElement[Any]]:
    """Return the columns of Purchase to sort by; they order all purchases unambiguously."""
    newest: list[ColumnElement[Any]] = [Purchase.purchased_at.desc(), Purchase.id.desc()]
    match purchase_filter.sort:
        case "oldest":
            return [Purchase.purchased_at.asc(), Purchase.id.asc()]
        case "name":  # search_text begins with the name, without accents and case
            return [Purchase.search_text.collate("C").asc(), *newest]
        case "total":
            return [Purchase.total.desc(), *newest]
        case "unnamed":
            return [case((_IS_SOLD, Purchase.seats - Purchase.seats_named), else_=0).desc(), *newest]
        case _:
            return newest


_IS_SOLD = Purchase.payment_status.in_(SOLD_STATUSES)


def build_day(purchase: Any, package: Any) -> ColumnElement[Any]:
    """Return the same expression as ticketing.daily_totals, so a day of a chart and its list are the same purchases."""
    return cast(func.timezone(package.time_zone, purchase.purchased_at), Date)


def _build_shared_conditions(
    purchase_filter: PurchaseFilter, event_id: uuid.UUID, table: Any, package: Any, day: Any
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [table.event_id == event_id]
    if purchase_filter.package_ids:
        conditions.append(table.package_id.in_(purchase_filter.package_ids))
    if purchase_filter.statuses:
        conditions.append(table.payment_status.in_(purchase_filter.statuses))
    if purchase_filter.channels:
        conditions.append(table.channel.in_(purchase_filter.channels))
    if purchase_filter.codes:
        promo_code_ids = select(PromoCode.id).where(
            PromoCode.event_id == event_id, PromoCode.code.in_(purchase_filter.codes)
        )
        with_code = table.promo_code_id.in_(promo_code_ids)
        conditions.append(
            or_(with_code, table.promo_code_id.is_(None)) if NO_PROMO_CODE in purchase_filter.codes else with_code
        )
    if purchase_filter.sponsorships_only:
        conditions.append(package.is_sponsorship.is_(True))
    if purchase_filter.first_day is not None:
        conditions.append(day >= purchase_filter.first_day)
    if purchase_filter.last_day is not None:
        conditions.append(day <= purchase_filter.last_day)
    return conditions


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _contains_word(word: str, event_id: uuid.UUID, purchase: Any) -> ColumnElement[bool]:
    """Return the condition that a purchase contains a word. Subqueries run once, not once per purchase."""
    pattern = _build_like_pattern(word)
    codes = select(PromoCode.id).where(PromoCode.event_id == event_id, func.search_key(PromoCode.code).like(pattern))
    matches = [purchase.search_text.like(pattern), purchase.promo_code_id.in_(codes)]
    prefix = word.upper().removeprefix("#")
    if _TICKET_CODE_PREFIX.fullmatch(prefix):
        tickets = select(AssignedTicket.purchase_id).where(
            AssignedTicket.event_id == event_id,
            AssignedTicket.code.between(prefix, prefix.ljust(8, "Z")),  # can use the index, whatever its collation
            AssignedTicket.code.startswith(prefix),
        )
        matches.append(purchase.id.in_(tickets))
        numbers = select(Order.id).where(Order.event_id == event_id, Order.number == prefix)
        matches.append(purchase.order_id.in_(numbers))
    return or_(*matches)


def _build_like_pattern(word: str) -> ScalarSelect[str]:
    """Return the LIKE pattern for text that contains a word, as a subquery that is computed once for all rows."""
    key = func.search_key(word)
    for special in ("\\", "%", "_"):
        key = func.replace(key, special, f"\\{special}")
    return select(func.concat("%", key, "%")).scalar_subquery()

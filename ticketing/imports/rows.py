"""Check the rows of an import against each other and against the event. No database.

Source of every rule: docs/product.md, "Import". Sales made elsewhere are facts: amounts are kept as they are, expiry is
not checked, options are not asked. Rows are checked from the top, and a row that does not fit reserves nothing.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any

from ticketing import money, pricing
from ticketing.catalog.promo_codes import normalize_code
from ticketing.errors import PROMO_REFUSALS
from ticketing.file_reader.columns import AMOUNT_COLUMNS, REQUIRED_COLUMNS
from ticketing.imports.comparison import COMPARED_COLUMNS, Comparison, Returned, StatusChange
from ticketing.imports.table import Exclusion
from ticketing.models import IMPORTED_STATUSES, SOLD_STATUSES, Package, PromoCode
from ticketing.sales.order_lines import MAX_SEATS
from ticketing.validation import email_key, name_key

STATUSES = IMPORTED_STATUSES
MAX_USD = Decimal("9999999999.99")
MAX_QUANTITY = 10_000
_REQUIRED_COLUMNS = frozenset(REQUIRED_COLUMNS)
BLANK_MESSAGE = "This cell is empty. Enter a value."


@dataclass(frozen=True, order=True)
class Problem:
    """A problem or warning at one place, by the row of `Table`; `column` is "" when it concerns the row as a whole.

    `kind` groups warnings (`summary.WARNING_TITLES`).
    """

    row: int
    column: str
    message: str
    kind: str = field(default="", compare=False)

    def __str__(self) -> str:
        place = f"row {self.row}, {self.column}" if self.column else f"row {self.row}"
        return f"{place}: {self.message}"


# Faster than comparing problems, which order in the same way.
_SORT_KEY = attrgetter("row", "column", "message")


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed row: a value for each valid cell and, in `problems`, a sentence for each other one, both by column.

    `values["guests"]` are the guests that a row names: how many packages of the purchase come before theirs, name,
    e-mail address. `exclusion` says why the row is not part of any sale, and `warnings` which values are not exactly
    those of the cells. `row_count` is the number of rows that were combined, `other_rows` are those after the first.
    """

    row: int
    values: dict[str, Any]
    problems: dict[str, str]
    exclusion: Exclusion | None = None
    warnings: dict[str, str] = field(default_factory=dict)
    row_count: int = 1
    other_rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class VoidedSale:
    """An imported sale that was voided here, on its own and not with its import."""

    package_id: uuid.UUID
    buyer_key: str
    voided_on: str
    voided_by: str


@dataclass(frozen=True)
class ExistingData:
    """What the rows refer to in the event.

    Packages by name_key, promo codes by code, the package id of each stored sale by its external id; `donor_uses` is
    {(promo code id, email_key): uses so far}. `voided_sales` are those that were voided, by external id; they are left
    out of the import unless `imports_voided`. `returned` is what the file's status changes give back before.
    """

    packages: Mapping[str, Package]
    promo_codes: Mapping[str, PromoCode]
    external_sale_ids: Mapping[str, uuid.UUID]
    donor_uses: Mapping[tuple[uuid.UUID, str], int]
    voided_sales: Mapping[str, VoidedSale] = field(default_factory=dict)
    imports_voided: bool = False
    returned: Returned = field(default_factory=Returned)

    def find_package_of(self, external_sale_id: str) -> uuid.UUID | None:
        """Return the id of the package of a sale that is stored under this id, voided or not."""
        voided = self.voided_sales.get(external_sale_id)
        return self.external_sale_ids.get(external_sale_id) or (voided.package_id if voided else None)

    def is_left_out(self, external_sale_id: str | None) -> bool:
        """Return whether a row with this id is not imported: its sale is here already, or was voided here."""
        is_voided = external_sale_id in self.voided_sales and not self.imports_voided
        return external_sale_id in self.external_sale_ids or is_voided


@dataclass(frozen=True, slots=True)
class Sale:
    """A valid sale: amounts in USD as the file has them, `purchased_at` in UTC, guests by seat number.

    Sales with the same `order_number`, the seller's, are the lines of one order; None is an order of its own.
    `row_count` is the number of rows of the file that make up the sale.
    """

    package: Package
    promo_code: PromoCode | None
    purchaser_name: str
    purchaser_email: str
    purchaser_phone: str | None
    quantity: int
    total: Decimal
    discount: Decimal
    fee: Decimal | None
    payment_status: str
    purchased_at: datetime
    external_sale_id: str
    notes: str | None
    order_number: str | None = None
    row_count: int = 1
    guests: Mapping[int, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether the sale takes capacity and promo code uses."""
        return self.payment_status in SOLD_STATUSES


@dataclass
class ValidationResult:
    """Every problem and warning, the valid sales, how many are in the event already, and those voided here.

    `rows_left_out` counts the rows that are not imported for each kind of reason (`summary.LEFT_OUT_TITLES`), and
    `skipped_rows` are those of sales that are here or were voided here.
    `status_changes` are those of the skipped rows whose payment went on at the seller, `other_sales` counts the rows
    whose number is here for another sale.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    skipped_count: int = 0
    voided: list[Problem] = field(default_factory=list)
    rows_left_out: Counter[str] = field(default_factory=Counter)
    skipped_rows: set[int] = field(default_factory=set)

    def skip(self, kind: str, record: Record) -> None:
        """Count the rows of a sale that is not imported."""
        self.rows_left_out[kind] += record.row_count
        self.skipped_rows.update((record.row, *record.other_rows))

    status_changes: list[StatusChange] = field(default_factory=list)
    other_sales: int = 0


def list_warnings(records: Iterable[Record]) -> list[Problem]:
    """Return the warnings of single rows, before rows are combined."""
    return [
        Problem(each.row, column, sentence, "rounded" if column in AMOUNT_COLUMNS else "part_refunded")
        for each in records
        for column, sentence in each.warnings.items()
    ]


def merge_warnings(result: ValidationResult, of_cells: Iterable[Problem]) -> list[Problem]:
    """Return all warnings by row, but those of the cells of rows that are here already or were voided here."""
    return sorted(
        [*result.warnings, *(each for each in of_cells if each.row not in result.skipped_rows)], key=_SORT_KEY
    )


def validate(
    records: Iterable[Record], existing: ExistingData, comparison: Comparison | None = None
) -> ValidationResult:
    """Check the rows from the top. A row that is the same sale as one in the event, or was voided, is left out."""
    result = ValidationResult()
    found = comparison or Comparison()
    first_rows: dict[str, int] = {}
    limits = _LimitTracker(existing)
    for record in records:
        if record.exclusion is not None:
            kind = record.exclusion.kind
            result.warnings.append(Problem(record.row, record.exclusion.column, record.exclusion.reason, kind))
            result.skip(kind, record)
            continue
        external_id: str | None = record.values.get("external_sale_id")
        first_row = first_rows.setdefault(external_id, record.row) if external_id else record.row
        if first_row != record.row:
            record.problems["external_sale_id"] = f"{external_id} is also in row {first_row}. Keep one of the two rows."
        elif external_id is not None and external_id in found.other_sales:
            result.other_sales += 1
            result.problems.append(Problem(record.row, "external_sale_id", found.other_sales[external_id]))
            continue
        elif external_id is not None and external_id in existing.external_sale_ids:
            _leave_out_known(record, external_id, found, result)
            continue
        elif external_id is not None and existing.is_left_out(external_id):
            _leave_out_voided(record, external_id, existing.voided_sales[external_id], result)
            continue
        _validate_record(record, existing, limits, result)
    result.problems.sort(key=_SORT_KEY)
    result.warnings.sort(key=_SORT_KEY)
    return result


def _leave_out_known(record: Record, external_id: str, found: Comparison, result: ValidationResult) -> None:
    """Skip a row that is in the event already, unless it is damaged so that nobody can say so."""
    if damaged := [column for column in COMPARED_COLUMNS if column in record.problems]:
        result.problems += [Problem(record.row, column, record.problems[column]) for column in damaged]
        return
    result.skipped_count += 1
    result.skip("here", record)
    if external_id in found.changes:
        result.status_changes.append(found.changes[external_id])
    elif external_id in found.unreachable:
        result.warnings.append(Problem(record.row, "payment_status", found.unreachable[external_id], "status_stays"))
    else:
        sentence = f"{external_id} is already in this event. The row is skipped."
        result.warnings.append(Problem(record.row, "external_sale_id", sentence, "here"))


def _leave_out_voided(record: Record, external_id: str, sale: VoidedSale, result: ValidationResult) -> None:
    by = f" by {sale.voided_by}" if sale.voided_by else ""
    email = record.values.get("purchaser_email")
    voided = f"{external_id} was voided here on {sale.voided_on}{by}"
    if email is None or email_key(email) == sale.buyer_key:
        result.skip("voided", record)
        result.voided.append(Problem(record.row, "external_sale_id", f"{voided}. The row is left out.", "voided"))
        return
    result.other_sales += 1
    sentence = (
        f"{voided}, as a sale to {sale.buyer_key}. If it is another seller's number, enter a prefix for this file; if "
        "the seller changed the buyer, import it with the voided sales."
    )
    result.problems.append(Problem(record.row, "external_sale_id", sentence, "voided"))


def _validate_record(record: Record, existing: ExistingData, limits: _LimitTracker, result: ValidationResult) -> None:
    values = record.values
    package = _find_package(record, existing)
    promo_code = _find_promo_code(record, existing)
    if package is not None and "quantity" in values and package.price * values["quantity"] > MAX_USD:
        record.problems["quantity"] = (
            f"At {money.format_dollars(package.price)} each, this is more than can be recorded."
        )
    if package is not None and "quantity" in values:
        limits.add_seats(record, package)
    if values.get("payment_status") in SOLD_STATUSES and "external_sale_id" not in record.problems:
        limits.reserve(record, package, promo_code)
    if record.problems:
        result.problems += [Problem(record.row, column, sentence) for column, sentence in record.problems.items()]
        return
    if not values.keys() >= _REQUIRED_COLUMNS:
        return  # a column is missing, which validate_header reports
    assert package is not None
    sale = _build_sale(record, package, promo_code)
    if difference := _describe_total_difference(package.price, sale.quantity, sale.discount, sale.total):
        result.warnings.append(Problem(record.row, "total_amount", difference, "total"))
    result.sales.append(sale)


class _LimitTracker:
    """Counts what the rows so far reserve of each limit, on top of what the event has sold and used."""

    def __init__(self, existing: ExistingData) -> None:
        self._sold = Counter({package.id: package.sold_count for package in existing.packages.values()})
        self._uses = Counter({promo_code.id: promo_code.current_uses for promo_code in existing.promo_codes.values()})
        self._donor_uses = Counter(existing.donor_uses)
        self._sold.subtract(existing.returned.packages)
        for (promo_code_id, email), uses in existing.returned.donor_uses.items():
            self._uses[promo_code_id] -= uses
            self._donor_uses[promo_code_id, email] -= uses
        self._orders_with_use: set[str] = set()
        self._seats_of: Counter[str] = Counter()

    def add_seats(self, record: Record, package: Package) -> None:
        """Report the line with which an order has more seats than it can have."""
        seats = record.values["quantity"] * package.seats_per_package
        order = record.values.get("order_number")
        total = seats if order is None else self._seats_of[order] + seats
        if total > MAX_SEATS:
            record.problems.setdefault(
                "quantity", f"An order has at most {MAX_SEATS:,} seats, and this makes {total:,}. Import it in parts."
            )
        elif order is not None:
            self._seats_of[order] = total

    def reserve(self, record: Record, package: Package | None, promo_code: PromoCode | None) -> None:
        if package is not None and "quantity" in record.values:
            self._reserve_packages(record, package, record.values["quantity"])
        if promo_code is not None:
            self._reserve_promo_use(record, promo_code)

    def _reserve_packages(self, record: Record, package: Package, quantity: int) -> None:
        limit, sold = package.quantity_limit, self._sold[package.id]
        if limit is not None and sold + quantity > limit:
            record.problems["quantity"] = (
                f"{sold:,} of {limit:,} are taken by sales and by rows above, and this row asks for {quantity:,}. "
                f"Raise the limit of {package.name} first."
            )
        else:
            self._sold[package.id] += quantity

    def _reserve_promo_use(self, record: Record, promo_code: PromoCode) -> None:
        order = record.values.get("order_number")
        if order in self._orders_with_use:
            return
        code, limit, donor_limit = promo_code.code, promo_code.max_total_uses, promo_code.max_uses_per_donor
        email = record.values.get("purchaser_email")
        donor = None if email is None else (promo_code.id, email_key(email))
        if limit is not None and self._uses[promo_code.id] >= limit:
            uses = f"The one use of {code} is" if limit == 1 else f"All {limit:,} uses of {code} are"
            record.problems["promo_code"] = f"{uses} taken by purchases and by rows above. Raise its total uses first."
        elif donor and donor_limit is not None and self._donor_uses[donor] >= donor_limit:
            times = "once" if donor_limit == 1 else f"{donor_limit:,} times"
            record.problems["promo_code"] = (
                f"A donor can use {code} {times}, and {email} has done so, in purchases or in rows above. "
                "Raise its uses per donor first."
            )
        else:
            self._uses[promo_code.id] += 1
            if order is not None:
                self._orders_with_use.add(order)
            if donor:
                self._donor_uses[donor] += 1


def _find_package(record: Record, existing: ExistingData) -> Package | None:
    name = record.values.get("ticket_type")
    package = None if name is None else existing.packages.get(name_key(name))
    if name is not None and package is None:
        record.problems["ticket_type"] = (
            f"This event has no package called {name}. Check the spelling, or create it first."
        )
    return package


def _find_promo_code(record: Record, existing: ExistingData) -> PromoCode | None:
    code = record.values.get("promo_code")
    promo_code = None if code is None else existing.promo_codes.get(normalize_code(code))
    if code is not None and promo_code is None:
        record.problems["promo_code"] = PROMO_REFUSALS["unknown"].format(code=code)
    return promo_code


def _build_sale(record: Record, package: Package, promo_code: PromoCode | None) -> Sale:
    values = record.values
    return Sale(
        package=package,
        promo_code=promo_code,
        purchaser_name=values["purchaser_name"],
        purchaser_email=values["purchaser_email"],
        purchaser_phone=values.get("purchaser_phone"),
        quantity=values["quantity"],
        total=values["total_amount"],
        discount=values.get("discount_amount") or money.ZERO,
        fee=values.get("fee_amount"),
        payment_status=values["payment_status"],
        purchased_at=values["purchase_date"],
        external_sale_id=values["external_sale_id"],
        notes=values.get("notes"),
        order_number=values.get("order_number"),
        row_count=record.row_count,
        guests={
            before * package.seats_per_package + 1: (name, email) for before, name, email in values.get("guests", ())
        },
    )


@lru_cache(8192)  # a file has few different totals
def _describe_total_difference(price: Decimal, quantity: int, discount: Decimal, total: Decimal) -> str:
    """Return a warning when the total is not price x quantity less discount; such a total is imported unchanged."""
    list_price = pricing.quote(price, quantity).list_price
    expected = list_price - discount
    if total == expected:
        return ""
    less = f" less {money.format_dollars(discount)}" if discount else ""
    computed = f"{quantity:,} x {money.format_dollars(price)}{less}"
    return (
        f"{money.format_dollars(total)} is not {computed}, which is {money.format_dollars(expected)}. "
        "The total from the file is kept."
    )

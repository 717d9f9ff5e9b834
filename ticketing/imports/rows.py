"""Parse the cells of an import's rows, and check the rows against each other and against the event. No database.

Source of every rule: docs/product.md, "Import". Sales made elsewhere are facts: amounts are kept as they are, expiry is
not checked, options are not asked. Rows are checked from the top, and a row that does not fit reserves nothing.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError

from ticketing import money, pricing
from ticketing.catalog.promo_codes import normalize_code
from ticketing.errors import PROMO_REFUSALS
from ticketing.file_reader.columns import GUEST_COLUMNS, KNOWN_COLUMNS, REQUIRED_COLUMNS
from ticketing.formatting import FORMULA_PREFIX
from ticketing.imports.table import Table
from ticketing.models import SOLD_STATUSES, Package, PromoCode
from ticketing.validation import (
    Amount,
    Email,
    MaxLength,
    Name,
    Notes,
    PersonName,
    Phone,
    SingleLineText,
    email_key,
    format_errors,
    name_key,
)

STATUSES = ("completed", "pending", "failed", "refunded")
MAX_USD = Decimal("9999999999.99")
MAX_QUANTITY = 10_000
BLANK_MESSAGE = "This cell is empty. Enter a value."

# This app and others put an apostrophe before text that a spreadsheet program would run; it is not part of the text.
_FORMULA_ESCAPE = re.compile("^'(?=" + FORMULA_PREFIX.removeprefix("^") + ")")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,5}")
_ISO_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


@dataclass(frozen=True, order=True)
class Problem:
    """A problem or warning at one place. Row 1 is the header; `column` is "" when it concerns the row as a whole."""

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        place = f"row {self.row}, {self.column}" if self.column else f"row {self.row}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed row: a value for each valid cell and, in `problems`, a sentence for each other one, both by column.

    `values["guests"]` are the guests that a row names: how many packages of the purchase come before theirs, name,
    e-mail address. `exclusion_reason` says why the row is not part of any sale.
    """

    row: int
    values: dict[str, Any]
    problems: dict[str, str]
    exclusion_reason: str = ""


@dataclass(frozen=True)
class ExistingData:
    """What the rows refer to in the event.

    Packages by name_key, promo codes by code, the package id of each stored sale by its external id; `donor_uses` is
    {(promo code id, email_key): uses so far}.
    """

    packages: Mapping[str, Package]
    promo_codes: Mapping[str, PromoCode]
    external_sale_ids: Mapping[str, uuid.UUID]
    donor_uses: Mapping[tuple[uuid.UUID, str], int]


@dataclass(frozen=True, slots=True)
class Sale:
    """A valid sale: amounts in USD as the file has them, `purchased_at` in UTC, guests by seat number."""

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
    guests: Mapping[int, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether the sale takes capacity and promo code uses."""
        return self.payment_status in SOLD_STATUSES


@dataclass
class ValidationResult:
    """Every problem and warning, the valid sales, and how many rows are already in the event."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    skipped_count: int = 0


def validate_mapped_header(header: tuple[str, ...]) -> ValidationResult:
    """Report each required column that a mapping fills with neither a column of the file nor a constant."""
    message = "Choose which column of the file this is, or one value for all rows."
    return ValidationResult([Problem(1, column, message) for column in REQUIRED_COLUMNS if column not in header])


def validate_header(header: tuple[str, ...]) -> ValidationResult:
    """Report missing and repeated columns as problems; unknown columns give a warning and are ignored."""
    result = ValidationResult()
    for column in REQUIRED_COLUMNS:
        if column not in header:
            result.problems.append(Problem(1, column, "This column is missing. Add it to the header."))
    for column, count in Counter(header).items():
        if column in KNOWN_COLUMNS and count > 1:
            result.problems.append(Problem(1, column, f"This column appears {count} times. Keep one of them."))
        elif column and column not in KNOWN_COLUMNS:
            result.warnings.append(Problem(1, column, "This column is not part of an import and is ignored."))
    return result


def list_column_problems(table: Table) -> list[Problem]:
    """Return the problems of columns whose names can be neither shown nor stored, whether they are imported or not."""
    return [Problem(1, title, sentence) for title, sentence in table.column_problems.items()]


def parse(table: Table, time_zone: str) -> Iterator[Record]:
    """Yield a record for each row. A time without an offset is in `time_zone`.

    Of an hour that comes twice it is the first one; an hour that daylight saving time skips is read in the old offset.
    """
    zone = ZoneInfo(time_zone)
    columns = _CELL_TYPES.keys() - (() if table.is_mapped else GUEST_COLUMNS)
    places = {column: place for place, column in enumerate(table.header) if column in columns}
    for row, cells in table.records:
        if row in table.row_problems:
            yield Record(row, {}, {"": table.row_problems[row]})
        else:
            padded = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
            yield _parse_row(row, padded, zone)


def format_values(values: Mapping[str, Any], time_zone: str) -> dict[str, str]:
    """Return parsed values as text in the form of our own files; empty ones are left out."""

    def format_value(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(time_zone)).isoformat()
        return money.format_plain(value) if isinstance(value, Decimal) else str(value)

    return {
        column: format_value(value) for column, value in values.items() if column in _CELL_TYPES and value is not None
    }


def validate(records: Iterable[Record], existing: ExistingData) -> ValidationResult:
    """Check the rows from the top. A row that is already in the event is skipped, whatever is in it."""
    result = ValidationResult()
    first_rows: dict[str, int] = {}
    limits = _LimitTracker(existing)
    for record in records:
        if record.exclusion_reason:
            result.warnings.append(Problem(record.row, "payment_status", record.exclusion_reason))
            continue
        external_id = record.values.get("external_sale_id")
        first_row = first_rows.setdefault(external_id, record.row) if external_id else record.row
        if first_row != record.row:
            record.problems["external_sale_id"] = f"{external_id} is also in row {first_row}. Keep one of the two rows."
        elif external_id is not None and external_id in existing.external_sale_ids:
            result.skipped_count += 1
            result.warnings.append(_create_skip_warning(record.row, external_id))
            continue
        _validate_record(record, existing, limits, result)
    result.problems.sort()
    result.warnings.sort()
    return result


def _create_skip_warning(row: int, external_id: str) -> Problem:
    return Problem(row, "external_sale_id", f"{external_id} is already in this event. The row is skipped.")


def _validate_record(record: Record, existing: ExistingData, limits: _LimitTracker, result: ValidationResult) -> None:
    values = record.values
    package = _find_package(record, existing)
    promo_code = _find_promo_code(record, existing)
    if package is not None and "quantity" in values and package.price * values["quantity"] > MAX_USD:
        record.problems["quantity"] = (
            f"At {money.format_dollars(package.price)} each, this is more than can be recorded."
        )
    if values.get("payment_status") in SOLD_STATUSES and "external_sale_id" not in record.problems:
        limits.reserve(record, package, promo_code)
    if record.problems:
        result.problems += [Problem(record.row, column, sentence) for column, sentence in record.problems.items()]
        return
    if not values.keys() >= set(REQUIRED_COLUMNS):
        return  # a column is missing, which validate_header reports
    assert package is not None
    sale = _build_sale(values, package, promo_code)
    if (difference := _describe_total_difference(sale)) is not None:
        result.warnings.append(Problem(record.row, "total_amount", difference))
    result.sales.append(sale)


class _LimitTracker:
    """Counts what the rows so far reserve of each limit, on top of what the event has sold and used."""

    def __init__(self, existing: ExistingData) -> None:
        self._sold = Counter({package.id: package.sold_count for package in existing.packages.values()})
        self._uses = Counter({promo_code.id: promo_code.current_uses for promo_code in existing.promo_codes.values()})
        self._donor_uses = Counter(existing.donor_uses)

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


def _build_sale(values: Mapping[str, Any], package: Package, promo_code: PromoCode | None) -> Sale:
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
        guests={
            before * package.seats_per_package + 1: (name, email) for before, name, email in values.get("guests", ())
        },
    )


def _describe_total_difference(sale: Sale) -> str | None:
    """Return a warning when the total is not price x quantity less discount; such a total is imported unchanged."""
    list_price = pricing.quote(sale.package.price, sale.quantity).list_price
    expected = list_price - sale.discount
    if sale.total == expected:
        return None
    less = f" less {money.format_dollars(sale.discount)}" if sale.discount else ""
    computed = f"{sale.quantity:,} x {money.format_dollars(sale.package.price)}{less}"
    return (
        f"{money.format_dollars(sale.total)} is not {computed}, which is {money.format_dollars(expected)}. "
        "The total from the file is kept."
    )


def _parse_row(row: int, cells: Mapping[str, str], zone: ZoneInfo) -> Record:
    record = Record(row, {"payment_status": "completed"}, {})
    for column, cell in cells.items():
        if cell and not cell.isspace():
            try:
                record.values[column] = _CELL_TYPES[column].validate_python(_FORMULA_ESCAPE.sub("", cell))
            except ValidationError as exc:
                record.values.pop(column, None)
                record.problems[column] = format_errors(exc.errors()).popitem()[1]
        elif column in REQUIRED_COLUMNS:
            record.problems[column] = BLANK_MESSAGE
    guest = record.values.pop("guest_name", None), record.values.pop("guest_email", None)
    if guest[0] is not None:
        record.values["guests"] = ((0, *guest),)
    moment = record.values.get("purchase_date")
    if moment is not None:
        record.values["purchase_date"] = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    return record


def _parse_quantity(cell: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(cell.strip()) or not 1 <= int(cell) <= MAX_QUANTITY:
        raise ValueError("Enter a whole number from 1 to 10,000.")
    return int(cell)


def _validate_not_negative(amount: Decimal) -> Decimal:
    if amount < 0:
        raise ValueError("Enter an amount of 0.00 or more.")
    return amount


def _parse_datetime(cell: str) -> datetime:
    """Parse ISO 8601 only: 03/04/2026 is in March in one country and in April in the next."""
    text = cell.strip()
    try:
        moment = datetime.fromisoformat(text) if _ISO_DATETIME.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None or not 2000 <= moment.year <= 2099:
        raise ValueError("Enter a date such as 2026-10-31 or 2026-10-31T18:30:00, from 2000 to 2099.")
    return moment


def _parse_status(cell: str) -> str:
    status = cell.strip().casefold()
    if status not in STATUSES:
        raise ValueError("Enter completed, pending, failed or refunded.")
    return status


_MONEY: TypeAdapter[Any] = TypeAdapter(Annotated[Amount, AfterValidator(_validate_not_negative)])
_CELL_TYPES: dict[str, TypeAdapter[Any]] = {
    "ticket_type": TypeAdapter(Name),
    "purchaser_name": TypeAdapter(PersonName),
    "purchaser_email": TypeAdapter(Email),
    "quantity": TypeAdapter(Annotated[int, BeforeValidator(_parse_quantity)]),
    "total_amount": _MONEY,
    "purchase_date": TypeAdapter(Annotated[datetime, BeforeValidator(_parse_datetime)]),
    "external_sale_id": TypeAdapter(Annotated[SingleLineText, MaxLength(200)]),
    "promo_code": TypeAdapter(SingleLineText),
    "discount_amount": _MONEY,
    "fee_amount": _MONEY,
    "payment_status": TypeAdapter(Annotated[str, BeforeValidator(_parse_status)]),
    "notes": TypeAdapter(Notes),
    "purchaser_phone": TypeAdapter(Phone),
    "guest_name": TypeAdapter(PersonName),
    "guest_email": TypeAdapter(Email),
}

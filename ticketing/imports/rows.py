"""The rows of an import: what each cell means, and whether the row may stand beside the others. No database.

Source of every rule: PRODUCT "Import". What was sold elsewhere stands: amounts are taken as they are, expiry is not
judged, options are not asked. Rows are judged from the top, and one that does not fit takes nothing from those below.
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
from ticketing.imports.table import GUEST_COLUMNS, KNOWN_COLUMNS, REQUIRED_COLUMNS, Table
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
BLANK_MESSAGE = "Fill this in."

# How this app and others keep a spreadsheet program from running a text; the text itself has no apostrophe.
_FORMULA_ESCAPE = re.compile(r"^'(?=\s*[=+\-@])")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,5}")
_ISO_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong at one place. Row 1 is the header; `column` is "" when it is the row as a whole."""

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        place = f"row {self.row}, {self.column}" if self.column else f"row {self.row}"
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Record:
    """A row after its cells were read: the values of those that are right, a sentence for those that are not.

    `values["guests"]` are the guests a row names: how many packages of the purchase come before theirs, name, address.
    `left_out` is why the row is no part of any sale.
    """

    row: int
    values: dict[str, Any]
    wrong: dict[str, str]
    left_out: str = ""


@dataclass(frozen=True)
class ExistingData:
    """What the event holds, as far as the rows refer to it.

    Packages by name_key, promo codes by code, the package of each sale that is here already by its external id;
    `donor_uses` is {(promo code id, email_key): uses so far}.
    """

    packages: Mapping[str, Package]
    promo_codes: Mapping[str, PromoCode]
    external_sale_ids: Mapping[str, uuid.UUID]
    donor_uses: Mapping[tuple[uuid.UUID, str], int]


@dataclass(frozen=True, slots=True)
class Sale:
    """A row that may be stored: amounts in USD as given, `purchased_at` in UTC; guests by seat number."""

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
        return self.payment_status in SOLD_STATUSES


@dataclass
class ValidationResult:
    """Every problem and warning, the sales that may be stored, and how many rows are in the event already."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    skipped_count: int = 0


def validate_mapped_header(header: tuple[str, ...]) -> ValidationResult:
    """Which of our columns nobody has chosen a column of the file for, or one value for all rows."""
    missing = "Choose which column of the file this is, or one value for all rows."
    return ValidationResult([Problem(1, column, missing) for column in REQUIRED_COLUMNS if column not in header])


def validate_header(header: tuple[str, ...]) -> ValidationResult:
    """Columns that are missing or stand twice are problems; those that nobody knows are told and passed over."""
    told = ValidationResult()
    for column in REQUIRED_COLUMNS:
        if column not in header:
            told.problems.append(Problem(1, column, "This column is missing. Add it to the header."))
    for column, times in Counter(header).items():
        if column in KNOWN_COLUMNS and times > 1:
            told.problems.append(Problem(1, column, f"This column stands {times} times. Keep one of them."))
        elif column and column not in KNOWN_COLUMNS:
            told.warnings.append(Problem(1, column, "This column is not part of an import and is passed over."))
    return told


def parse(table: Table, time_zone: str) -> Iterator[Record]:
    """The cells as values. A time without offset is in `time_zone`: the first of an hour that comes twice, and an hour
    that the clock leaves out as if it had not."""
    zone = ZoneInfo(time_zone)
    taken = KNOWN_COLUMNS | GUEST_COLUMNS if table.is_mapped else KNOWN_COLUMNS
    places = {column: place for place, column in enumerate(table.header) if column in _CELL_TYPES and column in taken}
    for row, cells in table.records:
        if row in table.row_problems:
            yield Record(row, {}, {"": table.row_problems[row]})
        else:
            yield _parse_row(row, {column: cells[at] if at < len(cells) else "" for column, at in places.items()}, zone)


def format_values(values: Mapping[str, Any], time_zone: str) -> dict[str, str]:
    """What was read, as a file of ours would say it; without what nobody said."""

    def text(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(time_zone)).isoformat()
        return money.format_plain(value) if isinstance(value, Decimal) else str(value)

    return {column: text(value) for column, value in values.items() if column in _CELL_TYPES and value is not None}


def validate(records: Iterable[Record], existing: ExistingData) -> ValidationResult:
    """Whether the rows may be stored together. A row that is in the event already is skipped, whatever is in it."""
    judged = ValidationResult()
    first_rows: dict[str, int] = {}
    taken = _LimitTracker(existing)
    for record in records:
        if record.left_out:
            judged.warnings.append(Problem(record.row, "payment_status", record.left_out))
            continue
        external_id = record.values.get("external_sale_id")
        first_row = first_rows.setdefault(external_id, record.row) if external_id else record.row
        if first_row != record.row:
            record.wrong["external_sale_id"] = f"{external_id} is in row {first_row} as well. Keep one of the two rows."
        elif external_id is not None and external_id in existing.external_sale_ids:
            judged.skipped_count += 1
            judged.warnings.append(_create_skip_warning(record.row, external_id))
            continue
        _validate_record(record, existing, taken, judged)
    judged.problems.sort()
    judged.warnings.sort()
    return judged


def _create_skip_warning(row: int, external_id: str) -> Problem:
    return Problem(row, "external_sale_id", f"{external_id} is in this event already. The row is skipped.")


def _validate_record(record: Record, existing: ExistingData, limits: _LimitTracker, result: ValidationResult) -> None:
    values = record.values
    package = _find_package(record, existing)
    promo_code = _find_promo_code(record, existing)
    if package is not None and "quantity" in values and package.price * values["quantity"] > MAX_USD:
        record.wrong["quantity"] = f"At {money.format_dollars(package.price)} each this is more than can be recorded."
    if values.get("payment_status") in SOLD_STATUSES and "external_sale_id" not in record.wrong:
        limits.reserve(record, package, promo_code)
    if record.wrong:
        result.problems += [Problem(record.row, column, sentence) for column, sentence in record.wrong.items()]
        return
    if not values.keys() >= set(REQUIRED_COLUMNS):
        return  # a column is missing, which the header tells
    assert package is not None
    sale = _build_sale(values, package, promo_code)
    if (difference := _describe_total_difference(sale)) is not None:
        result.warnings.append(Problem(record.row, "total_amount", difference))
    result.sales.append(sale)


class _LimitTracker:
    """What the rows so far take from limits, on top of what the event has sold and used."""

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
            record.wrong["quantity"] = (
                f"{sold:,} of {limit:,} are taken by sales and by rows above, and this row asks for {quantity:,}. "
                f"Raise the limit of {package.name} first."
            )
        else:
            self._sold[package.id] += quantity

    def _reserve_promo_use(self, record: Record, promo_code: PromoCode) -> None:
        code, most, most_per_donor = promo_code.code, promo_code.max_total_uses, promo_code.max_uses_per_donor
        email = record.values.get("purchaser_email")
        donor = None if email is None else (promo_code.id, email_key(email))
        if most is not None and self._uses[promo_code.id] >= most:
            taken = f"The one use of {code} is" if most == 1 else f"All {most:,} uses of {code} are"
            record.wrong["promo_code"] = f"{taken} taken by purchases and by rows above. Raise its limit first."
        elif donor and most_per_donor is not None and self._donor_uses[donor] >= most_per_donor:
            times = "once" if most_per_donor == 1 else f"{most_per_donor:,} times"
            record.wrong["promo_code"] = (
                f"A donor may use {code} {times}, and {email} has, in purchases or in rows above. "
                "Raise its limit per donor first."
            )
        else:
            self._uses[promo_code.id] += 1
            if donor:
                self._donor_uses[donor] += 1


def _find_package(record: Record, existing: ExistingData) -> Package | None:
    name = record.values.get("ticket_type")
    package = None if name is None else existing.packages.get(name_key(name))
    if name is not None and package is None:
        record.wrong["ticket_type"] = (
            f"This event has no package called {name}. Check the spelling, or create it first."
        )
    return package


def _find_promo_code(record: Record, existing: ExistingData) -> PromoCode | None:
    code = record.values.get("promo_code")
    promo_code = None if code is None else existing.promo_codes.get(normalize_code(code))
    if code is not None and promo_code is None:
        record.wrong["promo_code"] = PROMO_REFUSALS["unknown"].format(code=code)
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
    """In which way the total is not what price, quantity and discount lead to; such a total is stored all the same."""
    list_price = pricing.quote(sale.package.price, sale.quantity).list_price
    expected = list_price - sale.discount
    if sale.total == expected:
        return None
    less = f" less {money.format_dollars(sale.discount)}" if sale.discount else ""
    return (
        f"{money.format_dollars(sale.total)} is not {sale.quantity:,} x {money.format_dollars(sale.package.price)}{less}, "
        f"which is {money.format_dollars(expected)}. The total of the file is kept."
    )


def _parse_row(row: int, cells: Mapping[str, str], zone: ZoneInfo) -> Record:
    record = Record(row, {"payment_status": "completed"}, {})
    for column, cell in cells.items():
        if cell and not cell.isspace():
            try:
                record.values[column] = _CELL_TYPES[column].validate_python(_FORMULA_ESCAPE.sub("", cell))
            except ValidationError as found:
                record.values.pop(column, None)
                record.wrong[column] = format_errors(found.errors()).popitem()[1]
        elif column in REQUIRED_COLUMNS:
            record.wrong[column] = BLANK_MESSAGE
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
    """Only ISO 8601: 03/04/2026 is March in one country and April in the next."""
    stripped = cell.strip()
    try:
        moment = datetime.fromisoformat(stripped) if _ISO_DATETIME.fullmatch(stripped) else None
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

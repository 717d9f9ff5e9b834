"""Parse the cells of an import's rows, which have our columns, into values. No database.

Source of every rule: docs/product.md, "Import". Only plain forms are read; what other programs write is converted
before (ticketing.imports.cells).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from ticketing import money
from ticketing.file_reader.columns import AMOUNT_COLUMNS, GUEST_COLUMNS, REQUIRED_COLUMNS
from ticketing.formatting import FORMULA_PREFIX, remove_invisible_characters
from ticketing.imports import cells as import_cells
from ticketing.imports import dates, identifiers, time_zones
from ticketing.imports.rows import BLANK_MESSAGE, MAX_QUANTITY, MAX_USD, STATUSES, Record
from ticketing.imports.table import Table
from ticketing.validation import (
    Email,
    Identifier,
    MaxLength,
    Name,
    Notes,
    PersonName,
    Phone,
    SingleLineText,
    format_errors,
)

# This app and others put an apostrophe before text that a spreadsheet program would run; it is not part of the text.
_FORMULA_ESCAPE = re.compile("^'(?=" + FORMULA_PREFIX.removeprefix("^") + ")")
# The value of a cell, what is wrong with it, and how the value differs from the cell.
_Reading = tuple[Any, str, str]
_BLANK: Any = object()
# Visible ASCII with single spaces is what its validation would return; tests compare the two.
MAX_PLAIN_LENGTH = 100
_PLAIN_TEXT = re.compile(r"(?!')[!\"$-~]+(?: [!\"$-~]+)*")  # without #, as in #N/A
_PLAIN_EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PLAIN_TEXTS = {
    "ticket_type": _PLAIN_TEXT,
    "purchaser_name": _PLAIN_TEXT,
    "external_sale_id": _PLAIN_TEXT,
    "guest_name": _PLAIN_TEXT,
    "purchaser_email": _PLAIN_EMAIL,
    "guest_email": _PLAIN_EMAIL,
}
_MAX_CACHED_CELLS, _MAX_CACHED_LENGTH = 8192, 100
# There is a group when the point may be one between thousands.
_PLAIN_DECIMAL = re.compile(r"-?(?:([1-9][0-9]{0,2}\.[0-9]{3})|[0-9]{1,10}(?:\.[0-9]+)?)")
_CURRENCY_HINT = "Ticket Desk records US dollars only: convert the amounts, or leave the row out."
# Also where cells were joined, such as a first and a last name.
_SPREADSHEET_ERROR = re.compile(
    r"(?:\S* )?\s*(#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!|GETTING_DATA|FIELD!|BLOCKED!|CONNECT!|"
    r"UNKNOWN!|BUSY!|PYTHON!|EXTERNAL!|ERROR!))\s*(?: \S*)?"
)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,5}")
_ISO_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)


def parse(table: Table, time_zone: str) -> Iterator[Record]:
    """Yield a record for each row. A time without an offset is in the row's time zone, else in `time_zone`.

    Of an hour that comes twice it is the first one; an hour that daylight saving time skips is read in the old offset.
    """
    columns = _CELL_TYPES.keys() - (() if table.is_mapped else GUEST_COLUMNS)
    places = {column: place for place, column in enumerate(table.header) if column in columns}
    damage = _ColumnDamage(table, places)
    parser = _RowParser(places, time_zone, has_unit_price=table.amount_scopes.get("total_amount") == "unit")
    for row, cells in table.records:
        if row in table.row_problems:
            yield Record(row, {}, {"": table.row_problems[row]})
        elif row in table.left_out:
            yield Record(row, {}, {}, exclusion=table.left_out[row])
        else:
            record = parser.parse_row(row, cells)
            if not table.order_defaults:
                _set_default_status(record)
            if damage.is_possible:
                damage.add_problems(record, cells)
            yield record


def parse_order_defaults(table: Table, time_zone: str) -> Record:
    """Return what holds for the orders of a mapped table of which no row says it."""
    places = {column: place for place, column in enumerate(table.order_defaults)}
    return _RowParser(places, time_zone).parse_row(0, list(table.order_defaults.values()))


class _ColumnDamage:
    """What only a whole column shows of its cells. A mapping has settled dates already."""

    def __init__(self, table: Table, places: Mapping[str, int]) -> None:
        self._places = places
        codes = identifiers.find_numbers_as_codes(table, {column: (column,) for column in places})
        self._cell_problems = {**codes, **table.cell_problems}
        wanted = ("external_sale_id",) if table.is_mapped else ("external_sale_id", "purchase_date")
        cells_of = _collect_cells(table, {column: places[column] for column in wanted if column in places})
        self._ids = identifiers.find_damaged_ids(cells_of.get("external_sale_id", ()))
        self._is_half_converted = dates.is_half_converted(cells_of.get("purchase_date", ()))

    @property
    def is_possible(self) -> bool:
        """Whether any cell of the file may be damaged."""
        return bool(self._cell_problems or self._ids or self._is_half_converted)

    def add_problems(self, record: Record, cells: Sequence[str]) -> None:
        """Replace the values of damaged cells by problems."""
        problems = dict(self._cell_problems.get(record.row, ()))
        if self._ids and (sentence := self._ids.get(self._find_cell("external_sale_id", cells).strip())):
            problems.setdefault("external_sale_id", sentence)
        if self._is_half_converted and dates.is_spreadsheet_date(self._find_cell("purchase_date", cells)):
            problems["purchase_date"] = dates.HALF_CONVERTED_MESSAGE
        for column, sentence in problems.items():
            record.values.pop(column, None)
            record.problems[column] = sentence

    def _find_cell(self, column: str, cells: Sequence[str]) -> str:
        place = self._places[column]
        return cells[place] if place < len(cells) else ""


def _collect_cells(table: Table, places: Mapping[str, int]) -> dict[str, set[str]]:
    """Return the different cells of some columns, in one pass: reading a row costs more than looking at it."""
    cells_of: dict[str, set[str]] = {column: set() for column in places}
    for _, cells in table.records:
        for column, place in places.items():
            if place < len(cells):
                cells_of[column].add(cells[place])
    return cells_of


def format_values(values: Mapping[str, Any], time_zone: str) -> dict[str, str]:
    """Return parsed values as text in the form of our own files; empty ones are left out."""

    def format_value(value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(ZoneInfo(time_zone)).isoformat()
        return money.format_plain(value) if isinstance(value, Decimal) else str(value)

    return {
        column: format_value(value) for column, value in values.items() if column in _CELL_TYPES and value is not None
    }


def _set_default_status(record: Record) -> None:
    if "payment_status" not in record.problems:
        record.values.setdefault("payment_status", "completed")


class _RowParser:
    """Parses the rows of a file in one pass.

    Most texts stay as they are, and most other cells repeat, so each different one is validated once.
    """

    def __init__(self, places: Mapping[str, int], time_zone: str, *, has_unit_price: bool = False) -> None:
        self._zone = ZoneInfo(time_zone)
        self._has_unit_price = has_unit_price
        self._rounded = set(AMOUNT_COLUMNS) - ({"total_amount"} if has_unit_price else set())
        self._width = max(places.values(), default=-1) + 1
        self._columns: list[tuple[str, int, re.Pattern[str] | None, dict[str, _Reading]]] = [
            (column, place, _PLAIN_TEXTS.get(column), {}) for column, place in places.items()
        ]
        self._to_utc = lru_cache(_MAX_CACHED_CELLS)(_to_utc)

    def parse_row(self, row: int, cells: Sequence[str]) -> Record:
        """Return the record of a row; cells that it lacks at its end are blank."""
        if len(cells) < self._width:
            cells = [*cells, *[""] * (self._width - len(cells))]
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        warnings: dict[str, str] = {}
        for column, place, plain, known in self._columns:
            cell = cells[place]
            if plain is not None and len(cell) <= MAX_PLAIN_LENGTH and plain.fullmatch(cell):
                values[column] = cell
                continue
            value, problem, warning = known.get(cell) or self._read(column, cell, known)
            if problem:
                problems[column] = problem
            elif value is not _BLANK:
                values[column] = value
                if warning:
                    warnings[column] = warning
        record = Record(row, values, problems, warnings=warnings)
        if self._has_unit_price:
            _multiply_unit_price(record)
        self._combine_cells(values)
        return record

    def _read(self, column: str, cell: str, known: dict[str, _Reading]) -> _Reading:
        reading = self._validate(column, cell)
        if len(known) < _MAX_CACHED_CELLS and len(cell) <= _MAX_CACHED_LENGTH:
            known[cell] = reading
        return reading

    def _validate(self, column: str, cell: str) -> _Reading:
        if not cell or cell.isspace():
            return _BLANK, BLANK_MESSAGE if column in REQUIRED_COLUMNS else "", ""
        value, problem = _validate_cell(column, cell)
        return (value, problem, "") if problem or column not in self._rounded else _round_amount(value)

    def _combine_cells(self, values: dict[str, Any]) -> None:
        """Put cells together that say one thing: the guest, and a time with its zone."""
        guest_name, guest_email = values.pop("guest_name", None), values.pop("guest_email", None)
        if guest_name is not None:
            values["guests"] = ((0, guest_name, guest_email),)
        values.pop("currency", None)
        zone = values.pop("time_zone", self._zone)
        if (moment := values.get("purchase_date")) is not None:
            values["purchase_date"] = self._to_utc(moment, zone)


def _to_utc(moment: datetime, zone: tzinfo) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return aware.astimezone(UTC)


def _validate_cell(column: str, cell: str) -> tuple[Any, str]:
    if error := _SPREADSHEET_ERROR.fullmatch(cell):
        return None, f"The cell shows {error[1]}. Correct it in the spreadsheet, or empty it."
    try:
        return _CELL_TYPES[column].validate_python(_FORMULA_ESCAPE.sub("", cell)), ""
    except ValidationError as exc:
        return None, format_errors(exc.errors()).popitem()[1]


def _multiply_unit_price(record: Record) -> None:
    if "total_amount" not in record.values:
        return
    total = record.values["total_amount"] * record.values.get("quantity", 1)
    if total > MAX_USD:
        del record.values["total_amount"]
        record.problems["total_amount"] = money.INVALID_AMOUNT_MESSAGE
    else:
        record.values["total_amount"], _, warning = _round_amount(total)
        if warning:
            record.warnings["total_amount"] = warning


def _round_amount(amount: Decimal) -> _Reading:
    """Round a computed amount, such as a fee of 2.9%, half up to the cent, with a warning."""
    rounded = money.round_to_cents(amount)
    return rounded, "", "" if amount == rounded else f"{amount:f} is rounded to {money.format_dollars(rounded)}."


def _parse_quantity(cell: str) -> int:
    if readings := money.list_readings(cell.strip()):
        raise ValueError(_describe_readings(cell.strip(), readings))
    if not _WHOLE_NUMBER.fullmatch(cell.strip()) or not 1 <= int(cell) <= MAX_QUANTITY:
        raise ValueError("Enter a whole number from 1 to 10,000.")
    return int(cell)


def _parse_amount(cell: str) -> Decimal:
    """Parse a plain decimal with any number of decimals but three, which leave open whether they are thousands."""
    text = cell.strip()
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None or match[1]:
        raise ValueError(_describe_invalid_amount(text))
    amount = Decimal(text)
    if abs(amount) > MAX_USD:
        raise ValueError(money.INVALID_AMOUNT_MESSAGE)
    if amount < 0:
        raise ValueError("Enter an amount of 0.00 or more.")
    return amount


def _describe_invalid_amount(text: str) -> str:
    if import_cells.has_foreign_currency(text):
        return f"{text} is not in US dollars. {_CURRENCY_HINT}"
    readings = money.list_readings(re.sub(r"[^0-9.,]", "", text))
    return _describe_readings(text, readings) if readings else money.INVALID_AMOUNT_MESSAGE


def _parse_fee(cell: str) -> Decimal:
    """Parse a fee; many programs write it with a minus, as what is taken off."""
    return _parse_amount(cell.strip().removeprefix("-"))


def _describe_readings(text: str, readings: tuple[str, str]) -> str:
    plain = readings[0].replace(",", "")
    return (
        f"{text} can mean {readings[0]} or {readings[1]}. Write {plain} or {readings[1]}, or choose the meaning where "
        "columns are matched."
    )


def _parse_currency(cell: str) -> str:
    if not import_cells.is_us_dollars(cell):
        raise ValueError(f"{cell.strip()} is not US dollars. {_CURRENCY_HINT}")
    return "USD"


def _parse_time_zone(cell: str) -> tzinfo:
    zone = time_zones.find(cell)
    if zone is None:
        raise ValueError(f"{cell.strip()} is not a known time zone. Write a name such as America/New_York, UTC or PDT.")
    return zone


def _validate_undamaged(cell: str) -> str:
    if sentence := identifiers.find_damage(cell.strip()):
        raise ValueError(sentence)
    return cell


def _parse_datetime(cell: str) -> datetime:
    """Parse ISO 8601 only: 03/04/2026 is in March in one country and in April in the next."""
    text = remove_invisible_characters(cell).strip()
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


_MONEY: TypeAdapter[Any] = TypeAdapter(Annotated[Decimal, BeforeValidator(_parse_amount)])
_UNDAMAGED = BeforeValidator(_validate_undamaged)
_CELL_TYPES: dict[str, TypeAdapter[Any]] = {
    "ticket_type": TypeAdapter(Name),
    "purchaser_name": TypeAdapter(PersonName),
    "purchaser_email": TypeAdapter(Email),
    "quantity": TypeAdapter(Annotated[int, BeforeValidator(_parse_quantity)]),
    "total_amount": _MONEY,
    "purchase_date": TypeAdapter(Annotated[datetime, BeforeValidator(_parse_datetime)]),
    "external_sale_id": TypeAdapter(Annotated[Identifier, MaxLength(200)]),
    "promo_code": TypeAdapter(Annotated[SingleLineText, _UNDAMAGED]),
    "discount_amount": _MONEY,
    "fee_amount": TypeAdapter(Annotated[Decimal, BeforeValidator(_parse_fee)]),
    "payment_status": TypeAdapter(Annotated[str, BeforeValidator(_parse_status)]),
    "notes": TypeAdapter(Notes),
    "purchaser_phone": TypeAdapter(Annotated[Phone, _UNDAMAGED]),
    "currency": TypeAdapter(Annotated[str, BeforeValidator(_parse_currency)]),
    "time_zone": TypeAdapter(Annotated[Any, BeforeValidator(_parse_time_zone)]),
    "guest_name": TypeAdapter(PersonName),
    "guest_email": TypeAdapter(Email),
}

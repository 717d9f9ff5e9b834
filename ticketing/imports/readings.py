"""How the columns of a file can be read: what they decide as a whole, and what only a person can choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ticketing.file_reader.columns import AMOUNT_COLUMNS
from ticketing.formatting import CONTROL_CHARACTERS, replace_control_characters
from ticketing.imports import cells as import_cells
from ticketing.imports import column_formats, dates, order_amounts, status_names, time_zones
from ticketing.imports.cells import DecimalSign
from ticketing.imports.dates import DateOrder
from ticketing.imports.table import AmountScope, Table

Titles = tuple[str, ...]


@dataclass(frozen=True)
class DateReadings:
    """The orders in which dates can be read; `example` is a date of which the `readings` differ.

    `converted_example` is a date whose day and month a spreadsheet may have exchanged, if there is one, and
    `has_local_times` says that times have neither an offset nor a time zone.
    """

    orders: tuple[DateOrder, ...]
    example: str = ""
    readings: Mapping[DateOrder, str] = field(default_factory=dict)
    converted_example: str = ""
    has_local_times: bool = False


@dataclass(frozen=True)
class NumberReadings:
    """The decimal signs that numbers can have; `example` is one that depends on it."""

    signs: tuple[DecimalSign, ...]
    example: str = ""


@dataclass(frozen=True)
class AmountReadings:
    """Whose amounts can be; `example` is one that depends on it."""

    scopes: tuple[AmountScope, ...]
    example: str = ""


class FileReadings:
    """The readings of a table by the titles of columns. Each is found once, since it goes through all rows."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._packages: dict[Titles, Counter[str]] = {}
        self._dates: dict[Titles, DateReadings] = {}
        self._numbers: dict[Titles, NumberReadings] = {}
        self._amounts: dict[tuple[object, ...], AmountReadings] = {}
        self._statuses: dict[Titles, Mapping[str, tuple[str, int]]] = {}

    def count_package_names(self, titles: Titles) -> Counter[str]:
        """Return the package names in these columns with the number of rows of each, in the order of the file.

        Those that the check will refuse for their control characters are left out.
        """
        if titles not in self._packages:
            names = self._read_column("ticket_type", titles)
            self._packages[titles] = Counter(name for name in names if name and not CONTROL_CHARACTERS.search(name))
        return self._packages[titles]

    def count_status_words(self, titles: Titles) -> Mapping[str, tuple[str, int]]:
        """Return the words for a status, by `status_names.key`, as the file writes them, with their rows."""
        if titles not in self._statuses:
            words: dict[str, tuple[str, int]] = {}
            for cell, rows in Counter(self._read_column("payment_status", titles) if titles else ()).items():
                if cell and not CONTROL_CHARACTERS.search(cell):
                    written, so_far = words.get(status_names.key(cell), (cell, 0))
                    words[status_names.key(cell)] = written, so_far + rows
            self._statuses[titles] = words
        return self._statuses[titles]

    def get_dates(self, titles: Titles) -> DateReadings:
        """Return how the dates in these columns can be read."""
        if titles not in self._dates:
            self._dates[titles] = self._detect_dates(titles)
        return self._dates[titles]

    def get_numbers(self, titles: Titles) -> NumberReadings:
        """Return how the numbers in these columns can be read."""
        if titles not in self._numbers:
            self._numbers[titles] = self._detect_numbers(titles)
        return self._numbers[titles]

    def get_amounts(self, column: str, columns: Mapping[str, Titles], *, combine: bool) -> AmountReadings:
        """Return whose the amounts of one of our columns can be under these columns of a mapping."""
        if column not in AMOUNT_COLUMNS:
            return AmountReadings(("row",))
        used = {each: columns.get(each, ()) for each in (column, "quantity", "external_sale_id")}
        key = (column, combine, *used.values())
        if key not in self._amounts:
            self._amounts[key] = self._detect_amounts(used, column, combine=combine)
        return self._amounts[key]

    def _read_column(self, column: str, titles: Titles) -> list[str]:
        """Return the joined cells of these columns in each row, as the file has them."""
        read = column_formats.create_reader(self.table, column, titles, "")
        return [read(cells) for _, cells in self.table.records]

    def _detect_dates(self, titles: Titles) -> DateReadings:
        cells = list(dict.fromkeys(filter(None, self._read_column("purchase_date", titles))))
        orders = dates.detect_date_orders(cells)
        is_converted = dates.is_half_converted(cells)
        converted = next((cell for cell in cells if is_converted and _can_be_exchanged(cell)), "")
        has_zone = any(map(time_zones.find_in_title, titles))
        has_local_times = not has_zone and any(map(dates.is_local_time, cells))
        if len(orders) > 1:
            for cell in cells:
                readings = {order: dates.normalize_datetime(cell, order) for order in orders}
                if len(set(readings.values())) > 1:
                    return DateReadings(orders, cell, readings, converted, has_local_times)
        return DateReadings(orders, converted_example=converted, has_local_times=has_local_times)

    def _detect_numbers(self, titles: Titles) -> NumberReadings:
        """Return the signs, and as an example the number without a dollar sign that comes first."""
        signs = column_formats.detect_decimal_signs(self.table, {"total_amount": titles})["total_amount"]
        if len(signs) < 2:
            return NumberReadings(signs)
        places = [self.table.titles.index(title) for title in titles]
        cells = (cells[place].strip() for _, cells in self.table.records for place in places)
        return NumberReadings(signs, next(cell for cell in cells if len(import_cells.detect_decimal_signs([cell])) > 1))

    def _detect_amounts(self, columns: Mapping[str, Titles], column: str, *, combine: bool) -> AmountReadings:
        scopes = order_amounts.list_scopes(self.table, columns, column, combine=combine)
        if len(scopes) < 2:
            return AmountReadings(scopes)
        amounts = order_amounts.list_undecided_rows(self.table, columns, column, scopes[1])
        return AmountReadings(scopes, replace_control_characters(next(iter(amounts.values()))))


def _can_be_exchanged(cell: str) -> bool:
    """Return whether a date with the year first is another day when its day and month are exchanged."""
    return dates.is_spreadsheet_date(cell) and dates.normalize_datetime(cell, None) != dates.normalize_datetime(
        cell, None, swaps_iso=True
    )

"""A file of sales once it was read, whatever its format: columns, and rows with their numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, overload

from ticketing.errors import InvalidInput
from ticketing.file_reader.table_format import CELL_END, ROW_END

Row = tuple[int, list[str]]
# Whose an amount in a row is: the row's, its whole order's, or that of each one of its quantity.
AmountScope = Literal["row", "order", "unit"]
# What a column means that no field takes: its rows are refunded or canceled (failed), have the status that it says, or
# are refunds of other rows; or nothing.
ColumnUse = Literal["ignore", "refunded", "failed", "status", "refund_rows"]
_MAX_SHEET_ROWS = 10_000_000
_SURROGATE_START = b"\xed"  # with which lone surrogates begin in the worker's output
_DECODED_CELL_END = CELL_END.decode("utf-8", "surrogateescape")


class SheetRow(int):
    """The number of a row in one of several sheets: it sorts by sheet and row, and reads "3 of November"."""

    sheet: str

    def __new__(cls, sheet_number: int, sheet: str, row: int) -> SheetRow:
        """Take the number of the sheet among those that are read, from 0 on, its name, and the row in it."""
        number = super().__new__(cls, sheet_number * _MAX_SHEET_ROWS + row)
        number.sheet = sheet
        return number

    @property
    def row(self) -> int:
        """The number that the spreadsheet program shows."""
        return int(self) % _MAX_SHEET_ROWS

    def __str__(self) -> str:
        return f"{self.row} of {self.sheet}"

    def __format__(self, spec: str) -> str:
        return f"{format(self.row, spec)} of {self.sheet}"


def parse_row_number(label: str, sheets: Sequence[str]) -> int:
    """Return a row number as the worker wrote it: "3", or "1:3" for row 3 of the second of these sheets."""
    sheet_number, separator, row = label.partition(":")
    return SheetRow(int(sheet_number), sheets[int(sheet_number)], int(row)) if separator else int(label)


class PackedRows(Sequence[Row]):
    """Rows in the bytes in which the worker wrote them, so that they take no more memory than the file."""

    def __init__(self, content: bytes, width: int, sheets: Sequence[str] = ()) -> None:
        """Take the rows of a worker's output, each of which ends with ROW_END. Short ones get blank cells.

        `sheets` are the names of the sheets that were read.
        """
        self._content = content
        self._width = width
        self._sheets = sheets
        self._ends = array("L")
        end = content.find(ROW_END)
        while end >= 0:
            self._ends.append(end)
            end = content.find(ROW_END, end + 1)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        start = self._ends[place - 1] + 1 if place % len(self) else 0
        return self._parse(self._content[start : self._ends[place]])

    def __iter__(self) -> Iterator[Row]:
        start = 0
        for end in self._ends:
            yield self._parse(self._content[start:end])
            start = end + 1

    def _parse(self, content: bytes) -> Row:
        if _SURROGATE_START in content:
            number, *cells = [cell.decode("utf-8", "surrogatepass") for cell in content.split(CELL_END)[:-1]]
        else:  # faster than one cell after the other
            number, *cells = content.decode("utf-8", "surrogateescape").split(_DECODED_CELL_END)[:-1]
        return parse_row_number(number, self._sheets), cells + [""] * (self._width - len(cells))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook that has rows below its header. Sheets with the same header have its number."""

    name: str
    rows: int
    is_hidden: bool
    is_read: bool
    header_number: int


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a row is not imported, and the column that says so, ours or by its title in the file.

    `kind` groups the reasons (`summary.WARNING_TITLES`).
    """

    kind: Literal["status", "refund_row", "here"]
    reason: str
    column: str = "payment_status"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a column that no field takes says of a row: it was refunded or canceled.

    `amount` is the amount in USD, or the number of packages with `is_count`, that was refunded; None is the whole row,
    or with `is_partial` a part that is not known. `is_in_full` means that title or cell says "fully". `is_said_once`
    means that the column speaks of orders, not of rows. `unclear` is a cell with an amount that cannot be read without
    doubt.
    """

    status: Literal["refunded", "failed"]
    title: str
    amount: Decimal | None = None
    is_count: bool = False
    is_partial: bool = False
    is_in_full: bool = False
    unclear: str = ""
    is_said_once: bool = False


@dataclass(frozen=True)
class Table:
    """The header, and each record that is not blank with its row number.

    `header` has the names in lower case with underscores. A row has the number that a spreadsheet program shows, in a
    CSV file that of the line in which it begins, and record n of a JSON file is row n + 1; rows of several sheets have
    a SheetRow. Each record has a cell for each column. `titles` are the names as the file writes them, made unique: a
    second "Address" is "Address (2)", one without a name is "Column 5". `row_problems` says what is wrong with rows
    that cannot be read at all, `column_problems` with columns, by title, and `cell_problems` with cells, by row and
    name in the header; `left_out` says why rows are left out that staff do not want; `numbers_as_codes` names the
    cells that show a code such as 00042 and hold a number. `sheets` are those of a workbook, and `notices` say what was
    left out or read in a way that may surprise. A mapped table has
    our header, whatever the file's was; when its rows are parts of orders, `order_defaults` has what holds for orders
    of which no row says it. `amount_scopes` says of which columns the amounts are not those of their rows, and `marks`
    what columns that no field takes say of rows.
    """

    header: tuple[str, ...]
    records: Sequence[Row]
    titles: tuple[str, ...] = ()
    row_problems: Mapping[int, str] = field(default_factory=dict)
    column_problems: Mapping[str, str] = field(default_factory=dict)
    cell_problems: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    left_out: Mapping[int, Exclusion] = field(default_factory=dict)
    numbers_as_codes: Mapping[int, Set[str]] = field(default_factory=dict)
    header_row: int = 1
    sheets: tuple[Sheet, ...] = ()
    notices: tuple[str, ...] = ()
    is_mapped: bool = False
    order_defaults: Mapping[str, str] = field(default_factory=dict)
    amount_scopes: Mapping[str, AmountScope] = field(default_factory=dict)
    marks: Mapping[int, Sequence[Mark]] = field(default_factory=dict)


def unreadable_file_error(sentence: str) -> InvalidInput:
    """Return the error for a file that cannot be read at all."""
    return InvalidInput({"file": sentence})

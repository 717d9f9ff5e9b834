"""Read a column of a foreign file as one of ours: which cells make it up, and what the column as a whole decides.

Numbers such as "1.500", days and months, and dates that a spreadsheet converted are never decided by one cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ticketing import money
from ticketing.file_reader.columns import AMOUNT_COLUMNS
from ticketing.imports import cells as import_cells
from ticketing.imports import dates, time_zones
from ticketing.imports.cells import DecimalSign
from ticketing.imports.dates import DateOrder
from ticketing.imports.table import Table

SUMMED_COLUMNS = ("quantity", *AMOUNT_COLUMNS)
# Several columns of a file that make up one of ours are joined with these; amounts are summed, and of any other column
# the first one that is filled is taken.
JOIN_SEPARATORS = {
    "ticket_type": " ",
    "purchaser_name": " ",
    "purchase_date": " ",
    "external_sale_id": "-",
    "notes": " ",
    "guest_name": " ",
}

CellNormalizer = Callable[[str], str]


def create_reader(
    table: Table, column: str, titles: Sequence[str], default: str, normalize: CellNormalizer | None = None
) -> Callable[[list[str]], str]:
    """Return a function that takes one of our columns from a row of the file, `default` where its cells are empty."""
    places = [table.titles.index(title) for title in titles if title in table.titles]
    cached: dict[str, str] = {}
    if default and column in AMOUNT_COLUMNS:
        default = _read_typed_amount(default)
    elif default and normalize is not None:
        default = normalize(default)

    def normalized(cell: str) -> str:
        if normalize is None:
            return cell
        if cell not in cached:
            cached[cell] = normalize(cell)
        return cached[cell]

    def read(cells: list[str]) -> str:
        filled = [cell for place in places if place < len(cells) and (cell := cells[place].strip())]
        if not filled:
            return default
        if column in SUMMED_COLUMNS and len(filled) > 1:
            return import_cells.sum_amounts([normalized(cell) for cell in filled])
        if column in JOIN_SEPARATORS:
            return normalized(JOIN_SEPARATORS[column].join(filled))
        return normalized(filled[0])

    return read


def _read_typed_amount(text: str) -> str:
    """Return an amount for all rows, which a person typed, in plain form; what cannot be read stays as it is."""
    try:
        return money.format_plain(money.parse_typed(text))
    except ValueError:
        return text


def detect_decimal_signs(table: Table, columns: Mapping[str, Sequence[str]]) -> dict[str, tuple[DecimalSign, ...]]:
    """Return the decimal signs that each of these columns of ours can have, as `cells.detect_decimal_signs` does."""
    cells_of: dict[str, set[str]] = {column: set() for column in columns if column in SUMMED_COLUMNS}
    places = [
        (cells_of[column], table.titles.index(title))
        for column in cells_of
        for title in columns[column]
        if title in table.titles
    ]
    if places:
        for _, cells in table.records:
            for found, place in places:
                found.add(cells[place])
    return {column: import_cells.detect_decimal_signs(map(str.strip, found)) for column, found in cells_of.items()}


def is_half_converted(table: Table, titles: Sequence[str]) -> bool:
    """Return whether staff have to choose how the dates of these columns with the year first are meant."""
    read = create_reader(table, "purchase_date", titles, "")
    return dates.is_half_converted({text for _, cells in table.records if (text := read(cells))})


def has_local_times(table: Table, titles: Sequence[str]) -> bool:
    """Return whether times of these columns have neither an offset nor a time zone in the title."""
    if any(map(time_zones.find_in_title, titles)):
        return False
    read = create_reader(table, "purchase_date", titles, "")
    return any(dates.is_local_time(text) for _, cells in table.records if (text := read(cells)))


def detect_date_orders(table: Table, titles: Sequence[str]) -> tuple[DateOrder, ...]:
    """Return the orders in which the dates of these columns can be read; two when staff have to choose."""
    read = create_reader(table, "purchase_date", titles, "")
    return dates.detect_date_orders({text for _, cells in table.records if (text := read(cells))})

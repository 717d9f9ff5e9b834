"""Map the columns of files that other programs wrote to the columns of an import.

A mapping is proposed by the names of columns and by what is in them. Staff see it and correct it, and it is saved for
the next file with the same header. Source: docs/decisions/0010.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, get_args

from ticketing.file_reader.columns import COLUMNS, REQUIRED_COLUMNS
from ticketing.imports import cells as import_cells
from ticketing.imports import column_names, status_names
from ticketing.imports.cells import DateOrder
from ticketing.imports.table import Table
from ticketing.validation import name_key

SUMMED_COLUMNS = ("quantity", "total_amount", "discount_amount", "fee_amount")
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
_SAMPLE_ROWS = 5000


@dataclass(frozen=True)
class ColumnMapping:
    """How to read a foreign file. A column that is neither in `columns` nor in `constants` is not imported.

    columns: for each of our columns, the titles in the file that make it up (Table.titles).
    constants: the value where those are empty, or of all rows where no column is chosen; for ticket_type it is the
        package's name.
    packages: the id of our package for each name that the file uses; equal names need no entry.
    date_order: None while both readings are possible and staff have not chosen; such dates are then not read.
    combine: rows of one order and package are one purchase.
    """

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    packages: dict[str, uuid.UUID] = field(default_factory=dict)
    date_order: DateOrder | None = "iso"
    combine: bool = False


def is_needed(table: Table) -> bool:
    """Return whether the header is not ours, because a required column is missing."""
    return not set(REQUIRED_COLUMNS) <= set(table.header)


def header_hash(table: Table) -> bytes:
    """Return the key under which a mapping is saved for files with this header."""
    return hashlib.sha256(json.dumps(table.titles).encode()).digest()


def propose(table: Table, packages: Mapping[uuid.UUID, str]) -> ColumnMapping:
    """Return the likeliest mapping; `packages` are the names of the event's packages by id.

    Its `date_order` is None when the dates can be read in both orders.
    """
    sample = replace(table, records=table.records[:_SAMPLE_ROWS])
    combine = _has_seat_rows(table, sample)
    matches_by_name = {column: _match_by_name(sample, column, combine) for column in COLUMNS}
    filled = _list_filled_titles(table)
    columns = {
        column: tuple(title for title in titles if title in filled) or titles
        for column, titles in matches_by_name.items()
        if titles
    }
    _drop_purchasers_as_guests(columns)
    _add_matches_by_content(sample, packages, columns)
    orders = detect_date_orders(table, columns.get("purchase_date", ()))
    mapping = ColumnMapping(columns, {}, {}, orders[0] if len(orders) == 1 else None, combine)
    constants = {}
    if "ticket_type" not in columns and len(packages) == 1:
        constants["ticket_type"] = next(iter(packages.values()))
    if "quantity" not in columns and not combine:
        constants["quantity"] = "1"
    by_name = {name_key(name): package_id for package_id, name in packages.items()}
    names = list_package_names(table, mapping)
    matches = {name: by_name[name_key(name)] for name in names if name_key(name) in by_name}
    return ColumnMapping(columns, constants, matches, mapping.date_order, combine)


def detect_date_orders(table: Table, titles: Sequence[str]) -> tuple[DateOrder, ...]:
    """Return the orders in which the dates of these columns can be read; two when staff have to choose."""
    read = _create_reader(table, "purchase_date", titles, "")
    return import_cells.detect_date_orders({text for _, cells in table.records if (text := read(cells))})


def list_package_names(table: Table, mapping: ColumnMapping) -> tuple[str, ...]:
    """Return the names that the file uses for packages, each one once, in the order of the file."""
    read = _create_reader(table, "ticket_type", mapping.columns.get("ticket_type", ()), "")
    return tuple(dict.fromkeys(name for _, cells in table.records if (name := read(cells))))


def apply(table: Table, mapping: ColumnMapping, packages: Mapping[uuid.UUID, str]) -> Table:
    """Return the rows with our header and plain cells, each with its own number; `orders.combine` combines them.

    A cell that cannot be read stays as the file has it, so that the check reports it in its place.
    """
    columns = mapped_columns(mapping)
    normalizers = _cell_normalizers(mapping, packages)
    readers = [
        _create_reader(
            table, column, mapping.columns.get(column, ()), _default_value(mapping, column), normalizers.get(column)
        )
        for column in columns
    ]
    records = tuple((row, [read(cells) for read in readers]) for row, cells in table.records)
    return Table(columns, records, table.titles, table.row_problems, is_mapped=True)


def mapped_columns(mapping: ColumnMapping) -> tuple[str, ...]:
    """Return our columns that a mapping fills."""
    return tuple(column for column in COLUMNS if mapping.columns.get(column) or _default_value(mapping, column))


def limit_sales(table: Table, mapping: ColumnMapping, max_sales: int) -> Table:
    """Return the table with only the rows of its first sales."""
    if not mapping.combine:
        return replace(table, records=table.records[:max_sales])
    read_order = _create_reader(table, "external_sale_id", mapping.columns.get("external_sale_id", ()), "")
    first_orders = set(islice(dict.fromkeys(read_order(cells) for _, cells in table.records), max_sales))
    return replace(table, records=tuple(each for each in table.records if read_order(each[1]) in first_orders))


def _default_value(mapping: ColumnMapping, column: str) -> str:
    """Return the value for rows in which a column is empty. In combined rows an empty quantity is 1."""
    return mapping.constants.get(column, "1" if column == "quantity" and mapping.combine else "")


def to_json(mapping: ColumnMapping) -> dict[str, Any]:
    """Return the mapping as JSON for the database."""
    return {
        "columns": {column: list(titles) for column, titles in mapping.columns.items()},
        "constants": mapping.constants,
        "packages": {name: str(package_id) for name, package_id in mapping.packages.items()},
        "date_order": mapping.date_order,
        "combine": mapping.combine,
    }


def from_json(stored: Any, table: Table, packages: Mapping[uuid.UUID, str]) -> ColumnMapping:
    """Return a stored mapping without the columns that the file does not have and packages that no longer exist."""
    titles_here = set(table.titles)
    columns = {
        column: tuple(titles)
        for column, titles in stored["columns"].items()
        if column in COLUMNS and titles and set(titles) <= titles_here
    }
    constants = {column: text for column, text in stored["constants"].items() if column in COLUMNS}
    package_ids = {name: uuid.UUID(package_id) for name, package_id in stored["packages"].items()}
    existing = {name: package_id for name, package_id in package_ids.items() if package_id in packages}
    order = stored["date_order"] if stored["date_order"] in get_args(DateOrder) else None
    return ColumnMapping(columns, constants, existing, order, bool(stored["combine"]))


CellNormalizer = Callable[[str], str]


def _cell_normalizers(mapping: ColumnMapping, packages: Mapping[uuid.UUID, str]) -> dict[str, CellNormalizer]:
    names = {name_key(name): packages[each] for name, each in mapping.packages.items() if each in packages}
    return {
        "ticket_type": lambda name: names.get(name_key(name), name),
        "quantity": import_cells.normalize_whole_number,
        "total_amount": import_cells.normalize_amount,
        "fee_amount": import_cells.normalize_amount,
        "discount_amount": import_cells.normalize_discount,
        "purchase_date": lambda cell: import_cells.normalize_datetime(cell, mapping.date_order),
        "payment_status": status_names.normalize,
    }


def _create_reader(
    table: Table, column: str, titles: Sequence[str], default: str, normalize: CellNormalizer | None = None
) -> Callable[[list[str]], str]:
    """Return a function that takes one of our columns from a row of the file."""
    places = [table.titles.index(title) for title in titles if title in table.titles]
    cached: dict[str, str] = {}

    def normalized(cell: str) -> str:
        if normalize is None:
            return cell
        if cell not in cached:
            cached[cell] = normalize(cell)
        return cached[cell]

    def read(cells: list[str]) -> str:
        filled = [cell for place in places if place < len(cells) and (cell := cells[place].strip())]
        if not filled:
            return normalized(default) if default else ""
        if column in SUMMED_COLUMNS and len(filled) > 1:
            return import_cells.sum_amounts([normalized(cell) for cell in filled])
        if column in JOIN_SEPARATORS:
            return normalized(JOIN_SEPARATORS[column].join(filled))
        return normalized(filled[0])

    return read


def _has_seat_rows(table: Table, sample: Table) -> bool:
    """Return whether rows are seats or items of orders: an order number repeats, or there is a column of seats."""
    titles = _match_by_name(sample, "external_sale_id", has_seat_rows=False)
    read = _create_reader(table, "external_sale_id", titles, "")
    counts = Counter(order for _, cells in table.records if (order := read(cells)))
    names = {column_names.normalize(title) for title in table.titles}
    return any(count > 1 for count in counts.values()) or bool(names & column_names.SEAT_COLUMNS)


def _match_by_name(sample: Table, column: str, has_seat_rows: bool) -> tuple[str, ...]:
    """Return the titles that by name are one of our columns: of several aliases the first that is filled at all.

    For a required column it is the alias that is filled in most rows.
    """
    titles: dict[str, str] = {}
    for title in sample.titles:
        titles.setdefault(column_names.normalize(title), title)
    best: tuple[int, tuple[str, ...]] = (0, ())
    for alias in column_names.ALIASES[column]:
        names = [column_names.normalize(name) for name in alias]
        if (alias[0].endswith("*") and not has_seat_rows) or not titles.keys() >= set(names):
            continue
        candidate = tuple(titles[name] for name in names)
        read = _create_reader(sample, column, candidate, "")
        filled = sum(1 for _, cells in sample.records if read(cells))
        if not best[1] or (filled > best[0] and (column in REQUIRED_COLUMNS or not best[0])):
            best = filled, candidate
    return best[1]


def _list_filled_titles(table: Table) -> set[str]:
    """Return the titles of the columns that are not blank in every row."""
    blank = dict(enumerate(table.titles))
    for _, cells in table.records:
        for place in [place for place in blank if cells[place] and not cells[place].isspace()]:
            del blank[place]
        if not blank:
            break
    return set(table.titles) - set(blank.values())


def _drop_purchasers_as_guests(columns: dict[str, tuple[str, ...]]) -> None:
    """Drop guest columns that are also the purchaser's, unless their title says "attendee" or "guest"."""
    for guest, purchaser in (("guest_name", "purchaser_name"), ("guest_email", "purchaser_email")):
        titles = columns.get(guest, ())
        is_named_guest = bool(titles) and column_names.normalize(titles[0]).startswith(("attendee", "guest"))
        if titles == columns.get(purchaser) and not is_named_guest:
            columns.pop(guest, None)
    if "guest_name" not in columns:
        columns.pop("guest_email", None)


def _add_matches_by_content(
    sample: Table, packages: Mapping[uuid.UUID, str], columns: dict[str, tuple[str, ...]]
) -> None:
    """Add the columns that no title matched and whose cells are all e-mail addresses, dates or names of packages."""
    names = {name_key(name) for name in packages.values()}
    tests: dict[str, Callable[[str], bool]] = {
        "purchaser_email": import_cells.is_email,
        "purchase_date": import_cells.is_date,
        "ticket_type": lambda cell: name_key(cell) in names,
    }
    cells_of = defaultdict(list)
    for _, cells in sample.records:
        for title, cell in zip(sample.titles, cells, strict=True):
            if cell.strip():
                cells_of[title].append(cell.strip())
    taken = {title for titles in columns.values() for title in titles}
    for column in [each for each in tests if each not in columns]:
        free = [title for title in sample.titles if title not in taken and cells_of[title]]
        match = next((title for title in free if all(map(tests[column], cells_of[title]))), None)
        if match is not None:
            columns[column] = (match,)
            taken.add(match)

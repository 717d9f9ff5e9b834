"""Files that other programs wrote: which of their columns is which of ours, and their rows with our header.

A mapping is proposed by the names of columns and by what is in them; staff see it, correct it, and it is remembered
for the next file with the same header. Source: docs/decisions/0010.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Named
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, get_args

from ticketing.imports import cells as import_cells
from ticketing.imports import column_names
from ticketing.imports.cells import DateOrder
from ticketing.imports.table import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, Table
from ticketing.validation import name_key

COLUMNS = (
    *REQUIRED_COLUMNS,
    *(column for column in OPTIONAL_COLUMNS if column != "event_id"),
    "guest_name",
    "guest_email",
)
SUMMED_COLUMNS = ("quantity", "total_amount", "discount_amount", "fee_amount")
# Several columns of a file become one of ours joined like this; amounts are summed, of others the first that says
# something is taken.
JOIN_SEPARATORS = {
    "ticket_type": " ", "purchaser_name": " ", "purchase_date": " ", "external_sale_id": "-", "notes": " ",
    "guest_name": " ",
}  # fmt: skip
_SAMPLE_ROWS = 5000


@dataclass(frozen=True)
class ColumnMapping:
    """How to read a foreign file. A column that is neither in `columns` nor in `constants` is not taken.

    `columns`: of each of our columns the titles in the file that make it up (Table.titles); several are joined by a
    space, and amounts are summed. `constants`: what stands wherever those say nothing, so "the same for all rows"
    where no column is chosen; a constant for ticket_type is the package's name. `packages`: what the file calls a
    package, with its id here; names that are the same on both sides need no entry. `date_order` is None while both
    readings are possible and nobody has chosen; then no such date is read. `combine`: rows of one order and package
    are one purchase.
    """

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    packages: dict[str, uuid.UUID] = field(default_factory=dict)
    date_order: DateOrder | None = "iso"
    combine: bool = False


def is_needed(table: Table) -> bool:
    """Whether the header is not ours: a required column is missing."""
    return not set(REQUIRED_COLUMNS) <= set(table.header)


def header_hash(table: Table) -> bytes:
    """By which a mapping is found again for the next file of the same kind."""
    return hashlib.sha256(json.dumps(table.titles).encode()).digest()


def propose(table: Table, packages: Named[uuid.UUID, str]) -> ColumnMapping:
    """The likeliest mapping; `packages` are the names of the event's packages by id. Asks nobody and decides nothing.

    `date_order` is None when the dates can be read in both orders.
    """
    combine = _has_seat_rows(table)
    columns = {column: titles for column in COLUMNS if (titles := _match_by_name(table, column, combine))}
    _drop_purchasers_as_guests(columns)
    _add_matches_by_content(table, packages, columns)
    orders = detect_date_orders(table, columns.get("purchase_date", ()))
    mapping = ColumnMapping(columns, {}, {}, orders[0] if len(orders) == 1 else None, combine)
    constants = {}
    if "ticket_type" not in columns and len(packages) == 1:
        constants["ticket_type"] = next(iter(packages.values()))
    if "quantity" not in columns and not combine:
        constants["quantity"] = "1"
    by_name = {name_key(name): package_id for package_id, name in packages.items()}
    found = {name: by_name[name_key(name)] for name in list_package_names(table, mapping) if name_key(name) in by_name}
    return ColumnMapping(columns, constants, found, mapping.date_order, combine)


def detect_date_orders(table: Table, titles: Sequence[str]) -> tuple[DateOrder, ...]:
    """In which orders the dates of these columns can be read; two when a person has to choose."""
    read = _create_reader(table, "purchase_date", titles, "")
    return import_cells.detect_date_orders({text for _, cells in table.records if (text := read(cells))})


def list_package_names(table: Table, mapping: ColumnMapping) -> tuple[str, ...]:
    """What the file calls packages, each name once, in the order of the file."""
    read = _create_reader(table, "ticket_type", mapping.columns.get("ticket_type", ()), "")
    return tuple(dict.fromkeys(name for _, cells in table.records if (name := read(cells))))


def apply(table: Table, mapping: ColumnMapping, packages: Named[uuid.UUID, str]) -> Table:
    """The rows with our header and plain cells, each under its own number; combining them is import_orders' part.

    What cannot be read stays as the file has it, so that it is told where it stands.
    """
    columns = mapped_columns(mapping)
    plain = _cell_normalizers(mapping, packages)
    readers = [
        _create_reader(
            table, column, mapping.columns.get(column, ()), _default_value(mapping, column), plain.get(column)
        )
        for column in columns
    ]
    records = tuple((row, [read(cells) for read in readers]) for row, cells in table.records)
    return Table(columns, records, table.titles, table.row_problems, is_mapped=True)


def mapped_columns(mapping: ColumnMapping) -> tuple[str, ...]:
    """Those of our columns that a mapping fills."""
    return tuple(column for column in COLUMNS if mapping.columns.get(column) or _default_value(mapping, column))


def limit_sales(table: Table, mapping: ColumnMapping, max_sales: int) -> Table:
    """The rows of the first sales, however many rows those have."""
    if not mapping.combine:
        return replace(table, records=table.records[:max_sales])
    order = _create_reader(table, "external_sale_id", mapping.columns.get("external_sale_id", ()), "")
    first = set(islice(dict.fromkeys(order(cells) for _, cells in table.records), max_sales))
    return replace(table, records=tuple(each for each in table.records if order(each[1]) in first))


def _default_value(mapping: ColumnMapping, column: str) -> str:
    """What stands in a row that says nothing. A row of an order that does not say how many is one."""
    return mapping.constants.get(column, "1" if column == "quantity" and mapping.combine else "")


def to_json(mapping: ColumnMapping) -> dict[str, Any]:
    """For the database."""
    return {
        "columns": {column: list(titles) for column, titles in mapping.columns.items()},
        "constants": mapping.constants,
        "packages": {name: str(package_id) for name, package_id in mapping.packages.items()},
        "date_order": mapping.date_order,
        "combine": mapping.combine,
    }


def from_json(stored: Any, table: Table, packages: Named[uuid.UUID, str]) -> ColumnMapping:
    """A stored mapping as far as it still holds: for columns that the file has and packages that there are."""
    here = set(table.titles)
    columns = {
        column: tuple(titles)
        for column, titles in stored["columns"].items()
        if column in COLUMNS and titles and set(titles) <= here
    }
    known = {name: uuid.UUID(package_id) for name, package_id in stored["packages"].items()}
    order = stored["date_order"] if stored["date_order"] in get_args(DateOrder) else None
    constants = {column: text for column, text in stored["constants"].items() if column in COLUMNS}
    still = {name: package_id for name, package_id in known.items() if package_id in packages}
    return ColumnMapping(columns, constants, still, order, bool(stored["combine"]))


CellNormalizer = Callable[[str], str]


def _cell_normalizers(mapping: ColumnMapping, packages: Named[uuid.UUID, str]) -> dict[str, CellNormalizer]:
    chosen = {name_key(name): packages[found] for name, found in mapping.packages.items() if found in packages}
    return {
        "ticket_type": lambda name: chosen.get(name_key(name), name),
        "quantity": import_cells.normalize_whole_number,
        "total_amount": import_cells.normalize_amount,
        "fee_amount": import_cells.normalize_amount,
        "discount_amount": import_cells.normalize_discount,
        "purchase_date": lambda cell: import_cells.normalize_datetime(cell, mapping.date_order),
        "payment_status": import_cells.normalize_status,
    }


def _create_reader(
    table: Table, column: str, titles: Sequence[str], default: str, normalize: CellNormalizer | None = None
) -> Callable[[list[str]], str]:
    """How to take one of our columns from a row of the file."""
    places = [table.titles.index(title) for title in titles if title in table.titles]
    known: dict[str, str] = {}

    def plainly(cell: str) -> str:
        if normalize is None:
            return cell
        if cell not in known:
            known[cell] = normalize(cell)
        return known[cell]

    def read(cells: list[str]) -> str:
        given = [cell for at in places if at < len(cells) and (cell := cells[at].strip())]
        if not given:
            return plainly(default) if default else ""
        if column in SUMMED_COLUMNS and len(given) > 1:
            return import_cells.sum_amounts([plainly(cell) for cell in given])
        if column in JOIN_SEPARATORS:
            return plainly(JOIN_SEPARATORS[column].join(given))
        return plainly(given[0])

    return read


def _has_seat_rows(table: Table) -> bool:
    """Whether rows are the seats or items of orders: an order's id comes again, or its rows have positions."""
    ids = _match_by_name(table, "external_sale_id", False)
    read = _create_reader(table, "external_sale_id", ids, "")
    counted = Counter(found for _, cells in table.records if (found := read(cells)))
    keys = {column_names.normalize(title) for title in table.titles}
    return any(times > 1 for times in counted.values()) or bool(keys & column_names.SEAT_COLUMNS)


def _match_by_name(table: Table, column: str, has_seat_rows: bool) -> tuple[str, ...]:
    """The titles that are ours by name: the first that say anything, and for what is required those that say most."""
    titles: dict[str, str] = {}
    for title in table.titles:
        titles.setdefault(column_names.normalize(title), title)
    best: tuple[int, tuple[str, ...]] = (0, ())
    for wanted in column_names.ALIASES[column]:
        keys = [column_names.normalize(name) for name in wanted]
        if (wanted[0].endswith("*") and not has_seat_rows) or not titles.keys() >= set(keys):
            continue
        found = tuple(titles[key] for key in keys)
        read = _create_reader(table, column, found, "")
        given = sum(1 for _, cells in table.records[:_SAMPLE_ROWS] if read(cells))
        if not best[1] or (given > best[0] and (column in REQUIRED_COLUMNS or not best[0])):
            best = given, tuple(title for title in found if _has_values(table, title)) or found
    return best[1]


def _has_values(table: Table, title: str) -> bool:
    at = table.titles.index(title)
    return any(at < len(cells) and cells[at].strip() for _, cells in table.records)


def _drop_purchasers_as_guests(columns: dict[str, tuple[str, ...]]) -> None:
    """A first name is a guest's only beside a buyer's; what is called an attendee's always is."""
    for guest, purchaser in (("guest_name", "purchaser_name"), ("guest_email", "purchaser_email")):
        titles = columns.get(guest, ())
        is_said = bool(titles) and column_names.normalize(titles[0]).startswith(("attendee", "guest"))
        if titles == columns.get(purchaser) and not is_said:
            columns.pop(guest, None)
    if "guest_name" not in columns:
        columns.pop("guest_email", None)


def _add_matches_by_content(table: Table, packages: Named[uuid.UUID, str], columns: dict[str, tuple[str, ...]]) -> None:
    """Names tell more than contents; but addresses, dates and the names of packages are known wherever they stand."""
    taken = {title for titles in columns.values() for title in titles}
    names = {name_key(name) for name in packages.values()}
    tests: dict[str, Callable[[str], bool]] = {
        "purchaser_email": import_cells.is_email,
        "purchase_date": import_cells.is_date,
        "ticket_type": lambda cell: name_key(cell) in names,
    }
    cells_of = defaultdict(list)
    for _, cells in table.records[:_SAMPLE_ROWS]:
        for title, cell in zip(table.titles, cells, strict=False):
            if cell.strip():
                cells_of[title].append(cell.strip())
    for column, test in tests.items():
        if column in columns:
            continue
        for title in table.titles:
            if title not in taken and cells_of[title] and all(map(test, cells_of[title])):
                columns[column] = (title,)
                taken.add(title)
                break

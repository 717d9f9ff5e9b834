"""Map the columns of files that other programs wrote to the columns of an import.

A mapping is proposed by the names of columns and by what is in them. Staff see it and correct it, and it is saved for
the next file with the same header. Source: docs/decisions/0010.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from itertools import islice
from typing import Any, get_args

from ticketing.file_reader.columns import AMOUNT_COLUMNS, COLUMNS, ORDER_COLUMNS, REQUIRED_COLUMNS
from ticketing.imports import cells as import_cells
from ticketing.imports import (
    column_formats,
    column_matching,
    dates,
    identifiers,
    marks,
    order_amounts,
    status_names,
    time_zones,
)
from ticketing.imports.cells import DecimalSign
from ticketing.imports.column_formats import CellNormalizer
from ticketing.imports.dates import DateOrder
from ticketing.imports.table import AmountScope, ColumnUse, Exclusion, Table
from ticketing.validation import name_key

_SAMPLE_ROWS = 5000
# No other column can have the same value in all sales.
CONSTANT_COLUMNS = (*(each for each in REQUIRED_COLUMNS if each != "external_sale_id"), "payment_status", "notes")


@dataclass(frozen=True)
class ColumnMapping:
    """How to read a foreign file. A column that is neither in `columns` nor in `constants` is not imported.

    columns: for each of our columns, the titles in the file that make it up (Table.titles).
    constants: the value where those are empty, or of all rows where no column is chosen; for ticket_type it is the
        package's name.
    packages: the id of our package for each name that the file uses; equal names need no entry.
    date_order: None while both readings are possible and staff have not chosen; such dates are then not read.
    combine: rows of one order and package are one purchase.
    decimal_signs: of columns with numbers such as "1.500", the sign that the rest of the column shows or staff chose;
        without one such numbers are not read.
    swaps_dates: day and month of dates with the year first are exchanged (`dates.is_half_converted`); None while
        staff have to choose.
    amount_scopes: whose the amounts of a column are that all rows of an order repeat, or that are prices in rows with
        a quantity; without an entry such amounts are not read.
    statuses: our status, or status_names.LEFT_OUT, for each word that the file uses, by `status_names.key`; known words
        need no entry.
    uses: what columns mean, by title, that no field takes although they speak of refunds, other prices or the like
        (`left_out_columns`).
    time_zone: the IANA name for times without an offset, unless a title or a column of the file says it; None is the
        event's.
    """

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    packages: dict[str, uuid.UUID] = field(default_factory=dict)
    date_order: DateOrder | None = "iso"
    combine: bool = False
    decimal_signs: dict[str, DecimalSign] = field(default_factory=dict)
    swaps_dates: bool | None = None
    time_zone: str | None = None
    amount_scopes: dict[str, AmountScope] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    uses: dict[str, ColumnUse] = field(default_factory=dict)


def is_needed(table: Table) -> bool:
    """Return whether the header is not ours, because a required column is missing."""
    return not set(REQUIRED_COLUMNS) <= set(table.header)


def header_hash(table: Table) -> bytes:
    """Return the key under which a mapping is saved for files with this header."""
    return hashlib.sha256(json.dumps(table.titles).encode()).digest()


def propose(table: Table, packages: Mapping[uuid.UUID, str]) -> ColumnMapping:
    """Return the likeliest mapping; `packages` are the names of the event's packages by id.

    Its `date_order` is None when the dates can be read in both orders, and `decimal_signs` has those that are plain.
    """
    sample = replace(table, records=table.records[:_SAMPLE_ROWS])
    combine = column_matching.has_seat_rows(table, sample)
    matches_by_name = {column: column_matching.match_by_name(sample, column, combine) for column in COLUMNS}
    filled = column_matching.list_filled_titles(table)
    columns = {
        column: tuple(title for title in titles if title in filled) or titles
        for column, titles in matches_by_name.items()
        if titles
    }
    column_matching.drop_purchasers_as_guests(columns)
    column_matching.add_matches_by_content(sample, packages, columns)
    orders = column_formats.detect_date_orders(table, columns.get("purchase_date", ()))
    mapping = ColumnMapping(columns, {}, {}, orders[0] if len(orders) == 1 else None, combine)
    constants = {}
    if "ticket_type" not in columns and len(packages) == 1:
        constants["ticket_type"] = next(iter(packages.values()))
    if "quantity" not in columns and not combine:
        constants["quantity"] = "1"
    by_name = {name_key(name): package_id for package_id, name in packages.items()}
    names = list_package_names(table, mapping)
    matches = {name: by_name[name_key(name)] for name in names if name_key(name) in by_name}
    return replace(mapping, constants=constants, packages=matches, decimal_signs=_find_decided_signs(table, columns))


def _find_decided_signs(table: Table, columns: Mapping[str, tuple[str, ...]]) -> dict[str, DecimalSign]:
    signs = column_formats.detect_decimal_signs(table, columns)
    return {column: possible[0] for column, possible in signs.items() if len(possible) == 1}


def list_package_names(table: Table, mapping: ColumnMapping) -> tuple[str, ...]:
    """Return the names that the file uses for packages, each one once, in the order of the file."""
    read = column_formats.create_reader(table, "ticket_type", mapping.columns.get("ticket_type", ()), "")
    return tuple(dict.fromkeys(name for _, cells in table.records if (name := read(cells))))


def apply(table: Table, mapping: ColumnMapping, packages: Mapping[uuid.UUID, str]) -> Table:
    """Return the rows with our header and plain cells, each with its own number; `orders.combine` combines them.

    A cell that cannot be read stays as the file has it, so that the check reports it in its place.
    """
    columns = mapped_columns(mapping)
    normalizers = _cell_normalizers(table, mapping, packages)
    order_defaults = _read_order_defaults(table, mapping, normalizers) if mapping.combine else {}
    readers = [
        column_formats.create_reader(
            table,
            column,
            mapping.columns.get(column, ()),
            "" if column in order_defaults else _default_value(mapping, column),
            normalizers.get(column),
        )
        for column in columns
    ]
    records = tuple((row, [read(cells) for read in readers]) for row, cells in table.records)
    names = dict(zip(table.titles, table.header, strict=False))
    sources = {column: [names[title] for title in titles] for column, titles in mapping.columns.items()}
    problems = identifiers.find_numbers_as_codes(table, sources)
    for column in set(AMOUNT_COLUMNS) - mapping.amount_scopes.keys():
        for scope in order_amounts.list_scopes(table, mapping.columns, column, combine=mapping.combine)[1:]:
            for row in order_amounts.list_undecided_rows(table, mapping.columns, column, scope):
                problems.setdefault(row, {})[column] = order_amounts.UNDECIDED_MESSAGES[scope]
    date_titles = mapping.columns.get("purchase_date", ())
    is_undecided = mapping.swaps_dates is None and mapping.date_order != "iso"  # then no other dates are beside them
    if is_undecided and column_formats.is_half_converted(table, date_titles):
        read = column_formats.create_reader(table, "purchase_date", date_titles, "")
        for row, cells in table.records:
            if dates.is_spreadsheet_date(read(cells)):
                problems.setdefault(row, {})["purchase_date"] = dates.HALF_CONVERTED_MESSAGE
    signs = mapping.decimal_signs | _find_decided_signs(
        table, {"total_amount": mapping.columns.get("total_amount", ())}
    )
    found_marks, refund_rows = marks.read(
        table, mapping.columns, mapping.uses, signs.get("total_amount"), combine=mapping.combine
    )
    left_out = _find_left_out_rows(table, mapping) if status_names.LEFT_OUT in mapping.statuses.values() else {}
    return Table(
        columns,
        records,
        table.titles,
        table.row_problems,
        cell_problems=problems,
        is_mapped=True,
        order_defaults=order_defaults,
        amount_scopes=mapping.amount_scopes,
        left_out=refund_rows | left_out,
        marks=found_marks,
    )


def _find_left_out_rows(table: Table, mapping: ColumnMapping) -> dict[int, Exclusion]:
    """Return why rows are left out for their status; one without a status has that of its order."""
    read_status = column_formats.create_reader(table, "payment_status", mapping.columns.get("payment_status", ()), "")
    order_titles = mapping.columns.get("external_sale_id", ()) if mapping.combine else ()
    read_order = column_formats.create_reader(table, "external_sale_id", order_titles, "")
    rows = [(row, read_status(cells), read_order(cells)) for row, cells in table.records]
    said: dict[str, str] = {}
    for _, status, order in rows:
        if status and order:
            said.setdefault(order, status)
    words = ((row, status or said.get(order, "")) for row, status, order in rows)
    return {
        row: Exclusion("status", f"The status of this row is {word}, which you chose to leave out.")
        for row, word in words
        if mapping.statuses.get(status_names.key(word)) == status_names.LEFT_OUT
    }


def _read_order_defaults(
    table: Table, mapping: ColumnMapping, normalizers: Mapping[str, CellNormalizer]
) -> dict[str, str]:
    """Return what holds where no row of an order says it: a value for empty cells must not hide what another says."""
    defaults = {"payment_status": "completed"} | mapping.constants
    return {
        column: column_formats.create_reader(table, column, (), defaults[column], normalizers.get(column))([])
        for column in ORDER_COLUMNS
        if column in defaults
    }


def mapped_columns(mapping: ColumnMapping) -> tuple[str, ...]:
    """Return our columns that a mapping fills."""
    return tuple(column for column in COLUMNS if mapping.columns.get(column) or _default_value(mapping, column))


def format_title(mapping: ColumnMapping | None, column: str) -> str:
    """Return the title that one of our columns has in the file; without a mapping it is the column's own name."""
    titles = mapping.columns.get(column, ()) if mapping is not None else ()
    return " + ".join(titles) or column


def limit_sales(table: Table, mapping: ColumnMapping, max_sales: int) -> Table:
    """Return the table with only the rows of its first sales."""
    if not mapping.combine:
        return replace(table, records=table.records[:max_sales])
    read_order = column_formats.create_reader(
        table, "external_sale_id", mapping.columns.get("external_sale_id", ()), ""
    )
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
        "decimal_signs": mapping.decimal_signs,
        "swaps_dates": mapping.swaps_dates,
        "time_zone": mapping.time_zone,
        "amount_scopes": mapping.amount_scopes,
        "statuses": mapping.statuses,
        "uses": mapping.uses,
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
    signs, scopes = stored.get("decimal_signs", {}), stored.get("amount_scopes", {})
    return ColumnMapping(
        columns,
        constants,
        existing,
        order,
        bool(stored["combine"]),
        {column: sign for column, sign in signs.items() if column in columns and sign in get_args(DecimalSign)},
        stored.get("swaps_dates"),
        zone if (zone := stored.get("time_zone")) and time_zones.find(zone) else None,
        {column: scope for column, scope in scopes.items() if column in columns and scope in get_args(AmountScope)},
        {word: chosen for word, chosen in stored.get("statuses", {}).items() if chosen in status_names.CHOICES},
        {
            title: use
            for title, use in stored.get("uses", {}).items()
            if title in titles_here and use in get_args(ColumnUse)
        },
    )


def _cell_normalizers(
    table: Table, mapping: ColumnMapping, packages: Mapping[uuid.UUID, str]
) -> dict[str, CellNormalizer]:
    names = {name_key(name): packages[each] for name, each in mapping.packages.items() if each in packages}
    zone = _find_time_zone(mapping)
    open_columns = {column: titles for column, titles in mapping.columns.items() if column not in mapping.decimal_signs}
    signs = mapping.decimal_signs | _find_decided_signs(table, open_columns)

    def normalize_datetime(cell: str) -> str:
        return dates.normalize_datetime(cell, mapping.date_order, zone, swaps_iso=bool(mapping.swaps_dates))

    return {
        "ticket_type": lambda name: names.get(name_key(name), name),
        "quantity": _number_normalizer(mapping, signs, "quantity", import_cells.normalize_whole_number),
        "total_amount": _number_normalizer(mapping, signs, "total_amount", import_cells.normalize_amount),
        "fee_amount": _number_normalizer(mapping, signs, "fee_amount", import_cells.normalize_deduction),
        "discount_amount": _number_normalizer(mapping, signs, "discount_amount", import_cells.normalize_deduction),
        "purchase_date": normalize_datetime,
        "payment_status": lambda cell: status_names.normalize(cell, mapping.statuses),
    }


def _find_time_zone(mapping: ColumnMapping) -> tzinfo | None:
    """Return the zone of times without an offset, or None when each row has its own or it is the event's."""
    named = [time_zones.find_in_title(title) for title in mapping.columns.get("purchase_date", ())]
    in_title = next((zone for zone in named if zone is not None), None)
    if in_title is not None or mapping.columns.get("time_zone"):
        return in_title
    return time_zones.find(mapping.time_zone) if mapping.time_zone else None


def _number_normalizer(
    mapping: ColumnMapping,
    signs: Mapping[str, DecimalSign],
    column: str,
    normalize: Callable[[str, DecimalSign | None], str],
) -> CellNormalizer:
    """Return how numbers of a column are read: by its decimal sign, and in another currency not at all."""
    titles = mapping.columns.get(column, ())
    decimal_sign = signs.get(column)
    currency = next(filter(None, map(import_cells.find_foreign_currency, titles)), "")
    if currency and column in AMOUNT_COLUMNS:
        return lambda cell: f"{cell} {currency}"
    return lambda cell: normalize(cell, decimal_sign)

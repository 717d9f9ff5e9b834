"""Combine rows that are the seats or items of an order into its lines, one for each package. No database.

The rules, and the ids that stay the same whatever else is in the next file: docs/decisions/0010.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ticketing.file_reader.columns import ORDER_COLUMNS
from ticketing.imports import marks, order_amounts, parsing
from ticketing.imports.rows import BLANK_MESSAGE, MAX_QUANTITY, MAX_USD, ExistingData, Record
from ticketing.imports.table import AmountScope, Exclusion, Table
from ticketing.models import SOLD_STATUSES, Package
from ticketing.validation import email_key, name_key

MAX_ID_LENGTH = 200
_SUM_LIMITS = {"quantity": MAX_QUANTITY, "total_amount": MAX_USD, "discount_amount": MAX_USD, "fee_amount": MAX_USD}
_NO_DEFAULTS = Record(0, {"payment_status": "completed"}, {})


def combine_table(table: Table, records: Sequence[Record], existing: ExistingData, time_zone: str) -> Sequence[Record]:
    """Return the records of a table whose rows are parts of orders as `combine` does, and others as they are."""
    marks.apply(table, records)
    if not table.order_defaults:
        return records
    return combine(records, existing, parsing.parse_order_defaults(table, time_zone), table.amount_scopes)


def combine(
    records: Sequence[Record],
    existing: ExistingData,
    defaults: Record = _NO_DEFAULTS,
    scopes: Mapping[str, AmountScope] = MappingProxyType({}),
) -> list[Record]:
    """Return one record for each order, package and status, at its first row.

    What an order says once holds for all of its rows, whichever says it; `defaults` are for orders of which none does.
    Amounts that an order has once are split over its rows; `scopes` says which are, where all rows repeat them.
    The problems of a later row stay at that row, in a record without values.
    """
    combined: list[Record] = []
    groups: dict[Any, list[Record]] = defaultdict(list)
    packages_of: dict[str, set[str]] = defaultdict(set)
    rows_of: dict[str | int, list[Record]] = defaultdict(list)
    for record in records:
        if record.exclusion is not None:
            combined.append(record)
            continue
        order, name = _find_order_id(record), record.values.get("ticket_type")
        rows_of[order or record.row].append(record)
        if order is None or name is None:
            groups[record.row] = [record]
        else:
            groups[order, name_key(name)].append(record)
            packages_of[order].add(name_key(name))
    for rows in rows_of.values():
        _validate_one_status(rows)
        _fill_missing_values(rows, defaults)
        _validate_order(rows)
        order_amounts.split(rows, scopes, existing.packages)
    for rows in groups.values():
        stored: Record | None = None
        for suffix, part in _split_by_status(rows):
            line = _combine_rows(part)
            if (order := _find_order_id(line)) and "ticket_type" in line.values:
                line.values["order_number"] = order
                _assign_id(line, order, existing, is_only_package=len(packages_of[order]) == 1, suffix=suffix)
            if stored is not None and not existing.is_left_out(_find_order_id(line)):
                stored.values.setdefault("parts", []).append(line.values.get("total_amount"))
                combined.append(_create_stored_record(line))
                continue
            combined.append(line)
            if stored is None and _find_order_id(line) in existing.external_sale_ids:
                stored = line
            if not existing.is_left_out(_find_order_id(line)):
                combined += [Record(row.row, {}, row.problems, row_count=0) for row in part[1:] if row.problems]
    return sorted(combined, key=lambda record: record.row)


def _find_order_id(record: Record) -> str | None:
    return record.values.get("external_sale_id")


def _find_package(record: Record, packages: Mapping[str, Package]) -> Package | None:
    return packages.get(name_key(record.values.get("ticket_type", "")))


def _build_purchase_id(order: str, package: Package) -> str:
    """Return an id that depends on order and package only, not on the package's name or other rows."""
    return f"{order}/{package.id.hex[-8:]}"


def _assign_id(record: Record, order: str, existing: ExistingData, *, is_only_package: bool, suffix: str) -> None:
    """Set the id under which it is stored, else the order's own if that is free, else one of order and package.

    A line beside another one of the package has a longer id with the status that distinguishes it.
    """
    package = _find_package(record, existing.packages)
    if package is None:
        unknown_id = order if is_only_package else f"{order}/{name_key(record.values['ticket_type'])}"
        record.values["external_sale_id"] = f"{unknown_id}/{suffix}" if suffix else unknown_id
        return
    purchase_id = _build_purchase_id(order, package)
    if suffix:
        record.values["external_sale_id"] = f"{purchase_id}/{suffix}"
        _validate_id_length(record, order)
        return
    package_of_order = existing.find_package_of(order)
    if package_of_order == package.id:
        record.values["external_sale_id"] = order
    elif existing.find_package_of(purchase_id) or not is_only_package or package_of_order:
        record.values["external_sale_id"] = purchase_id
    _validate_id_length(record, order)


def _validate_id_length(record: Record, order: str) -> None:
    length = len(record.values["external_sale_id"])
    if length > MAX_ID_LENGTH:
        longest = MAX_ID_LENGTH - (length - len(order))
        record.problems["external_sale_id"] = f"Use at most {longest} characters for an order of several lines."


def _split_by_status(rows: list[Record]) -> list[tuple[str, list[Record]]]:
    """Return the rows of each line, with what is added to its id: refunded and failed seats are lines of their own.

    Paid and pending seats stay together, so that they are reported. The first line has the id of the package in this
    order, which it keeps when all of it is refunded later.
    """
    parts: dict[str, list[Record]] = {"": [], "refunded": [], "failed": []}
    for row in rows:
        status = row.values.get("payment_status", "")
        parts["" if status in SOLD_STATUSES or "payment_status" in row.problems else status].append(row)
    filled = [(status, part) for status, part in parts.items() if part]
    return [(status if place else "", part) for place, (status, part) in enumerate(filled)]


def _create_stored_record(line: Record) -> Record:
    """Return a record without a sale for seats that were part of a stored one before they were refunded or canceled."""
    reason = f"The other seats of {line.values['order_number']} are already in this event. The row is skipped."
    return Record(line.row, {}, {}, Exclusion("here", reason, "external_sale_id"), {}, line.row_count, line.other_rows)


def _combine_rows(rows: list[Record]) -> Record:
    first, *others = rows
    if not others:
        return first
    _validate_agreement(rows, "payment_status", "purchase", "status")
    values = dict(first.values)
    for column, limit in _SUM_LIMITS.items():
        parts = [row.values[column] for row in rows if column in row.values]
        if parts and not any(column in row.problems for row in rows):
            total = sum(parts[1:], parts[0])
            if total <= limit:
                values[column] = total
            else:
                values.pop(column, None)
                first.problems[column] = f"The rows of this purchase add up to {total:,}; the limit is {limit:,}."
    values["guests"] = _combine_guests(rows)
    other_rows = tuple(row.row for row in others)
    return Record(first.row, values, first.problems, row_count=len(rows), other_rows=other_rows)


def _validate_one_status(rows: list[Record]) -> None:
    """Report rows without a status in an order whose other rows have different ones."""
    said = list(dict.fromkeys(row.values["payment_status"] for row in rows if "payment_status" in row.values))
    if len(said) > 1:
        for row in rows:
            if row.values.get("payment_status") is None:
                row.problems.setdefault(
                    "payment_status",
                    f"Other rows of this order are {' and '.join(said)}. Enter the status of this row too.",
                )


def _fill_missing_values(rows: list[Record], defaults: Record) -> None:
    """Fill empty cells with the first value that another row of the order has, else with the default."""
    for column in ORDER_COLUMNS:
        said = (row.values[column] for row in rows if row.values.get(column) is not None)
        value, problem = next(said, defaults.values.get(column)), defaults.problems.get(column)
        for row in rows:
            is_empty = column not in row.values and row.problems.get(column, BLANK_MESSAGE) == BLANK_MESSAGE
            if is_empty and value is not None:
                row.values[column] = value
                row.problems.pop(column, None)
            elif is_empty and problem is not None:
                row.problems[column] = problem


def _validate_order(rows: list[Record]) -> None:
    """Report rows that differ from the first one of their order in what an order says once."""
    _validate_agreement(rows, "purchaser_email", "order", "buyer")
    _validate_agreement(rows, "purchase_date", "order", "date")
    _validate_agreement(rows, "promo_code", "order", "promo code")


def _validate_agreement(rows: list[Record], column: str, whole: str, label: str) -> None:
    filled = [row for row in rows if row.values.get(column) is not None]
    for row in filled[1:]:
        first_value = filled[0].values[column]
        if _comparable(row.values[column]) != _comparable(first_value):
            row.problems[column] = (
                f"Row {filled[0].row} belongs to the same {whole} and has {first_value}. "
                f"{'An' if whole == 'order' else 'A'} {whole} has one {label}."
            )


def _comparable(value: Any) -> Any:
    return email_key(value) if isinstance(value, str) else value


def _combine_guests(rows: list[Record]) -> tuple[tuple[int, str, str | None], ...]:
    guests: list[tuple[int, str, str | None]] = []
    packages_before = 0
    for row in rows:
        guests += [(packages_before + offset, name, email) for offset, name, email in row.values.get("guests", ())]
        packages_before += row.values.get("quantity", 1)
    return tuple(guests)

"""Amounts that a file gives once for an order, and their split over its rows to the cent. No database.

Source: docs/decisions/0010. Whose an amount is that all rows of an order repeat, only staff can say (`list_scopes`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from ticketing import money
from ticketing.imports import column_formats, column_names, identifiers
from ticketing.imports.rows import BLANK_MESSAGE, Record
from ticketing.imports.table import AmountScope, Table
from ticketing.models import Package
from ticketing.validation import name_key

UNDECIDED_MESSAGES: Mapping[AmountScope, str] = {
    "order": "All rows of this order have this amount. Choose where columns are matched whether it is the order's.",
    "unit": "This may be the price of one. Choose where columns are matched what it is.",
}
# The total last: what is left of the list price after the discount decides how it is split.
_SPLIT_COLUMNS = ("discount_amount", "fee_amount", "total_amount")
_ZERO = re.compile(r"[^1-9]*")


def list_scopes(
    table: Table, columns: Mapping[str, Sequence[str]], column: str, *, combine: bool
) -> tuple[AmountScope, ...]:
    """Return whose the amounts of a column can be; two when staff have to choose, the row's always first.

    They can be the order's when all rows of each order repeat them, but for fees in a list of attendees. They can be
    those of one when the title is a price and a row has a quantity of more than one.
    """
    titles = columns.get(column, ())
    if not titles:
        return ("row",)
    if column == "total_amount" and all(map(column_names.is_unit_price, titles)):
        return ("row", "unit") if list_undecided_rows(table, columns, column, "unit") else ("row",)
    is_fee_of_seat = column == "fee_amount" and any(map(column_names.is_of_seat, table.titles))
    if is_fee_of_seat or not combine:
        return ("row",)
    return ("row", "order") if list_undecided_rows(table, columns, column, "order") else ("row",)


def list_undecided_rows(
    table: Table, columns: Mapping[str, Sequence[str]], column: str, scope: AmountScope
) -> dict[int, str]:
    """Return the amounts, by row, that may be the whole order's or those of one."""
    read_amount = column_formats.create_reader(table, column, columns.get(column, ())[:1], "")
    if scope == "unit":
        read_quantity = column_formats.create_reader(table, "quantity", columns.get("quantity", ()), "")
        amounts = ((row, read_amount(cells), read_quantity(cells)) for row, cells in table.records)
        return {row: amount for row, amount, quantity in amounts if amount and quantity.strip(" 0.,") not in ("", "1")}
    read_order = column_formats.create_reader(table, "external_sale_id", columns.get("external_sale_id", ()), "")
    amounts_of: dict[str, dict[int, str]] = defaultdict(dict)
    for row, cells in table.records:
        if order := read_order(cells):
            amounts_of[order][row] = read_amount(cells)
    damaged = identifiers.find_damaged_ids(amounts_of)  # of which several have become one
    several = [
        amounts
        for order, amounts in amounts_of.items()
        if order not in damaged and sum(map(bool, amounts.values())) > 1
    ]
    if any(len(set(amounts.values())) > 1 for amounts in several):
        return {}
    return {row: amount for amounts in several for row, amount in amounts.items() if not _ZERO.fullmatch(amount)}


def split(rows: list[Record], scopes: Mapping[str, AmountScope], packages: Mapping[str, Package]) -> None:
    """Give each row of an order its share of the amounts that the order has once.

    These are the columns that staff call the order's, and those that a single row has. A share follows the list price,
    that of a total what the discount leaves of it. Rows that differ in such an amount have a problem.
    """
    if len(rows) < 2:
        return
    for column in _SPLIT_COLUMNS:
        filled = [row for row in rows if column in row.values]
        scope = scopes.get(column)
        is_unreadable = any(row.problems.get(column, BLANK_MESSAGE) != BLANK_MESSAGE for row in rows)
        if not filled or is_unreadable or not (scope == "order" or (len(filled) == 1 and scope is None)):
            continue
        amount = filled[0].values[column]
        for row in filled[1:]:
            if row.values[column] != amount:
                row.problems[column] = (
                    f"Row {filled[0].row} belongs to the same order and has {money.format_dollars(amount)}. "
                    "The amount of an order is the same in all of its rows."
                )
        for row, share in zip(rows, _split_by_price(amount, rows, column, packages), strict=True):
            row.values[column] = share
            if row.problems.get(column) == BLANK_MESSAGE:
                del row.problems[column]


def _split_by_price(
    amount: Decimal, rows: Sequence[Record], column: str, packages: Mapping[str, Package]
) -> list[Decimal]:
    list_prices, counts = [], []
    for row in rows:
        package, quantity = packages.get(name_key(row.values.get("ticket_type", ""))), row.values.get("quantity", 0)
        list_prices.append(package.price * quantity if package else money.ZERO)
        counts.append(Decimal(quantity))
    left = [
        max(price - row.values.get("discount_amount", money.ZERO), money.ZERO)
        for price, row in zip(list_prices, rows, strict=True)
    ]
    candidates = (left if column == "total_amount" else list_prices, list_prices, counts, [Decimal(1)] * len(rows))
    return money.split(amount, next(weights for weights in candidates if any(weights)))

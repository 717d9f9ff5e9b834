"""Refunds and cancellations that a file says in columns of their own, and in rows of their own. No database.

Staff choose the meaning of such columns (`left_out_columns`). `read` collects what they say of each row, and `apply`
sets the status of the rows, or warns of refunds in part: docs/product.md, "Import".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Literal

from ticketing import money
from ticketing.file_reader.columns import normalize_name
from ticketing.imports import cells as import_cells
from ticketing.imports import column_formats, left_out_columns
from ticketing.imports.cells import DecimalSign
from ticketing.imports.rows import Record
from ticketing.imports.table import ColumnUse, Exclusion, Mark, Table
from ticketing.models import SOLD_STATUSES

_COUNT_WORDS = frozenset({"quantity", "qty", "count", "tickets", "items", "seats"})
# Where one of these is only in the first row of each order, other columns are read as the order's as well.
_SAID_ONCE = ("payment_status", "total_amount", "purchaser_name", "purchaser_email")
_MARKING_USES = ("refunded", "failed", "status")
Status = Literal["refunded", "failed"]


def read(
    table: Table,
    columns: Mapping[str, Sequence[str]],
    uses: Mapping[str, ColumnUse],
    decimal_sign: DecimalSign | None,
    *,
    combine: bool,
) -> tuple[dict[int, list[Mark]], dict[int, Exclusion]]:
    """Return what the columns say of each row of a foreign file, and why rows are left out that are refunds.

    `columns` and `uses` are those of the mapping, `decimal_sign` is that of the total.
    """
    titles = [title for title in table.titles if uses.get(title, "ignore") != "ignore"]
    if not titles:
        return {}, {}
    found = _read_cells(table, columns, titles)
    marks: dict[int, list[Mark]] = defaultdict(list)
    is_once = combine and any(_is_said_once(rows, found.order_of) for rows in found.rows_that_say.values())
    for title in titles:
        if uses[title] in _MARKING_USES:
            _read_column(title, uses[title], decimal_sign, found, marks, orders_are_said_once=is_once)
    row_titles = [title for title in titles if uses[title] == "refund_rows"]
    left_out = _read_refund_rows(row_titles, decimal_sign, found, marks) if row_titles else {}
    return dict(marks), left_out


@dataclass
class _Cells:
    """What is read of a file in one pass, all by row: cells that are not blank, by title or of one column.

    `rows_that_say` are the rows with a cell in columns that an order may say once.
    """

    filled: dict[str, dict[int, str]]
    order_of: dict[int, str] = field(default_factory=dict)
    total_of: dict[int, str] = field(default_factory=dict)
    reference_of: dict[int, str] | None = None
    rows_that_say: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


def _read_cells(table: Table, columns: Mapping[str, Sequence[str]], titles: Sequence[str]) -> _Cells:
    found = _Cells({title: {} for title in titles})
    names = set(map(normalize_name, left_out_columns.rules().references))
    reference = next((place for place, each in enumerate(table.titles) if normalize_name(each) in names), None)
    if reference is not None:
        found.reference_of = {}
    places = [(found.filled[title], table.titles.index(title)) for title in titles]
    readers = {
        column: column_formats.create_reader(table, column, columns.get(column, ()), "")
        for column in ("external_sale_id", *_SAID_ONCE)
    }
    for row, cells in table.records:
        for filled, place in places:
            if cell := cells[place].strip():
                filled[row] = cell
        if order := readers["external_sale_id"](cells):
            found.order_of[row] = order
        for column in _SAID_ONCE:
            if cell := readers[column](cells):
                found.rows_that_say[column].add(row)
                if column == "total_amount":
                    found.total_of[row] = cell
        if found.reference_of is not None and reference is not None and (cell := cells[reference].strip()):
            found.reference_of[row] = cell
    return found


def _read_column(
    title: str,
    use: ColumnUse,
    decimal_sign: DecimalSign | None,
    found: _Cells,
    marks: dict[int, list[Mark]],
    *,
    orders_are_said_once: bool,
) -> None:
    filled = found.filled[title]
    is_flag = set(filled.values()) <= {"0", "1"}
    sign = _find_sign(filled.values(), decimal_sign)
    is_said_once = orders_are_said_once and _is_said_once(filled, found.order_of)
    words = normalize_words(title)
    for row, cell in filled.items():
        amount = None if is_flag else _parse_amount(cell, sign)
        is_unclear = amount is None and not is_flag and left_out_columns.is_number(cell)
        status = _find_status(cell, use)
        # A zero says that this seat of an order was not refunded, beside others that were.
        if status is None or (left_out_columns.reads_as_no(cell) and (amount != 0 or is_said_once)):
            continue
        marks[row].append(
            Mark(
                status,
                title,
                amount,
                is_count=bool(words & _COUNT_WORDS),
                is_partial=left_out_columns.is_partial(title) or left_out_columns.is_partial(cell),
                unclear=cell if is_unclear else "",
                is_in_full=left_out_columns.is_in_full(title) or left_out_columns.is_in_full(cell),
                is_said_once=is_said_once or "order" in words,
            )
        )


def normalize_words(title: str) -> set[str]:
    """Return the words of a title in the form in which they are compared."""
    return {normalize_name(word) for word in title.split()}


def _find_sign(cells: Iterable[str], of_total: DecimalSign | None) -> DecimalSign | None:
    own = import_cells.detect_decimal_signs(cells)
    return own[0] if len(own) == 1 else of_total


def _parse_amount(cell: str, sign: DecimalSign | None) -> Decimal | None:
    if sign is None and len(import_cells.detect_decimal_signs([cell])) > 1:
        return None
    try:
        return abs(Decimal(import_cells.normalize_amount(cell, sign)))
    except InvalidOperation:
        return None


def _is_said_once(filled: Container[int], order_of: Mapping[int, str]) -> bool:
    """Return whether a column has a cell only in the first row of each order with several rows."""
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, order in order_of.items():
        rows_of[order].append(row)
    several = [rows for rows in rows_of.values() if len(rows) > 1 and any(row in filled for row in rows)]
    return bool(several) and all(row not in filled for rows in several for row in rows[1:])


def _find_status(cell: str, use: ColumnUse) -> Status | None:
    if use == "refunded" or use == "failed":
        return use
    if left_out_columns.speaks_of_refund(cell):
        return "refunded"
    return "failed" if left_out_columns.speaks_of_cancellation(cell) else None


def _read_refund_rows(
    titles: Sequence[str], decimal_sign: DecimalSign | None, found: _Cells, marks: dict[int, list[Mark]]
) -> dict[int, Exclusion]:
    """Mark the sales that rows of refunds refer to, and return why these rows are left out."""
    refunds = {
        row: title
        for title in titles
        for row, cell in found.filled[title].items()
        if left_out_columns.speaks_of_refund(cell) or left_out_columns.speaks_of_cancellation(cell)
    }
    sales_of: dict[str, list[int]] = defaultdict(list)
    for row, order in found.order_of.items():
        if row not in refunds:
            sales_of[order].append(row)
    reasons: dict[int, Exclusion] = {}
    for row, title in refunds.items():
        order = (found.order_of if found.reference_of is None else found.reference_of).get(row, "")
        sales = sales_of.get(order, [])
        amount = _parse_amount(found.total_of.get(row, ""), decimal_sign)
        for sale_row in sales:
            marks[sale_row].append(Mark("refunded", title, amount, is_said_once=True))
        how_much = f" of {money.format_dollars(amount)}" if amount is not None else ""
        if sales:
            reason = f"This row is a refund{how_much} for {order}, in row {sales[0]}."
        else:
            is_named = order and found.reference_of is not None
            named = f"{order}, which is not in this file" if is_named else "a sale it doesn't name"
            reason = f"This row is a refund{how_much} for {named}. Find the sale here, and mark it as refunded."
        reasons[row] = Exclusion("refund_row", reason, title)
    return reasons


def apply(table: Table, records: Sequence[Record]) -> None:
    """Set the status of refunded and canceled rows of a mapped table, and warn of refunds in part.

    Rows are compared with their order where rows are parts of orders. What an order says once is about all of its rows.
    """
    if not table.marks:
        return
    is_combined = bool(table.order_defaults)
    rows_of: dict[str | int, list[Record]] = defaultdict(list)
    for record in records:
        if record.exclusion is None:
            order = record.values.get("external_sale_id") if is_combined else None
            rows_of[order or record.row].append(record)
    for rows in rows_of.values():
        marks = {row.row: table.marks[row.row] for row in rows if row.row in table.marks}
        if marks:
            _apply_to_order(rows, marks, table)


@dataclass(frozen=True)
class _Verdict:
    """How a row ends by one column: as a whole, or with a refund of a part that may not be known."""

    mark: Mark
    is_whole: bool
    whole: Decimal | None = None


def _apply_to_order(rows: list[Record], marks: Mapping[int, Sequence[Mark]], table: Table) -> None:
    titles = dict.fromkeys(mark.title for each in marks.values() for mark in each)
    repeats_total = table.amount_scopes.get("total_amount") == "order"
    verdicts: dict[int, list[_Verdict]] = defaultdict(list)
    for title in titles:
        of_title = {number: found for number, each in marks.items() if (found := _sum_marks(each, title))}
        for number, verdict in _judge(rows, of_title, repeats_total=repeats_total).items():
            verdicts[number].append(verdict)
    ends = {number: end for number, found in verdicts.items() if (end := _decide(found))}
    said = [row.values["payment_status"] for row in rows if "payment_status" in row.values]
    default = said[0] if said else table.order_defaults.get("payment_status", "completed")
    has_whole = any(end.is_whole for end in ends.values())
    for row in rows:
        end = ends.get(row.row)
        if has_whole and len(set(said)) < 2 and "payment_status" not in row.problems:
            row.values.setdefault("payment_status", default)
        if end is not None and end.is_whole:
            _set_status(row, end.mark.status)
        elif end is not None and row.values.get("payment_status", default) in SOLD_STATUSES:
            row.warnings[end.mark.title] = _describe_part(end)


def _sum_marks(marks: Sequence[Mark], title: str) -> Mark | None:
    """Return what a column says of a row. Only rows of refunds can say something several times of a sale."""
    of_title = [mark for mark in marks if mark.title == title]
    amounts = [mark.amount for mark in of_title if mark.amount is not None]
    if not of_title:
        return None
    return replace(of_title[0], amount=sum(amounts, Decimal(0))) if len(amounts) == len(of_title) else of_title[0]


def _judge(rows: list[Record], marks: Mapping[int, Mark], *, repeats_total: bool) -> dict[int, _Verdict]:
    """Return how the rows of an order end by one column; rows of which it says nothing are not among them."""
    filled = {row: mark for row, mark in marks.items() if mark.amount is None or mark.amount > 0}
    if not filled:
        return {}
    first_row, first = next(iter(filled.items()))
    whole = _get_whole(rows, first, repeats_total=repeats_total)
    amounts = {mark.amount for mark in filled.values()}
    is_repeated = len(filled) == len(rows) > 1 and len(amounts) == 1 and first.amount is not None
    if first.is_said_once or (is_repeated and whole is not None and (first.amount or 0) * len(rows) > whole):
        verdict = _compare(first, whole)
        return {row.row: verdict for row in rows} if verdict.is_whole else {first_row: verdict}
    by_number = {row.row: row for row in rows}
    return {
        row: _compare(mark, _get_whole([by_number[row]], mark, repeats_total=False)) for row, mark in filled.items()
    }


def _get_whole(rows: list[Record], mark: Mark, *, repeats_total: bool) -> Decimal | None:
    """Return the total of these rows, or their quantity; None when a row has none that can be read."""
    column = "quantity" if mark.is_count else "total_amount"
    values = [Decimal(row.values[column]) for row in rows if column in row.values]
    if not values:
        return None
    return values[0] if repeats_total and not mark.is_count else sum(values, Decimal(0))


def _compare(mark: Mark, whole: Decimal | None) -> _Verdict:
    if mark.amount is None:
        return _Verdict(mark, is_whole=not mark.is_partial and not mark.unclear)
    return _Verdict(mark, is_whole=whole is not None and mark.amount >= whole, whole=whole)


def _decide(verdicts: Sequence[_Verdict]) -> _Verdict | None:
    """Return how a row ends by all columns: an amount says more than a word or a date, unless that says "fully"."""
    explicit = [each for each in verdicts if each.is_whole and each.mark.is_in_full]
    by_amount = [each for each in verdicts if each.mark.amount is not None and each.mark.status == "refunded"]
    canceled = [each for each in verdicts if each.is_whole and each.mark.status == "failed"]
    by_word = [each for each in verdicts if each.mark.status == "refunded"]
    for candidates in (explicit, [each for each in by_amount if each.is_whole], canceled, by_amount):
        if candidates:
            return candidates[0]
    parts = [each for each in by_word if not each.is_whole]
    return next(iter(parts or by_word or verdicts), None)


def _set_status(row: Record, status: Status) -> None:
    if row.values.get("payment_status", "completed") in SOLD_STATUSES or status == "refunded":
        row.values["payment_status"] = status
        row.problems.pop("payment_status", None)


def _describe_part(end: _Verdict) -> str:
    kept = "The sale is imported with its whole total."
    amount = end.mark.amount
    if end.mark.unclear:
        return f"{end.mark.unclear} cannot be read as a refunded amount without doubt. {kept} Compare with the seller."
    if amount is None:
        return f"A part of this sale was refunded. {kept}"
    if end.mark.is_count:
        of = f" of {end.whole:f}" if end.whole is not None else ""
        return f"{amount:f}{of} packages were refunded. {kept}"
    of = f" of {money.format_dollars(end.whole)}" if end.whole is not None else ""
    return f"{money.format_dollars(amount)}{of} was refunded. {kept}"

"""A file of sales once it was read, whatever its format: columns, and rows with their numbers.

Source of the columns: docs/product.md, "Import".
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ticketing.errors import InvalidInput

MAX_ROWS = 50_000
MAX_COLUMNS = 500
REQUIRED_COLUMNS = (
    "ticket_type",
    "purchaser_name",
    "purchaser_email",
    "quantity",
    "total_amount",
    "purchase_date",
    "external_sale_id",
)
OPTIONAL_COLUMNS = ("promo_code", "discount_amount", "fee_amount", "payment_status", "notes", "purchaser_phone")
GUEST_COLUMNS = ("guest_name", "guest_email")  # only under a mapping
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS + GUEST_COLUMNS
# A file may have an event_id, which is ignored: the import goes into the event that is open.
KNOWN_COLUMNS = frozenset({*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, "event_id"})


@dataclass(frozen=True)
class Table:
    """The header, and each record that is not blank with its row number.

    `header` has the names in lower case with underscores. The header is row 1; a blank record is skipped but keeps its
    number, as in a spreadsheet program. `titles` are the names as the file writes them, made unique: a second
    "Address" is "Address (2)", one without a name is "Column 5". `row_problems` says what is wrong with rows that
    cannot be read at all. A mapped table has our header, whatever the file's was.
    """

    header: tuple[str, ...]
    records: tuple[tuple[int, list[str]], ...]
    titles: tuple[str, ...] = ()
    row_problems: Mapping[int, str] = field(default_factory=dict)
    is_mapped: bool = False


def build(numbered_rows: Iterable[tuple[int, list[str]]]) -> Table:
    """Return the table of numbered rows, the first of which is the header.

    Raises InvalidInput (field `file`) without any record, and beyond MAX_ROWS or MAX_COLUMNS.
    """
    rows = iter(numbered_rows)
    _, header = next(rows, (1, []))
    if len(header) > MAX_COLUMNS:
        raise unreadable_file_error(f"This file has {len(header):,} columns; an import takes at most {MAX_COLUMNS:,}.")
    records = []
    row_problems = {}
    row_count = 0
    for row, cells in rows:
        if any(cell and not cell.isspace() for cell in cells):
            row_count += 1
            if row_count <= MAX_ROWS:
                records.append((row, cells))
                if any(cell.strip() for cell in cells[len(header) :]):
                    row_problems[row] = (
                        f"This row has {len(cells)} cells and the header has {len(header)}. "
                        "Put text that contains the separator between quotation marks."
                    )
    if not records:
        raise unreadable_file_error("This file has a header and no rows. Choose a file with at least one row.")
    if row_count > MAX_ROWS:
        raise unreadable_file_error(
            f"This file has {row_count:,} rows; an import takes at most {MAX_ROWS:,}. Split it."
        )
    return Table(normalize_header(header), tuple(records), _make_titles_unique(header), row_problems)


def normalize_header(header: Sequence[str]) -> tuple[str, ...]:
    """Return column names in the form of ours: "Ticket Type" is ticket_type."""
    return tuple(re.sub(r"[\s_-]+", "_", name.strip()).casefold() for name in header)


def unreadable_file_error(sentence: str) -> InvalidInput:
    """Return the error for a file that cannot be read at all."""
    return InvalidInput({"file": sentence})


def empty_file_error() -> InvalidInput:
    """Return the error for a file without anything in it."""
    return unreadable_file_error("This file is empty. Choose a file with a header and at least one row.")


def _make_titles_unique(header: Sequence[str]) -> tuple[str, ...]:
    titles: list[str] = []
    counts: Counter[str] = Counter()
    taken = {name.strip() for name in header}
    for number, name in enumerate(header, start=1):
        title = re.sub(r"\s+", " ", name).strip() or f"Column {number}"
        counts[title] += 1
        if counts[title] > 1:
            title = next(each for n in itertools.count(counts[title]) if (each := f"{title} ({n})") not in taken)
            taken.add(title)
        titles.append(title)
    return tuple(titles)

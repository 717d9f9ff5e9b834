"""What a file of sales is once it was read, whatever its format: columns, rows, and their numbers.

Source of the columns: PRODUCT "Import".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ticketing.errors import InvalidInput

MAX_ROWS = 50_000
MAX_COLUMNS = 500
REQUIRED_COLUMNS = (
    "ticket_type", "purchaser_name", "purchaser_email", "quantity", "total_amount", "purchase_date",
    "external_sale_id",
)  # fmt: skip
OPTIONAL_COLUMNS = (
    "promo_code", "discount_amount", "fee_amount", "payment_status", "notes", "purchaser_phone", "event_id",
)  # fmt: skip
KNOWN_COLUMNS = frozenset(REQUIRED_COLUMNS + OPTIONAL_COLUMNS)
GUEST_COLUMNS = frozenset({"guest_name", "guest_email"})  # only under a mapping


@dataclass(frozen=True)
class Table:
    """The header's names, in lower case with underscores, and each record that is not blank with its row number.

    The header is row 1; a blank record is passed over but keeps its number, as in a spreadsheet program. `titles` are
    the names as the file writes them, each one once: a second "Address" is "Address (2)", one without a name
    "Column 5". `faults` says of rows that cannot be read at all what is wrong with them. A mapped table has
    our header whatever the file's was.
    """

    header: tuple[str, ...]
    records: tuple[tuple[int, list[str]], ...]
    titles: tuple[str, ...] = ()
    row_problems: Mapping[int, str] = field(default_factory=dict)
    is_mapped: bool = False


def build(numbered: Iterable[tuple[int, list[str]]]) -> Table:
    """A table of rows, the first of which is the header. Raises InvalidInput where there is nothing to import."""
    rows = iter(numbered)
    _, header = next(rows, (1, []))
    if len(header) > MAX_COLUMNS:
        raise unreadable_file_error(f"This file has {len(header):,} columns; an import takes at most {MAX_COLUMNS:,}.")
    records = []
    faults = {}
    count = 0
    for row, cells in rows:
        if any(cell and not cell.isspace() for cell in cells):
            count += 1
            if count <= MAX_ROWS:
                records.append((row, cells))
                if any(cell.strip() for cell in cells[len(header) :]):
                    faults[row] = (
                        f"This row has {len(cells)} cells and the header has {len(header)}. "
                        "Put text that contains the separator between quotation marks."
                    )
    if not records:
        raise unreadable_file_error("This file has a header and no rows. Choose a file with at least one row.")
    if count > MAX_ROWS:
        raise unreadable_file_error(f"This file has {count:,} rows; an import takes at most {MAX_ROWS:,}. Split it.")
    return Table(normalize_header(header), tuple(records), _make_titles_unique(header), faults)


def normalize_header(header: Sequence[str]) -> tuple[str, ...]:
    """Column names as we compare them: "Ticket Type" is ticket_type."""
    return tuple(re.sub(r"[\s_-]+", "_", name.strip()).casefold() for name in header)


def unreadable_file_error(sentence: str) -> InvalidInput:
    return InvalidInput({"file": sentence})


def empty_file_error() -> InvalidInput:
    return unreadable_file_error("This file is empty. Choose a file with a header and at least one row.")


def _make_titles_unique(header: Sequence[str]) -> tuple[str, ...]:
    titles: list[str] = []
    seen: Counter[str] = Counter()
    taken = {name.strip() for name in header}
    for place, name in enumerate(header, start=1):
        title = re.sub(r"\s+", " ", name).strip() or f"Column {place}"
        seen[title] += 1
        if seen[title] > 1:
            numbered = (f"{title} ({number})" for number in chain([seen[title]], range(seen[title] + 1, 10_000)))
            title = next(each for each in numbered if each not in taken)
            taken.add(title)
        titles.append(title)
    return tuple(titles)

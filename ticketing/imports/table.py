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

MOST_ROWS = 50_000
MOST_COLUMNS = 500
REQUIRED = (
    "ticket_type", "purchaser_name", "purchaser_email", "quantity", "total_amount", "purchase_date",
    "external_sale_id",
)  # fmt: skip
OPTIONAL = (
    "promo_code", "discount_amount", "fee_amount", "payment_status", "notes", "purchaser_phone", "event_id",
)  # fmt: skip
KNOWN = frozenset(REQUIRED + OPTIONAL)
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
    faults: Mapping[int, str] = field(default_factory=dict)
    is_mapped: bool = False


def build(numbered: Iterable[tuple[int, list[str]]]) -> Table:
    """A table of rows, the first of which is the header. Raises InvalidInput where there is nothing to import."""
    rows = iter(numbered)
    _, header = next(rows, (1, []))
    if len(header) > MOST_COLUMNS:
        raise unreadable(f"This file has {len(header):,} columns; an import takes at most {MOST_COLUMNS:,}.")
    records = []
    faults = {}
    count = 0
    for row, cells in rows:
        if any(cell and not cell.isspace() for cell in cells):
            count += 1
            if count <= MOST_ROWS:
                records.append((row, cells))
                if any(cell.strip() for cell in cells[len(header) :]):
                    faults[row] = (
                        f"This row has {len(cells)} cells and the header has {len(header)}. "
                        "Put text that contains the separator between quotation marks."
                    )
    if not records:
        raise unreadable("This file has a header and no rows. Choose a file with at least one row.")
    if count > MOST_ROWS:
        raise unreadable(f"This file has {count:,} rows; an import takes at most {MOST_ROWS:,}. Split it.")
    return Table(names(header), tuple(records), _titles(header), faults)


def names(header: Sequence[str]) -> tuple[str, ...]:
    """Column names as we compare them: "Ticket Type" is ticket_type."""
    return tuple(re.sub(r"[\s_-]+", "_", name.strip()).casefold() for name in header)


def unreadable(sentence: str) -> InvalidInput:
    return InvalidInput({"file": sentence})


def empty() -> InvalidInput:
    return unreadable("This file is empty. Choose a file with a header and at least one row.")


def _titles(header: Sequence[str]) -> tuple[str, ...]:
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

"""Find the header of a table that has titles, notes or group headings above it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ticketing.file_reader.columns import load_known_names, normalize_name

MAX_ROWS_TO_HEADER = 30
_MIN_KNOWN_NAMES = 3
# A row with such a cell is one of the table: an e-mail address, a number, an amount, a date.
_VALUE = re.compile(r".*@.*|\W*[0-9][\d\s.,:/$€£%+-]*")


def find_header(rows: Sequence[Sequence[str]]) -> int:
    """Return the place of the header among the first rows, those that are not blank.

    It is the first row that knows most columns: three, or two above the first e-mail address, since cells such as
    "Ticket" and "Paid" are names of columns as well. Without such a row it is the first that is at least half as wide
    as the widest, which titles are not. `rows` must not be empty.
    """
    known = [count_known_names(cells) for cells in rows]
    if max(known) < _MIN_KNOWN_NAMES:
        addresses = (place for place, cells in enumerate(rows) if any("@" in cell for cell in cells))
        known = known[: next(addresses, len(rows))]
    if known and max(known) > 1:
        return known.index(max(known))
    widths = [count_filled(cells) for cells in rows]
    return next(place for place, width in enumerate(widths) if width * 2 >= max(widths))


def count_known_names(cells: Sequence[str]) -> int:
    """Return how many different names of columns a row has; 0 for a row with values in it."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if any(_VALUE.fullmatch(cell) for cell in filled):
        return 0
    return len(load_known_names() & {normalize_name(cell) for cell in filled if len(cell) < 100})


def count_filled(cells: Sequence[str]) -> int:
    """Return the number of cells that are not blank."""
    return sum(1 for cell in cells if cell.strip())

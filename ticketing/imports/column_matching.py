"""Find the columns of a foreign file that are ours, by their titles and by what is in them.

`column_mapping.propose` puts the proposal together. Source: docs/decisions/0010.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from ticketing.file_reader.columns import REQUIRED_COLUMNS
from ticketing.imports import cells as import_cells
from ticketing.imports import column_formats, column_names, dates, time_zones
from ticketing.imports.table import Table
from ticketing.validation import name_key


def has_seat_rows(table: Table, sample: Table) -> bool:
    """Return whether rows are seats or items of orders: an order number repeats, or there is a column of seats."""
    titles = match_by_name(sample, "external_sale_id", has_seat_rows=False)
    read = column_formats.create_reader(table, "external_sale_id", titles, "")
    counts = Counter(order for _, cells in table.records if (order := read(cells)))
    names = {column_names.normalize(title) for title in table.titles}
    return any(count > 1 for count in counts.values()) or bool(
        names & {*column_names.SEAT_COLUMNS, column_names.NAME_IS_ORDER_BESIDE}
    )


def match_by_name(sample: Table, column: str, has_seat_rows: bool) -> tuple[str, ...]:
    """Return the titles that by name are one of our columns: of several aliases the first that is filled at all.

    For a required column it is the alias that is filled in most rows.
    """
    titles: dict[str, str] = {}
    for title in sample.titles:
        titles.setdefault(column_names.normalize(time_zones.strip_from_title(title)), title)
    if column_names.NAME_IS_ORDER_BESIDE in titles and "name" in titles:
        order_title = titles.pop("name")
        if column == "external_sale_id":
            return (order_title,)
    best: tuple[int, tuple[str, ...]] = (0, ())
    for alias in column_names.ALIASES[column]:
        names = [column_names.normalize(name) for name in alias]
        if (alias[0].endswith("*") and not has_seat_rows) or not titles.keys() >= set(names):
            continue
        candidate = tuple(titles[name] for name in names)
        read = column_formats.create_reader(sample, column, candidate, "")
        filled = sum(1 for _, cells in sample.records if read(cells))
        if not best[1] or (filled > best[0] and (column in REQUIRED_COLUMNS or not best[0])):
            best = filled, candidate
    return best[1]


def list_filled_titles(table: Table) -> set[str]:
    """Return the titles of the columns that are not blank in every row."""
    blank = dict(enumerate(table.titles))
    for _, cells in table.records:
        for place in [place for place in blank if cells[place] and not cells[place].isspace()]:
            del blank[place]
        if not blank:
            break
    return set(table.titles) - set(blank.values())


def drop_purchasers_as_guests(columns: dict[str, tuple[str, ...]]) -> None:
    """Drop guest columns that are also the purchaser's, unless their title says "attendee" or "guest"."""
    for guest, purchaser in (("guest_name", "purchaser_name"), ("guest_email", "purchaser_email")):
        titles = columns.get(guest, ())
        is_named_guest = bool(titles) and column_names.normalize(titles[0]).startswith(("attendee", "guest"))
        if titles == columns.get(purchaser) and not is_named_guest:
            columns.pop(guest, None)
    if "guest_name" not in columns:
        columns.pop("guest_email", None)


def add_matches_by_content(
    sample: Table, packages: Mapping[uuid.UUID, str], columns: dict[str, tuple[str, ...]]
) -> None:
    """Add the columns that no title matched and whose cells are all e-mail addresses, dates or names of packages."""
    names = {name_key(name) for name in packages.values()}
    tests: dict[str, Callable[[str], bool]] = {
        "purchaser_email": import_cells.is_email,
        "purchase_date": dates.is_date,
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

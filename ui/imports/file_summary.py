"""What the choice of columns shows of a file: its titles, and the first values of each column."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ticketing.formatting import replace_control_characters
from ticketing.imports.table import Table

MAX_EXAMPLES = 3


@dataclass(frozen=True)
class FileSummary:
    """What the choice of columns shows of a file.

    `examples` are the first different values of a column, `empty_counts` the rows in which it is empty, both by its
    title, as are the cells of `first_rows`.
    """

    rows: int
    titles: tuple[str, ...]
    examples: Mapping[str, tuple[str, ...]]
    empty_counts: Mapping[str, int]
    first_rows: tuple[Mapping[str, str], ...]


def summarize(table: Table) -> FileSummary:
    """Return the summary of a file, in one pass over its rows."""
    examples: dict[str, dict[str, None]] = defaultdict(dict)
    empty_counts: Counter[str] = Counter()
    for _, cells in table.records:
        for place, title in enumerate(table.titles):
            value = cells[place].strip() if place < len(cells) else ""
            if not value:
                empty_counts[title] += 1
            elif len(examples[title]) < MAX_EXAMPLES:
                examples[title][replace_control_characters(value[:60])] = None
    first_rows = tuple(
        dict(zip(table.titles, map(replace_control_characters, cells), strict=True))
        for _, cells in table.records[:MAX_EXAMPLES]
    )
    first_values = {title: tuple(values) for title, values in examples.items()}
    return FileSummary(len(table.records), table.titles, first_values, empty_counts, first_rows)

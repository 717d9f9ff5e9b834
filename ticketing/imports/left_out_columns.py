"""Columns that no field takes although they speak of refunds, currencies, taxes, time zones or other prices.

Nothing of that kind is dropped silently: each has a proposed meaning, and staff choose one before a file can be
imported. Which words speak of what is in left_out_columns.toml. Source: docs/product.md, "Import".
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal, cast, get_args

from pydantic import BaseModel, ConfigDict

from ticketing.file_reader.columns import KNOWN_COLUMNS
from ticketing.formatting import format_count, replace_control_characters
from ticketing.imports import cells as import_cells
from ticketing.imports.rows import Problem
from ticketing.imports.table import ColumnUse, Table

Kind = Literal["refund", "cancellation", "chargeback", "currency", "tax", "time_zone", "price", "rows"]
# What a column can mean: a use, or a field that takes it. "add_to_total" is one more column of the total.
Meaning = Literal[ColumnUse, "currency", "time_zone", "total_amount", "add_to_total"]
FIELD_OF: Mapping[str, str] = {
    "currency": "currency",
    "time_zone": "time_zone",
    "total_amount": "total_amount",
    "add_to_total": "total_amount",
}
SUBJECTS: Mapping[Kind, str] = {
    "refund": "refunds",
    "cancellation": "cancellations",
    "chargeback": "chargebacks",
    "currency": "a currency",
    "tax": "taxes",
    "time_zone": "a time zone",
    "price": "another price",
    "rows": "refunds or cancellations",
}
_MAX_EXAMPLES = 3
_CHUNK_ROWS = 2000
# A column of kinds of rows, such as PayPal's "Type", has few different words; a note that mentions a refund has many.
_MAX_ROW_WORDS = 12
_MAX_WORD_LENGTH = 40
_NUMBER = re.compile(r"[-+(]?[^0-9A-Za-z]{0,3}[0-9][0-9., ']*[^0-9A-Za-z]{0,3}\)?")
_MINUS_SIGNS = ("-", "\u2212", "(")
_ZERO = re.compile(r"[^1-9A-Za-z]*")


class KindRule(BaseModel):
    """How a kind of column is recognized by its title, and what it can mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Kind
    words: tuple[str, ...]
    unless: tuple[str, ...] = ()
    only_numbers: bool = False
    proposed: Meaning
    choices: tuple[Meaning, ...]


class LeftOutRules(BaseModel):
    """The content of left_out_columns.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    no: frozenset[str]
    partial: tuple[str, ...]
    whole: tuple[str, ...]
    refund_words: tuple[str, ...]
    cancel_words: tuple[str, ...]
    references: tuple[str, ...]
    kinds: tuple[KindRule, ...]


@dataclass(frozen=True)
class LeftOutColumn:
    """A column of the file that is left out and should not be without a decision.

    `rows` counts the cells that say something, of which `examples` are the first different ones. `meanings` are what
    staff can choose, the proposed one first.
    """

    title: str
    kind: Kind
    rows: int
    examples: tuple[str, ...]
    meanings: tuple[Meaning, ...]

    @property
    def proposed(self) -> Meaning:
        """The likeliest meaning. It is never taken without a choice."""
        return self.meanings[0]

    @property
    def uses(self) -> tuple[ColumnUse, ...]:
        """The meanings that are not fields, the likeliest first."""
        return tuple(cast(ColumnUse, meaning) for meaning in self.meanings if meaning in get_args(ColumnUse))

    @property
    def question(self) -> str:
        """Why the column is named, for people."""
        examples = ", ".join(self.examples)
        rows = format_count(self.rows, "row has", "rows have")
        return f"This column is left out and speaks of {SUBJECTS[self.kind]}: {rows} {examples}."


def find(table: Table, columns: Mapping[str, Sequence[str]]) -> tuple[LeftOutColumn, ...]:
    """Return the columns that no field takes and that need a decision, in the order of the file.

    `columns` are the titles that make up each of our columns (ColumnMapping.columns).
    """
    taken = {title for titles in columns.values() for title in titles}
    free = {place: title for place, title in enumerate(table.titles) if title not in taken}
    found = (_classify(scan, table, columns) for scan in _scan(table, free)) if free else ()
    return tuple(column for column in found if column is not None)


def find_undecided(
    table: Table, columns: Mapping[str, Sequence[str]] | None, uses: Mapping[str, ColumnUse]
) -> tuple[LeftOutColumn, ...]:
    """Return the columns without a decision. A file is not imported from the page or over HTTP while there are some.

    `columns` and `uses` are those of the mapping; in a file with our own columns they are None and empty.
    """
    if columns is None:
        names = zip(table.header, table.titles, strict=False)
        columns = {name: (title,) for name, title in names if name in KNOWN_COLUMNS}
    return tuple(column for column in find(table, columns) if column.title not in uses)


def list_warnings(table: Table, undecided: Iterable[LeftOutColumn]) -> list[Problem]:
    """Return a warning in the header for each of these columns."""
    ending = "Nothing of it is imported until you choose its meaning where columns are matched."
    return [Problem(table.header_row, each.title, f"{each.question} {ending}", "left_out") for each in undecided]


@lru_cache(4096)
def reads_as_no(cell: str) -> bool:
    """Return whether a cell says that nothing was refunded or canceled: it is empty, a zero or a word for no."""
    text = cell.strip().casefold()
    return bool(_ZERO.fullmatch(text)) or re.sub(r"[\s_-]+", " ", text).strip() in rules().no


@lru_cache(4096)
def is_partial(text: str) -> bool:
    """Return whether a title or cell speaks of a part."""
    return _has_words(text, rules().partial)


@lru_cache(4096)
def is_in_full(text: str) -> bool:
    """Return whether a title or cell speaks of the whole."""
    return _has_words(text, rules().whole)


@lru_cache(4096)
def speaks_of_refund(cell: str) -> bool:
    """Return whether a cell says that its row is a refund or was refunded."""
    return _has_words(cell, rules().refund_words)


@lru_cache(4096)
def speaks_of_cancellation(cell: str) -> bool:
    """Return whether a cell says that its row was canceled."""
    return _has_words(cell, rules().cancel_words)


@lru_cache(4096)
def is_number(cell: str) -> bool:
    """Return whether a cell is an amount or a count."""
    return bool(_NUMBER.fullmatch(import_cells.without_dollars(cell)))


@cache
def rules() -> LeftOutRules:
    """Return the content of left_out_columns.toml."""
    content = Path(__file__).with_name("left_out_columns.toml").read_text("utf-8")
    return LeftOutRules.model_validate(tomllib.loads(content))


class _ColumnScan:
    """What is seen of a column so far, in little memory whatever its cells are."""

    def __init__(self, title: str) -> None:
        self.kinds = [
            kind for kind in rules().kinds if _has_words(title, kind.words) and not _has_words(title, kind.unless)
        ]
        self.title = title
        self.rows = 0
        self.examples: dict[str, None] = {}
        self.words: dict[str, int] | None = {}

    def add(self, cell: str, rows: int) -> bool:
        """Take a cell that is not blank and its number of rows. Return whether the column needs a further look."""
        is_plain = cell.replace(".", "", 1).isdecimal()  # most amounts; the patterns take five times as long
        if not is_plain and any(kind.only_numbers for kind in self.kinds) and not is_number(cell):
            self.kinds = [kind for kind in self.kinds if not kind.only_numbers]
        says_no = not cell.strip("0.") if is_plain else reads_as_no(cell)
        if self.kinds and (self.kinds[0].name == "currency" or not says_no):
            self.rows += rows
            if len(self.examples) < _MAX_EXAMPLES:
                self.examples[cell] = None
        if self.words is not None:
            self.words[cell] = self.words.get(cell, 0) + rows
            if len(self.words) > _MAX_ROW_WORDS or len(cell) > _MAX_WORD_LENGTH:
                self.words = None
        return bool(self.kinds) or self.words is not None

    def list_row_words(self) -> dict[str, int]:
        """Return the words by which rows of a few kinds say that they are refunds or canceled, with their rows."""
        words = self.words or {}
        return {word: rows for word, rows in words.items() if speaks_of_refund(word) or speaks_of_cancellation(word)}


def _scan(table: Table, places: Mapping[int, str]) -> list[_ColumnScan]:
    """Scan columns by chunks of rows, since counting equal cells first takes a tenth of the time."""
    scans = {place: _ColumnScan(title) for place, title in places.items()}
    active = dict(scans)
    rows = iter(table.records)
    while active and (chunk := [cells for _, cells in islice(rows, _CHUNK_ROWS)]):
        for place, scan in list(active.items()):
            counts = Counter([cells[place] for cells in chunk if place < len(cells)])
            needs_more = [scan.add(cell, count) for each, count in counts.items() if (cell := each.strip())]
            if needs_more and not needs_more[-1]:
                del active[place]
    return list(scans.values())


def _classify(scan: _ColumnScan, table: Table, columns: Mapping[str, Sequence[str]]) -> LeftOutColumn | None:
    if scan.kinds:
        kind = scan.kinds[0]
        meanings = (kind.proposed, *kind.choices)
        if columns.get(FIELD_OF.get(kind.proposed, "")):
            meanings = meanings[::-1]  # the file's second currency or time zone
        return _create(scan.title, kind.name, scan.rows, scan.examples, meanings) if scan.rows else None
    words = scan.list_row_words()
    if not words:
        return None
    order: tuple[Meaning, ...] = ("status", "refund_rows")
    if _has_negative_totals(table, columns, scan.title, words):
        order = ("refund_rows", "status")
    return _create(scan.title, "rows", sum(words.values()), words, (*order, "ignore"))


def _create(title: str, kind: Kind, rows: int, cells: Iterable[str], meanings: tuple[Meaning, ...]) -> LeftOutColumn:
    examples = tuple(replace_control_characters(cell[:_MAX_WORD_LENGTH]) for cell in cells)[:_MAX_EXAMPLES]
    return LeftOutColumn(title, kind, rows, examples, meanings)


def _has_negative_totals(
    table: Table, columns: Mapping[str, Sequence[str]], title: str, words: Mapping[str, int]
) -> bool:
    """Return whether a total below zero is beside one of these words: then the row is a refund, not a refunded sale."""
    place = table.titles.index(title)
    totals = [table.titles.index(each) for each in columns.get("total_amount", ()) if each in table.titles]
    return any(
        cells[place].strip() in words and any(cells[total].strip().startswith(_MINUS_SIGNS) for total in totals)
        for _, cells in table.records
    )


def _has_words(text: str, words: Iterable[str]) -> bool:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    plain = f" {re.sub(r'[^0-9a-z]+', ' ', apart.casefold()).strip()} "
    return any(f" {word} " in plain for word in words)

"""A file of sales once it was read, whatever its format: columns, and rows with their numbers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from ticketing.errors import InvalidInput
from ticketing.file_reader.table_format import CELL_END, ROW_END

Row = tuple[int, list[str]]


class PackedRows(Sequence[Row]):
    """Rows in the bytes in which the worker wrote them, so that they take no more memory than the file."""

    def __init__(self, content: bytes, width: int) -> None:
        """Take the rows of a worker's output, each of which ends with ROW_END. Short ones get blank cells."""
        self._content = content
        self._width = width
        self._ends = array("L")
        end = content.find(ROW_END)
        while end >= 0:
            self._ends.append(end)
            end = content.find(ROW_END, end + 1)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        end = self._ends[place]
        start = self._ends[place - 1] + 1 if place % len(self) else 0
        number, *cells = self._content[start:end].split(CELL_END)[:-1]
        texts = [cell.decode("utf-8", "surrogatepass") for cell in cells]
        return int(number), texts + [""] * (self._width - len(texts))

    def __iter__(self) -> Iterator[Row]:
        for place in range(len(self)):
            yield self[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


@dataclass(frozen=True)
class Table:
    """The header, and each record that is not blank with its row number.

    `header` has the names in lower case with underscores. The header is row 1; a blank record is skipped but keeps its
    number, as in a spreadsheet program, and each has a cell for each column. `titles` are the names as the file writes
    them, made unique: a second "Address" is "Address (2)", one without a name is "Column 5". `row_problems` says what
    is wrong with rows that cannot be read at all, `column_problems` with columns, by title. A mapped table has our
    header, whatever the file's was.
    """

    header: tuple[str, ...]
    records: Sequence[Row]
    titles: tuple[str, ...] = ()
    row_problems: Mapping[int, str] = field(default_factory=dict)
    column_problems: Mapping[str, str] = field(default_factory=dict)
    is_mapped: bool = False


def unreadable_file_error(sentence: str) -> InvalidInput:
    """Return the error for a file that cannot be read at all."""
    return InvalidInput({"file": sentence})

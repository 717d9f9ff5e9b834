"""Read one or several sheets of an Excel workbook.

A workbook can ask for any amount of memory: one cell at the far end of the sheet is enough, or a text that many cells
repeat. python-calamine then ends its process, which is the worker with its limits. So it loads only the sheets that are
read; what is shown of the others comes from `workbook_parts`.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ticketing.file_reader.columns import normalize_header
from ticketing.file_reader.header import MAX_ROWS_TO_HEADER, count_known_names, find_header
from ticketing.file_reader.table_format import EMPTY, TableWriter, UnreadableFile
from ticketing.file_reader.workbook_parts import DAMAGED, WorkbookParts
from ticketing.formatting import format_count, replace_control_characters

MAX_SHEETS = 100
_MAX_EXACT_WHOLE_NUMBER = 2**53

Rows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class _Sheet:
    """A sheet as its first rows show it. `row_count` are the rows below its header that are not blank."""

    name: str
    is_hidden: bool
    header: tuple[str, ...]
    known_names: int
    row_count: int
    hidden_row_count: int


def read(file: IO[bytes], writer: TableWriter, sheet_names: Sequence[str] = ()) -> None:
    """Write the rows of these sheets, with dates and numbers as text; rows have the numbers that Excel shows for them.

    By default that is the first visible sheet that knows most columns, and all others with its header. Sheets that are
    read together must have the same header. The writer gets a list of all sheets with rows. Raises UnreadableFile.
    """
    content = file.read()
    parts = WorkbookParts(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            sheets = _list_sheets(book, parts)
            chosen = _choose_sheets(sheets, sheet_names)
            writer.sheets = _describe_sheets(sheets, chosen)
            for number, sheet in enumerate(chosen):
                _write_sheet(book, parts, sheet, number, len(chosen) > 1, writer)
    except (CalamineError, ElementTree.ParseError) as exc:
        raise UnreadableFile(DAMAGED) from exc


def _list_sheets(book: CalamineWorkbook, parts: WorkbookParts) -> list[_Sheet]:
    """Return the sheets that are not blank."""
    sheets: list[_Sheet] = []
    for data in book.sheets_metadata:
        counts = parts.count_rows(data.name)
        if data.typ != SheetTypeEnum.WorkSheet or not counts.filled or len(sheets) == MAX_SHEETS:
            continue
        rows = parts.read_first_rows(data.name, MAX_ROWS_TO_HEADER)
        place = find_header(rows) if rows else 0
        cells = rows[place] if rows else []
        header = normalize_header(cells)
        while header and not header[-1]:
            header = header[:-1]
        row_count = max(counts.filled - place - 1, 0)
        is_hidden = data.visible != SheetVisibleEnum.Visible
        sheets.append(
            _Sheet(data.name, is_hidden, header, count_known_names(cells), row_count, min(counts.hidden, row_count))
        )
    return sheets


def _choose_sheets(sheets: Sequence[_Sheet], names: Sequence[str]) -> list[_Sheet]:
    """Return the sheets to read. Raises UnreadableFile when there is none, or their headers differ."""
    if not names:
        return _choose_default_sheets(sheets)
    by_name = {sheet.name: sheet for sheet in sheets if sheet.row_count}
    if missing := [name for name in names if name not in by_name]:
        raise UnreadableFile(f"This workbook has no sheet {_quote(missing[0])} with rows.")
    chosen = [sheet for sheet in sheets if sheet.name in names and sheet.row_count]
    if different := [sheet for sheet in chosen if sheet.header != chosen[0].header]:
        raise UnreadableFile(
            f"The sheets {_quote(chosen[0].name)} and {_quote(different[0].name)} have different columns. Import them "
            "one after the other."
        )
    return chosen


def _choose_default_sheets(sheets: Sequence[_Sheet]) -> list[_Sheet]:
    """Return the first visible sheet that knows most columns, and the visible ones with the same header."""
    visible = [sheet for sheet in sheets if not sheet.is_hidden]
    with_rows = [sheet for sheet in visible if sheet.row_count]
    if not with_rows:
        if any(sheet.row_count for sheet in sheets):
            raise UnreadableFile(
                "All sheets of this workbook that have rows are hidden. Show the one with the sales in Excel, save the "
                "workbook, and choose it again."
            )
        if not visible:
            raise UnreadableFile(EMPTY)
        return visible[:1]
    best = max(with_rows, key=lambda sheet: sheet.known_names)
    return [sheet for sheet in with_rows if sheet is best or (sheet.header == best.header and sheet.known_names)]


def _describe_sheets(sheets: Sequence[_Sheet], chosen: Sequence[_Sheet]) -> list[dict[str, object]]:
    with_rows = [sheet for sheet in sheets if sheet.row_count]
    headers = list(dict.fromkeys(sheet.header for sheet in with_rows))
    return [
        {
            "name": sheet.name,
            "rows": sheet.row_count,
            "is_hidden": sheet.is_hidden,
            "is_read": sheet in chosen,
            "header_number": headers.index(sheet.header),
        }
        for sheet in with_rows
    ]


def _write_sheet(
    book: CalamineWorkbook,
    parts: WorkbookParts,
    sheet: _Sheet,
    number: int,
    is_one_of_several: bool,
    writer: TableWriter,
) -> None:
    unread = parts.read_unread_cells(sheet.name)
    rows = _iterate_rows(book.get_sheet_by_name(sheet.name), unread.texts)
    first_rows = list(islice(rows, MAX_ROWS_TO_HEADER))
    if not first_rows:
        return
    place = find_header([cells for _, cells in first_rows])
    for _, cells in first_rows[:place]:
        writer.skip_row(cells, sheet.name if is_one_of_several else "")
    if number == 0:
        row_number, cells = first_rows[place]
        writer.set_header(cells, row_number)
    if is_one_of_several:
        writer.start_sheet(number)
    for row_number, cells in chain(first_rows[place + 1 :], rows):
        writer.write_row(row_number, cells)
    for row, columns in unread.shown_as_codes.items():
        writer.mark_numbers(row + 1, columns)
    if sheet.hidden_row_count:
        hidden = format_count(sheet.hidden_row_count, "row is", "rows are")
        writer.notices.append(
            f"{hidden} hidden in the sheet {_quote(sheet.name)}, by a filter or by hand, and read as well."
        )
    if unread.empty_count:
        formulas = format_count(unread.empty_count, "formula has", "formulas have")
        writer.notices.append(
            f"{formulas} no result in the sheet {_quote(sheet.name)}: those cells count as empty. If they show a value "
            "in Excel, save the workbook there and choose it again."
        )


def _quote(name: str) -> str:
    return f"“{replace_control_characters(name)}”"


def _iterate_rows(sheet: CalamineSheet, texts: Mapping[int, Mapping[int, str]]) -> Rows:
    """Yield the rows that are not blank, with `texts` in them.

    python-calamine leaves out the blank columns before the first cell.
    """
    columns_before = sheet.start[1] if sheet.start else 0
    blank = [""] * columns_before
    for row, values in enumerate(sheet.iter_rows()):
        cells = blank + [_format_cell(value) for value in values]
        for column, text in texts.get(row, {}).items():
            if column < len(cells):
                cells[column] = text
        if "".join(cells).strip():
            yield row + 1, cells


def _format_cell(cell: Any) -> str:
    """Return numbers and dates as an import takes them."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case float() | int():
            return _format_number(cell)
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
        case datetime.date():
            return cell.isoformat()
        case datetime.time():
            return cell.isoformat(timespec="seconds")
        case datetime.timedelta():
            seconds = round(cell.total_seconds())
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case _:
            return str(cell)


def _format_number(number: float) -> str:
    """Return a number with the 15 digits that Excel shows of it, and a whole one with all digits while it is exact.

    Beyond that it has an exponent, by which the check finds ids that a spreadsheet shortened. Three decimals get a
    fourth: the point of "1.234" could be taken for one between thousands.
    """
    if abs(number) <= _MAX_EXACT_WHOLE_NUMBER and float(number).is_integer():
        return str(int(number))
    short = f"{number:.15g}"
    if float(short).is_integer() and abs(number) < 1e15:
        return str(int(float(short)))
    decimals = short.partition(".")[2]
    return f"{short}0" if len(decimals) == 3 and decimals.isdigit() else short
